"""From a folder of maps and an object's file to hands that other programs open"""

import contextlib
import io
import json
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
import trimesh

from perpart import export, fit, sampled
from perpart.anatomy import ANGLES, LIMITS
from perpart.colours import colour
from perpart.fit import Fitting
from perpart.fits import aims, solve
from perpart.fits.solve import Round
from perpart.hand import PARTS
from tests.perpart.refused import refused

AWAY = np.array([0.5, -0.3, 0.2])  # metres by which the tube's file lies off the origin
SHORT = (Round(2, 64, 6, 1.0, aims.Weights()), Round(1, 64, 6, 0.5, aims.Weights()))


@pytest.fixture(scope="module")
def folder(toothpaste, tmp_path_factory) -> Path:
    """Maps of two known grasps in `maps`, and their tube in millimetres, away from the origin."""
    place = tmp_path_factory.mktemp("fit")
    maps, mesh = toothpaste.maps, toothpaste.thing.mesh.copy()
    cloud = maps.cloud.copy()
    cloud[:, :3] += AWAY
    mesh.apply_translation(AWAY)
    drawn = export.Drawn(cloud, maps.contact, maps.part, maps.direction)
    export.write(place / "maps", drawn, mesh, "known grasps", {"seed": 0, "object": "tube.ply"})
    mesh.apply_scale(1000).export(place / "tube.ply")
    np.save(place / "tube.npy", cloud)
    return place


@pytest.fixture
def short(monkeypatch):
    """A fit of a few steps, where not its quality is asked about."""
    monkeypatch.setattr(solve, "ROUNDS", SHORT)
    monkeypatch.setattr(solve, "LAID", 4)


def wish(folder: Path, out: str, **changes) -> Fitting:
    asked = {"maps": str(folder / "maps"), "object": str(folder / "tube.ply"), "out": str(folder / out)} | changes
    return Fitting(**asked)


@pytest.fixture(scope="module")
def fitted(folder) -> tuple[Path, str]:
    """The folder that a whole fit wrote, and what it said."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        fit.fit(wish(folder, "hands"))
    return folder / "hands", text.getvalue()


def test_the_hands_come_back_to_the_object_in_its_own_place(fitted, toothpaste):
    numbers = np.load(fitted[0] / "hands.npz")
    assert tuple(numbers["angle_names"]) == ANGLES
    assert (numbers["angles"] >= LIMITS[:, 0]).all()
    assert (numbers["angles"] <= LIMITS[:, 1]).all()
    true = toothpaste.hands.root[:, :3, 3] + AWAY
    assert np.linalg.norm(numbers["root"][:, :3, 3] - true, axis=1).max() < 0.05  # wrists touch nothing


def test_it_prints_a_line_for_each_hand_and_the_seconds(fitted):
    lines = fitted[1].splitlines()
    assert lines[0].startswith("read ")
    assert [line.split()[0] for line in lines[1:5]] == ["hand", "000", "001", "median,"]
    assert "s a grasp to fit and " in lines[5]


def test_the_record_says_what_was_fitted_and_what_it_is_worth(folder, fitted):
    record = json.loads((fitted[0] / "fit.json").read_text())
    assert record["object"] == "tube.ply"
    assert record["seed"] == 0
    assert record["maps"]["digest"] == sampled.read(folder / "maps").digest
    assert len(record["hands"]) == 2
    assert all(hand["f1"] > 0.75 and hand["depth"] < 0.002 and hand["touches"] == 1 for hand in record["hands"])
    assert record["versions"]["mujoco"]
    assert all((fitted[0] / name).is_file() for name in record["files"])


@pytest.mark.parametrize("suffix", ["obj", "glb"])
def test_a_hand_is_read_back_with_a_material_for_each_part(fitted, suffix):
    scene = trimesh.load(fitted[0] / f"hand_001.{suffix}", split_object=True, group_material=False)
    numbers = np.load(fitted[0] / "hands.npz")
    found = {mesh.visual.material.name: mesh for mesh in scene.geometry.values()}
    assert set(found) == set(PARTS)
    for part in ("palm", "thumb3", "little2"):
        assert found[part].is_watertight
    painted = found["index2"].visual.material.main_color[:3] / 255
    assert painted == pytest.approx(colour("index2"), abs=0.01)
    assert np.linalg.norm(found["palm"].centroid - numbers["root"][1, :3, 3]) < 0.1


def test_the_picture_shows_the_digits(fitted):
    picture = matplotlib.image.imread(fitted[0] / "fits.png")
    assert np.ptp(picture[:, :, :3], axis=2).max() > 0.3


def test_the_same_seed_writes_the_same_bytes(folder, short):
    for out in ("a", "b"):
        fit.fit(wish(folder, out, n=1))
    names = sorted(path.name for path in (folder / "a").iterdir())
    assert names == ["fit.json", "fits.png", "hand_000.glb", "hand_000.mtl", "hand_000.obj", "hands.npz"]
    for name in names:
        assert (folder / "a" / name).read_bytes() == (folder / "b" / name).read_bytes()


def test_fewer_hands_replace_more_and_leave_other_files(folder, short):
    fit.fit(wish(folder, "again"))
    (folder / "again" / "mine.txt").write_text("")
    fit.fit(wish(folder, "again", n=1))
    assert not (folder / "again" / "hand_001.obj").exists()
    assert (folder / "again" / "mine.txt").exists()


def test_the_seconds_are_a_grasp_s_to_fit_and_to_judge(folder, short, capsys, monkeypatch):
    clock = iter([10.0, 13.0, 14.0])
    monkeypatch.setattr(fit.time, "perf_counter", lambda: next(clock))
    fit.fit(wish(folder, "clocked"))
    assert "1.50 s a grasp to fit and 0.50 s to judge" in capsys.readouterr().out


def test_a_point_cloud_is_fitted_without_an_inside_and_it_is_said(folder, short, capsys):
    worth = fit.fit(wish(folder, "cloud", object=str(folder / "tube.npy"), n=1))
    assert "a point cloud has no inside" in capsys.readouterr().out
    assert np.isnan(worth.depth).all()
    assert json.loads((folder / "cloud" / "fit.json").read_text())["hands"][0]["depth"] is None
    assert not (folder / "cloud" / "fits.png").exists()


# --- bad input ---


def refusal(capsys, folder: Path, **changes: str) -> str:
    asked = {"maps": folder / "maps", "object": folder / "tube.ply", "out": folder / "cli"} | changes
    return refused(capsys, fit.main, *(word for name, value in asked.items() for word in (f"--{name}", str(value))))


def test_a_folder_without_maps_is_one_line(folder, capsys):
    assert "meta.json: there is no such file; give a folder that" in refusal(capsys, folder, maps=folder)


@pytest.mark.parametrize(("name", "value"), [("n", "0"), ("n", "3"), ("seed", "-1"), ("mass", "0")])
def test_a_number_of_no_use_is_one_line(folder, capsys, name, value):
    assert f"--{name} {value}" in refusal(capsys, folder, **{name: value})


def test_another_object_is_one_line(folder, capsys):
    trimesh.creation.box((0.2, 0.2, 0.2)).export(folder / "box.ply")
    assert "mm off" in refusal(capsys, folder, object=folder / "box.ply")


def test_a_missing_object_and_an_empty_out_are_one_line(folder, capsys):
    assert "no such file" in refusal(capsys, folder, object=folder / "none.ply")
    assert "--out is empty" in refusal(capsys, folder, out="")
