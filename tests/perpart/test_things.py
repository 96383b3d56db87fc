import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from perpart.data import folder as files
from perpart.data import things
from perpart.data.defects import Defect
from perpart.data.things import Frame, Own, Placed
from perpart.objects import build
from tests.perpart import own


def placed(folder: Path, entries: list[dict[str, Any]], **said: Any) -> tuple[Placed, list[str]]:
    """The objects of a folder, and what was told of them."""
    found: list[Defect] = []
    files.write(folder, "angles", entries, {})
    path = folder / "grasps.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "unit": None, "up": None, **said}))
    content = files.read(folder, found.append)
    assert content is not None
    return things.place(content, found.append), [str(defect) for defect in found]


def entry(name: str, mesh: trimesh.Trimesh, split: str = "train") -> dict[str, Any]:
    return {"name": name, "mesh": mesh, "split": split}


def moved(mesh: trimesh.Trimesh, scale: float, up: str = "z", shift: tuple[float, ...] = (0, 0, 0)) -> trimesh.Trimesh:
    """The mesh as a file in another unit, with another axis up, elsewhere."""
    vertices = (mesh.vertices + shift) @ things.UPRIGHT[up] * scale
    return trimesh.Trimesh(vertices, mesh.faces, process=False)


CAN = own.things()["can"]


@pytest.mark.parametrize(("unit", "scale"), [("m", 1), ("mm", 1000)])
def test_the_unit_is_inferred_from_the_size_and_said(tmp_path, unit, scale):
    found, told = placed(tmp_path, [entry("can", moved(CAN, scale))])
    (note,) = found.notes
    assert told == []
    assert note.startswith(f"unit {unit}, for the objects' bounding boxes have diagonals of")
    assert "up is z, for grasps.json does not say" in note
    np.testing.assert_allclose(np.ptp(found.things[0].vertices, axis=0), [0.06, 0.06, 0.12], atol=1e-6)


@pytest.mark.parametrize(("unit", "up"), [("m", "z"), ("cm", "z"), ("mm", "y"), ("m", "y")])
def test_whatever_unit_axis_and_place_the_object_is_the_same(tmp_path, unit, up):
    plain, _ = placed(tmp_path / "plain", [entry("can", CAN)])
    other = moved(CAN, 1 / files.UNITS[unit], up, (0.3, -0.2, 0.1))
    same, told = placed(tmp_path / "other", [entry("can", other)], unit=unit, up=up)
    assert told == []
    np.testing.assert_allclose(same.things[0].vertices, plain.things[0].vertices, atol=1e-7)
    np.testing.assert_allclose(things.pool(same.things[0], 500), things.pool(plain.things[0], 500), atol=1e-4)
    np.testing.assert_allclose(same.frames[0].points(other.vertices), plain.frames[0].points(CAN.vertices), atol=1e-6)


def test_a_frame_takes_points_normals_and_poses_the_same_way():
    turn, pose = things.UPRIGHT["y"], np.eye(4)
    frame = Frame(0.001, turn, np.array([1.0, 2, 3]))
    pose[:3, 3] = [10, 20, 30]
    placed = frame.poses(pose)
    np.testing.assert_allclose(placed[:3, 3], frame.points(pose[:3, 3]))
    np.testing.assert_allclose(placed[:3, :3], turn)
    np.testing.assert_allclose(frame.normals(np.array([0.0, 1, 0])), [0, 0, 1])


def test_recipes_stay_pairs_and_their_pool_is_the_one_they_always_had(tmp_path):
    found, told = placed(tmp_path, [{"category": "mug", "seed": 3, "split": "train"}])
    assert (found.things, found.notes, told) == ((("mug", 3),), (), [])
    assert things.name(("mug", 3)) == "mug 3"
    assert things.pool(("mug", 3), 50).shape == (50, 6)
    np.testing.assert_array_equal(things.mesh(("mug", 3)).vertices, build("mug", 3).mesh.vertices)


