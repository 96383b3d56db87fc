"""A sampling folder is read as it is, and what does not belong together is one line"""

import json

import numpy as np
import pytest
import trimesh

from perpart.clouds import surface
from perpart.errors import Mistake
from perpart.objects import build
from perpart.shown import sampled
from tests.perpart.sampled import MUG, drawn, folder


@pytest.fixture
def place(tmp_path):
    return folder(tmp_path / "maps", 2, 200)


def test_a_folder_is_read_as_it_was_written(place):
    read, made = sampled.read(place), drawn(2, 200)
    for name in ("points", "contact", "part", "direction"):
        assert np.array_equal(getattr(read, name), getattr(made, name)), name
    assert read.meta["object"] == "mug.ply"


def test_the_folder_keeps_the_object_s_surface(place):
    mesh = sampled.surface(sampled.read(place), place, None)
    assert mesh is not None
    assert mesh.area == pytest.approx(MUG.area, rel=1e-5)
    assert mesh.bounds == pytest.approx(MUG.bounds, abs=1e-6)


def test_an_object_in_millimetres_is_brought_to_the_place_of_the_maps(place, tmp_path):
    meta = json.loads((place / "meta.json").read_text())
    (place / "meta.json").write_text(json.dumps({**meta, "object_unit": "mm"}))
    MUG.copy().apply_scale(1000).export(tmp_path / "mug.stl")
    mesh = sampled.surface(sampled.read(place), place, str(tmp_path / "mug.stl"))
    assert mesh is not None
    assert mesh.area == pytest.approx(MUG.area, rel=1e-5)


def test_another_object_is_refused(place, tmp_path):
    trimesh.creation.icosphere(3, 0.02).export(tmp_path / "ball.ply")
    with pytest.raises(Mistake, match=r"ball\.ply: the points of .* mm off it; give the object that was sampled"):
        sampled.surface(sampled.read(place), place, str(tmp_path / "ball.ply"))


@pytest.mark.parametrize("category", ["mug", "pen", "camera", "bowl", "apple"])
def test_without_a_mesh_the_area_is_estimated_within_a_tenth(category):
    mesh = build(category, 0).mesh
    points = surface(mesh, 2048, np.random.default_rng(0))
    assert sampled.area(points, None) == pytest.approx(mesh.area, rel=0.1)
    assert sampled.area(points, mesh) == mesh.area


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


def test_more_than_a_page_holds_is_refused_before_it_is_made(place, monkeypatch):
    monkeypatch.setattr(sampled, "VALUES", 2 * 200 * 16 - 1)
    with pytest.raises(Mistake, match="2 samples of 200 points are more than a page holds"):
        sampled.read(place)


def test_a_truth_is_on_the_same_points(place, tmp_path):
    read = sampled.read(place)
    np.save(tmp_path / "true.npy", read.contact[:1])
    assert np.array_equal(sampled.truth(tmp_path / "true.npy", read), read.contact[:1])
    np.save(tmp_path / "true.npy", read.contact[0])
    assert np.array_equal(sampled.truth(tmp_path / "true.npy", read), read.contact[:1]), "one map may stand alone"
    np.save(tmp_path / "true.npy", read.contact[:, :-1])
    with pytest.raises(Mistake, match=r"true\.npy: has the shape \[2, 199, 16\]; expected \[m, 200, 16\]"):
        sampled.truth(tmp_path / "true.npy", read)
