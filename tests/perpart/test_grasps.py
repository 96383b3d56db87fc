"""The data set: its files, the command, and what is shipped"""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import perpart
from perpart import objects
from perpart.anatomy import LIMITS
from perpart.data import graspset
from perpart.errors import Mistake
from perpart.grasps import __main__ as grasps
from perpart.grasps import filters, plan
from perpart.hands import Hands
from perpart.objects import field

DATA = Path(perpart.__file__).parent / "shipped"


@pytest.fixture(scope="module")
def shipped() -> graspset.GraspSet:
    return graspset.load()


def test_at_least_two_thousand_grasps_on_sixty_objects_of_every_category(shipped):
    assert len(shipped) >= 2000
    assert len(set(shipped.objects)) >= 60
    held = {shipped.objects[thing][0] for thing in np.unique(shipped.object_of)}
    assert held == set(objects.CATEGORIES)


def test_the_shipped_set_is_small(shipped):
    assert sum(file.stat().st_size for file in DATA.glob("grasps.*")) <= 5_000_000


def test_the_six_held_out_categories_are_seen_in_the_test_only(shipped):
    in_split = {
        name: {shipped.objects[i][0] for i in np.unique(shipped.object_of[shipped.of(name)])}
        for name in graspset.SPLITS
    }
    assert in_split["test"] == set(plan.HELD_OUT)
    assert not in_split["test"] & (in_split["train"] | in_split["valid"])
    assert sum(len(shipped.of(name)) for name in graspset.SPLITS) == len(shipped)


def test_validation_objects_are_unseen_instances_of_seen_categories(shipped):
    parts = {
        name: {shipped.objects[i] for i in np.unique(shipped.object_of[shipped.of(name)])} for name in graspset.SPLITS
    }
    assert not parts["train"] & parts["valid"]
    assert {category for category, _ in parts["valid"]} <= {category for category, _ in parts["train"]}


def test_at_least_twelve_preshapes_are_there_and_none_dominates(shipped):
    shares = np.bincount(shipped.kind, minlength=len(shipped.preshapes)) / len(shipped)
    assert (shares > 0).sum() >= 12
    assert shares.max() < 0.25


def test_shipped_poses_are_single_precision_rigid_and_within_limits(shipped):
    assert {shipped.angles.dtype, shipped.root.dtype, shipped.bones.dtype} == {np.dtype(np.float32)}
    assert (shipped.angles <= LIMITS[:, 1] + 1e-6).all()
    assert (shipped.angles >= LIMITS[:, 0] - 1e-6).all()
    turns = shipped.root[:, :3, :3].astype(np.float64)
    np.testing.assert_allclose(turns @ turns.swapaxes(1, 2), np.tile(np.eye(3), (len(shipped), 1, 1)), atol=1e-6)


def test_shipped_figures_keep_the_limits(shipped):
    depth, volume, epsilon, shift, turn = shipped.quality.T
    assert (depth <= 0.002).all()
    assert (volume <= 1e-6).all()
    assert (epsilon > 0).all()
    assert (shift < 0.02).all()
    assert (np.degrees(turn) < 15).all()


@pytest.mark.parametrize("split", graspset.SPLITS)
def test_the_objects_still_fit_the_shipped_hands(shipped, split):
    chosen = np.unique(shipped.object_of[shipped.of(split)])[::20]
    for thing in chosen:
        mine = shipped.object_of == thing
        hands = Hands.of(*(array[mine].astype(np.float64) for array in (shipped.angles, shipped.root, shipped.bones)))
        verdict = filters.judge(field.build(objects.build(*shipped.objects[thing]).mesh), hands)
        assert set(verdict.why) == {""}, shipped.objects[thing]
        np.testing.assert_allclose(verdict.depth, shipped.quality[mine, 0], atol=1e-5)


def test_the_shipped_set_says_how_it_was_made():
    said = json.loads((DATA / "grasps.json").read_text())
    assert said["command"].startswith("python -m perpart.grasps make")
    assert said["tries"]["accepted"] == len(graspset.load())
    assert said["unit"] == "m"


def test_the_same_seed_gives_the_same_bytes_whatever_the_number_of_jobs(tmp_path):
    for jobs in (1, 2):
        options = {"grasps": 4, "seed": 3, "instances": 1, "categories": ("cup", "egg"), "rounds": 1}
        grasps.make(tmp_path / str(jobs), jobs=jobs, **options)
    for name in ("grasps.npz", "grasps.json", "card.md", "card.json"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()
    # The cup takes longer: with two jobs the egg is done first, and its grasps must still be the egg's.
    assert (graspset.load(tmp_path / "2").object_of == 1).sum() == 2


def test_what_is_saved_is_loaded(shipped, tmp_path):
    graspset.save(shipped, tmp_path, {})
    again = graspset.load(tmp_path)
    for name in ("object_of", "angles", "root", "bones", "kind", "quality"):
        np.testing.assert_array_equal(getattr(again, name), getattr(shipped, name))
    assert (again.objects, again.split, again.preshapes, again.figures) == (
        shipped.objects, shipped.split, shipped.preshapes, shipped.figures,
    )  # fmt: skip


def test_describe_says_what_is_there(shipped, capsys):
    grasps.describe()
    said = capsys.readouterr().out
    assert f"{len(shipped)} grasps on {len(shipped.objects)} objects" in said
    assert Counter(said.split())["grasps"] == 4


def test_files_that_are_missing_cut_or_of_another_hand_are_told(shipped, tmp_path):
    with pytest.raises(Mistake, match=r"grasps\.json: is missing"):
        graspset.load(tmp_path)
    graspset.save(shipped, tmp_path, {})
    whole = (tmp_path / "grasps.npz").read_bytes()
    (tmp_path / "grasps.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Mistake, match="cannot be read"):
        graspset.load(tmp_path)
    (tmp_path / "grasps.npz").write_bytes(whole)
    said = json.loads((tmp_path / "grasps.json").read_text())
    (tmp_path / "grasps.json").write_text(json.dumps(said | {"angles": ["elbow"]}))
    with pytest.raises(Mistake, match="another hand"):
        graspset.load(tmp_path)
    (tmp_path / "grasps.json").write_text(json.dumps(said | {"objects": said["objects"][:3]}))
    with pytest.raises(Mistake, match="does not list"):
        graspset.load(tmp_path)


def test_an_unknown_split_is_told(shipped):
    with pytest.raises(Mistake, match="no split is called 'dev'"):
        shipped.of("dev")


def test_bad_input_on_the_command_line_is_one_line_and_exit_code_2(tmp_path, capsys):
    with pytest.raises(SystemExit) as left:
        grasps.main(["make", "--out", str(tmp_path), "--categories", "spork"])
    said = capsys.readouterr().err
    assert left.value.code == 2
    assert said.startswith("error: no object category is called 'spork'")
    assert said.count("\n") == 1


def test_a_folder_without_grasps_is_one_line_and_exit_code_2(tmp_path, capsys):
    with pytest.raises(SystemExit) as left:
        grasps.main(["describe", "--data", str(tmp_path)])
    assert left.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1
