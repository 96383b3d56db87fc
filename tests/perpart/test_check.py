from pathlib import Path

import numpy as np
import pytest
import trimesh

from perpart.data import folder as files
from perpart.data import kinds
from perpart.data.check import Report, check
from perpart.errors import Mistake
from tests.perpart import own
from tests.perpart.test_folder import reworded

BALL, CAN = own.things().values()


def told(report: Report) -> list[str]:
    return [str(defect).removeprefix(f"{report.folder}/") for defect in report.defects]


@pytest.mark.parametrize("write", [own.angles_folder, own.contact_folder, own.mesh_folder])
def test_a_good_folder_has_no_defects(tmp_path, write):
    report = check(write(tmp_path))
    assert told(report) == []
    assert report.summary == f"{tmp_path}: 6 grasps on 2 objects (3 train, 3 valid, 0 test): no defects"


def test_all_defects_are_told_not_only_the_first(tmp_path):
    angles, root = own.hands()
    angles[1, 8] = 3.0
    root[0, :3, :3] *= 2
    objects = own.entries()
    objects[0]["mesh"] = trimesh.Trimesh(BALL.vertices, BALL.faces[1:], process=False)
    objects.append({"name": "tin", "mesh": CAN, "split": "train"})
    files.write(tmp_path, "angles", objects, {"object_of": np.repeat([0, 1], 3), "angles": angles, "root": root})
    report = check(tmp_path)
    for i, said in enumerate((
        "grasps.json: object 2: 'tin' of train is object 1, 'can' of valid; an object belongs in one split",
        "grasps.json: object 2: no grasp is of it, 'tin',; leave it out or add grasps",
        "grasps.npz: root is no rotation and place in 1 of 6 grasps (grasp 0 first); give the palm's axes",
        "objects/ball.ply: open, not watertight: 3 edges have one face; close the holes",
        "grasps.npz: 1 of 6 grasps bend a joint beyond its limits; worst is grasp 1",
    )):  # fmt: skip
        assert told(report)[i].startswith(said), told(report)
    assert report.summary.endswith("5 defects, 2 of which forbid training")


def test_what_only_costs_quality_is_told_and_trained_on(tmp_path):
    objects = own.entries()
    objects[0]["mesh"] = trimesh.Trimesh(BALL.vertices, BALL.faces[1:], process=False)
    whole = kinds.load(own.contact_folder(tmp_path / "whole"))
    arrays = {f"contact_{i}": whole.contact[i] for i in range(2)} | {"object_of": whole.object_of}
    files.write(tmp_path / "open", "contact", objects, arrays)
    assert len(kinds.load(tmp_path / "open")) == 6
    assert [defect.fatal for defect in check(tmp_path / "open").defects] == [False]


def test_what_forbids_training_is_the_line_that_training_refuses_with(tmp_path):
    own.angles_folder(tmp_path, angles=np.full((6, 21), np.nan))
    report = check(tmp_path)
    with pytest.raises(Mistake) as refused:
        kinds.load(tmp_path)
    assert str(refused.value) == str(report.defects[0])
    assert report.found is None
    assert report.summary == f"{tmp_path}: cannot be used: 1 defect, 1 of which forbid training"


def test_a_split_without_grasps_is_told(tmp_path):
    said = told(check(own.angles_folder(tmp_path, object_of=np.zeros(6, int))))
    assert any("no grasp is of the split 'valid'; give some objects to it" in line for line in said)


def test_an_old_folder_is_one_line(tmp_path):
    report = check(reworded(own.angles_folder(tmp_path), version=None))
    assert len(report.defects) == 1
    assert "from before data folders had a version" in told(report)[0]


def test_maps_in_manos_order_are_told(tmp_path):
    rng, points, per = np.random.default_rng(0), BALL.vertices, 30
    places = np.array([[0, 0, -0.035], [-0.02, 0, 0.03], [-0.007, 0, 0.034], [0.007, 0, 0.034], [0.02, 0, 0.03]])
    maps = np.zeros((per, len(points), 16))
    for digit, place in enumerate(places):  # the thumb below, four fingers side by side on top
        spots = place + rng.normal(0, 0.002, (per, 1, 3))
        maps[:, :, 3 + 3 * digit] = np.linalg.norm(points - spots, axis=-1) < 0.008
    theirs = maps[:, :, np.argsort([0, 13, 14, 15, 1, 2, 3, 4, 5, 6, 10, 11, 12, 7, 8, 9])]
    for name, contact in (("ours", maps), ("theirs", theirs)):
        arrays = {"object_of": np.repeat([0, 1], [per, 1]), "contact_0": contact, "contact_1": own.maps(CAN, 1, 1)[0]}
        files.write(tmp_path / name, "contact", own.entries(), arrays)
    assert told(check(tmp_path / "ours")) == []
    (line,) = told(check(tmp_path / "theirs"))
    assert "parts seem to be in MANO's order; reorder them: ours = theirs[[0, 13, 14, 15, 1," in line


def test_a_folder_without_files_is_told(tmp_path: Path):
    assert told(check(tmp_path)) == [f"grasps.json: is missing; {files.AGAIN}"]