def test_an_own_object_has_a_category_or_is_its_own(tmp_path):
    found, _ = placed(tmp_path, [entry("can", CAN), entry("ball", own.things()["ball"]) | {"category": "toy"}])
    assert [things.category(thing) for thing in found.things] == ["can", "toy"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (3, "is no entry of an object"),
        ({"category": "mug", "seed": 3}, "is of split None; say one of train, valid, test"),
        ({"category": "mug", "seed": 3, "split": "dev"}, "is of split 'dev'"),
        ({"category": "mug", "split": "train"}, "neither category and seed nor a mesh"),
        ({"category": "unicorn", "seed": 3, "split": "train"}, "no recipe makes 'unicorn' with seed 3"),
        ({"mesh": "x.ply", "split": "train"}, "has a mesh and no name"),
    ],
)
def test_an_entry_that_means_nothing_is_told_with_its_number(tmp_path, wrong, said):
    files.write(tmp_path, "angles", [{"category": "mug", "seed": 0, "split": "train"}], {})
    content, found = files.read(tmp_path, pytest.fail), []
    assert content is not None
    content.said["objects"].append(wrong)
    things.place(content, found.append)
    assert said in str(found[0])
    assert str(found[0]).startswith(f"{content.words}: object 1: ")


def test_a_recipe_in_millimetres_makes_no_sense(tmp_path):
    mug = {"category": "mug", "seed": 3, "split": "train"}
    _, told = placed(tmp_path / "inferred", [mug, entry("can", moved(CAN, 1000))])
    assert "holds recipes, which are in metres" in told[0]
    _, told = placed(tmp_path / "said", [mug], unit="mm")
    assert "holds recipes, which are in metres" in told[0]


def test_mixed_units_and_sizes_that_fit_none_are_told(tmp_path):
    _, told = placed(tmp_path / "mixed", [entry("can", CAN), entry("large", moved(CAN, 1100))])
    assert "mixed units" in told[0]
    _, told = placed(tmp_path / "none", [entry("can", moved(CAN, 20))])
    assert "no unit fits" in told[0]


@pytest.mark.parametrize("scale", [100, 0.01])
def test_an_enormous_or_tiny_object_is_told_though_the_unit_is_given(tmp_path, scale):
    _, told = placed(tmp_path, [entry("can", moved(CAN, scale))], unit="m")
    assert len(told) == 1
    assert "'can' is " in told[0]
    assert "no hand holds that" in told[0]


def test_an_object_in_two_splits_is_told_by_name_by_recipe_and_by_shape(tmp_path):
    mug = {"category": "mug", "seed": 3}
    _, told = placed(tmp_path / "recipe", [mug | {"split": "train"}, mug | {"split": "test"}])
    assert "'mug 3' of test is object 0, 'mug 3' of train" in told[0]
    _, told = placed(tmp_path / "shape", [entry("can", CAN), entry("tin", moved(CAN, 1, "z", (1, 2, 3)), "valid")])
    assert "'tin' of valid is object 0, 'can' of train; an object belongs in one split" in told[0]
    _, told = placed(tmp_path / "alike", [entry("can", CAN), entry("tin", CAN)])
    assert told == []
    _, told = placed(tmp_path / "other", [entry("can", CAN), entry("tin", moved(CAN, 1.01), "valid")])
    assert told == []


def test_one_name_for_two_objects_is_told(tmp_path):
    _, told = placed(tmp_path, [entry("can", CAN), {"category": "mug", "seed": 1, "split": "train"}])
    assert told == []
    files.write(tmp_path, "angles", [entry("can", CAN), entry("ball", own.things()["ball"])], {})
    content, found = files.read(tmp_path, pytest.fail), []
    content.said["objects"][1]["name"] = "can"
    things.place(content, found.append)
    assert "is called 'can', as object 0 is; give it a name of its own" in str(found[0])


def test_a_broken_mesh_leaves_the_others_in_their_places(tmp_path):
    own.angles_folder(tmp_path)
    (tmp_path / "objects" / "ball.ply").write_text("x")
    content, found = files.read(tmp_path, pytest.fail), []
    assert content is not None
    result = things.place(content, found.append)
    assert len(found) == 1
    assert result.things[0] is None
    assert isinstance(result.things[1], Own)
    assert result.split == ("train", "valid")
