"""Contact maps that somebody has come in: one mesh for each object, arrays beside it"""

import json

import numpy as np
import pytest
import trimesh

from perpart import hand
from perpart.data import foreign, kinds
from perpart.data.__main__ import main
from perpart.errors import Mistake

RNG = np.random.default_rng(0)
BOX, BALL = trimesh.creation.box((40, 60, 80)).subdivide(), trimesh.creation.icosphere(2, 30.0)
ON_BOX = RNG.random((3, 26, 16)).astype(np.float32)
ON_BALL = RNG.integers(0, 256, (2, 50, 16)).astype(np.uint8)
POINTS = (30 * np.array(BALL.face_normals)[:50]).astype(np.float32)


@pytest.fixture
def source(tmp_path):
    """A box with contact at its vertices in one file, a ball with points of its own in a file for each grasp."""
    folder = tmp_path / "mine"
    (folder / "ball").mkdir(parents=True)
    BOX.export(folder / "box.stl")  # each triangle has its own corners there
    BOX.export(folder / "box.ply")
    (folder / "box.stl").unlink()
    np.save(folder / "box.npy", ON_BOX)
    BALL.export(folder / "ball.obj")
    for grasp in range(2):
        np.savez(folder / "ball" / f"{grasp}.npz", contact=ON_BALL[grasp], points=POINTS)
    return folder


def bring(source, out, unit="mm", order="ours", splits=None) -> list[str]:
    return foreign.bring(source, out, unit=unit, up="z", order=order, splits=splits or {})


def brought(out) -> tuple[dict, dict]:
    with np.load(out / "grasps.npz", allow_pickle=False) as file:
        return json.loads((out / "grasps.json").read_text()), dict(file)


def test_the_folder_says_what_it_holds(source, tmp_path):
    said = bring(source, tmp_path / "out", splits={"box": "valid"})
    told, arrays = brought(tmp_path / "out")
    assert (told["format"], told["version"], told["kind"], told["unit"]) == ("perpart-grasps", 1, "contact", "mm")
    assert told["objects"] == [
        {"name": "ball", "mesh": "objects/ball.ply", "split": "train"},
        {"name": "box", "mesh": "objects/box.ply", "split": "valid"},
    ]
    assert arrays["object_of"].tolist() == [0, 0, 1, 1, 1]
    np.testing.assert_array_equal(arrays["contact_0"], ON_BALL)
    np.testing.assert_array_equal(arrays["points_0"], POINTS)
    assert arrays["contact_1"].dtype == np.uint8
    np.testing.assert_allclose(arrays["contact_1"] / 255, ON_BOX, atol=0.5 / 255 + 1e-6)
    assert "points_1" not in arrays
    mesh = trimesh.load(tmp_path / "out" / "objects" / "box.ply", process=False)
    np.testing.assert_allclose(mesh.vertices, BOX.vertices)
    assert said[0].startswith("5 grasps of 2 objects are in")


def test_what_came_in_can_be_trained_on_where_contact_was_told(source, tmp_path):
    bring(source, tmp_path / "out", unit="mm", splits={"box": "valid"})
    data = kinds.load(tmp_path / "out")
    cloud = data.cloud(1, 26)
    touch, _, _ = data.label(data.of("valid"), cloud[None], np.zeros(3, int))
    for grasp in range(3):
        for point, contact in zip(cloud[:, :3], touch[grasp], strict=True):
            vertex = np.linalg.norm(BOX.vertices / 1000 - point, axis=1).argmin()
            np.testing.assert_allclose(contact / 255, ON_BOX[grasp, vertex], atol=0.5 / 255 + 1e-6)


def test_a_mesh_whose_triangles_share_no_corners_keeps_them_all(tmp_path):
    (tmp_path / "mine").mkdir()
    BOX.export(tmp_path / "mine" / "box.stl")
    np.save(tmp_path / "mine" / "box.npy", np.zeros((144, 16)))
    bring(tmp_path / "mine", tmp_path / "out")
    assert len(trimesh.load(tmp_path / "out" / "objects" / "box.ply", process=False).vertices) == 144


def test_manos_parts_become_ours(source, tmp_path):
    theirs = [
        "palm",
        *(f"{digit}{bone}" for digit in ("index", "middle", "little", "ring", "thumb") for bone in (1, 2, 3)),
    ]
    bring(source, tmp_path / "out", order="mano")
    _, arrays = brought(tmp_path / "out")
    for part, name in enumerate(hand.PARTS):
        np.testing.assert_array_equal(arrays["contact_0"][..., part], ON_BALL[..., theirs.index(name)])


SPOILED = {
    "no folder": (lambda s: s.rename(s.parent / "elsewhere"), "there is no such folder"),
    "no meshes": (lambda s: [s.joinpath(name).unlink() for name in ("box.ply", "ball.obj")], "holds no mesh"),
    "two of a name": (lambda s: BOX.export(s / "box.off"), r"box\.off and box\.ply are of one name"),
    "no contact": (lambda s: (s / "box.npy").unlink(), "box has a mesh and no contact"),
    "width": (lambda s: np.save(s / "box.npy", np.zeros((26, 15))), r"contact is \(26, 15\); expected \[26, 16\]"),
    "count": (lambda s: np.save(s / "box.npy", np.zeros((9, 16))), "for its 26 vertices of its mesh"),
    "range": (lambda s: np.save(s / "box.npy", np.full((26, 16), 2.0)), r"contact is neither in \[0, 1\] nor bytes"),
    "nan": (lambda s: np.save(s / "box.npy", np.full((26, 16), np.nan)), r"contact is neither in \[0, 1\] nor bytes"),
    "objects": (lambda s: np.save(s / "box.npy", np.array([{}]), allow_pickle=True), r"box\.npy: cannot be read"),
    "no key": (lambda s: np.savez(s / "ball" / "1.npz", c=np.ones(3)), r"1\.npz: cannot be read"),
    "points": (
        lambda s: np.savez(s / "ball" / "1.npz", contact=ON_BALL[1], points=np.zeros((50, 2))),
        r"points \(50, 2\) are no finite",
    ),
    "other points": (
        lambda s: np.savez(s / "ball" / "1.npz", contact=ON_BALL[1], points=POINTS + 1),
        r"its points are not those of 0\.npz",
    ),
    "cloud": (
        lambda s: trimesh.PointCloud(RNG.random((50, 3))).export(s / "box.ply"),
        r"box\.ply: holds no triangles",
    ),
}


@pytest.mark.parametrize("spoiled", SPOILED)
def test_what_is_missing_or_wrong_is_told_in_one_line(source, tmp_path, spoiled):
    spoil, told = SPOILED[spoiled]
    spoil(source)
    with pytest.raises(Mistake, match=told) as caught:
        bring(source, tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out" / "grasps.json").exists()


def test_a_split_of_an_object_that_is_not_there_is_told(source, tmp_path):
    with pytest.raises(Mistake, match="no object is called 'mug'; there are: ball, box"):
        bring(source, tmp_path / "out", splits={"mug": "test"})


def test_the_command_asks_for_the_unit_and_the_order(source, tmp_path, capsys):
    command = ["import-contacts", str(source), "--out", str(tmp_path / "out")]
    with pytest.raises(SystemExit):
        main(command)
    assert "--unit" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        main([*command, "--unit", "mm", "--order", "mano", "--valid", "box", "--test", "ball"])
    assert not ended.value.code
    assert "5 grasps of 2 objects" in capsys.readouterr().out
    assert [entry["split"] for entry in brought(tmp_path / "out")[0]["objects"]] == ["test", "valid"]
