"""A sampling folder is read as it is, and what does not belong together is one line"""

from dataclasses import replace

import numpy as np
import pytest
import trimesh

from perpart import clouds, sampled
from perpart.errors import Mistake
from tests.perpart.sampled import MUG, drawn, folder, found


@pytest.fixture
def place(tmp_path):
    return folder(tmp_path / "maps", 2, 200)


def test_a_folder_is_read_as_it_was_written(place):
    read, made = sampled.read(place), drawn(2, 200)
    for name in ("points", "contact", "part", "direction"):
        assert np.array_equal(getattr(read, name), getattr(made, name)), name
    assert read.meta["object"] == "mug.ply"


def test_maps_of_one_bit_s_difference_have_another_digest():
    one, other = found(2, 200), found(2, 200)
    assert one.digest == other.digest
    for name in ("points", "contact", "part", "direction"):
        changed = getattr(other, name).copy()
        changed.flat[-1] += 1
        assert replace(other, **{name: changed}).digest != one.digest, name


def test_points_lie_on_the_object_that_was_sampled_and_not_on_its_box(place, tmp_path):
    MUG.export(tmp_path / "mug.ply")
    MUG.bounding_box_oriented.export(tmp_path / "box.ply")
    points = sampled.read(place).points
    sampled.on(points, clouds.read(tmp_path / "mug.ply", "m"), place, "mug.ply")
    with pytest.raises(Mistake, match=r"box\.ply: the points of .* mm off it; give the object that was sampled, and"):
        sampled.on(points, clouds.read(tmp_path / "box.ply", "m"), place, tmp_path / "box.ply")


def test_an_open_mesh_of_large_triangles_is_known_again(tmp_path):
    box = trimesh.creation.box((0.1, 0.1, 0.1))
    box.update_faces(np.arange(12) >= 2)
    box.export(tmp_path / "open.ply")
    cloud = clouds.read(tmp_path / "open.ply", "m")
    sampled.on(cloud.sample(300, np.random.default_rng(0)), cloud, "maps", "open.ply")


def test_a_point_cloud_is_known_again_by_its_points(tmp_path):
    np.save(tmp_path / "cloud.npy", drawn(1, 300).points)
    cloud = clouds.read(tmp_path / "cloud.npy", "m")
    points = cloud.sample(100, np.random.default_rng(0))
    sampled.on(points, cloud, "maps", "cloud.npy")
    points[:, 0] += 0.005
    with pytest.raises(Mistake, match=r"lie [2-5]\.\d mm off it"):
        sampled.on(points, cloud, "maps", "cloud.npy")


SPOILT = {
    "contact_maps.npy": (np.zeros((2, 200, 15)), r"has the shape \[2, 200, 15\]; expected \[n, points, 16\]"),
    "points.npy": (np.zeros((199, 6)), r"has the shape \[199, 6\]; expected \[200, 6\]"),
    "part_map.npy": (np.zeros((3, 200), np.int64), r"expected \[2, 200\]"),
    "uv_map.npy": (np.zeros((2, 200)), r"expected \[2, 200, 3\]"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_an_array_of_another_shape_is_one_line(place, name):
    array, words = SPOILT[name]
    np.save(place / name, array)
    with pytest.raises(Mistake, match=name + ".*" + words):
        sampled.read(place)


@pytest.mark.parametrize("name", [*SPOILT, "meta.json"])
def test_a_file_that_is_missing_or_cannot_be_read_is_one_line(place, name):
    (place / name).write_bytes(b"nonsense")
    with pytest.raises(Mistake, match=name):
        sampled.read(place)
    (place / name).unlink()
    with pytest.raises(Mistake, match=f"{name}: there is no such file"):
        sampled.read(place)


@pytest.mark.parametrize("value", [1.5, -0.1, np.nan])
def test_contact_that_is_none_is_one_line(place, value):
    np.save(place / "contact_maps.npy", np.full((2, 200, 16), value))
    with pytest.raises(Mistake, match="not within 0 and 1"):
        sampled.read(place)


def test_no_folder_and_a_record_of_something_else_are_one_line(place, tmp_path):
    with pytest.raises(Mistake, match="there is no such folder"):
        sampled.read(tmp_path / "none")
    (place / "meta.json").write_text('{"unit": "m", "parts": ["claw"]}')
    with pytest.raises(Mistake, match="is not the record of a sampling with this hand's parts"):
        sampled.read(place)
