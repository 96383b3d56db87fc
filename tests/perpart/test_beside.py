"""What stands beside the samples belongs to them, and what does not is one line"""

import json

import numpy as np
import pytest
import trimesh

from perpart.clouds import surface
from perpart.errors import Mistake
from perpart.objects import build
from perpart.sampled import read
from perpart.shown import beside
from tests.perpart.sampled import MUG, folder


@pytest.fixture
def place(tmp_path):
    return folder(tmp_path / "maps", 2, 200)


def test_the_folder_keeps_the_object_s_surface(place):
    mesh = beside.surface(read(place), place, None)
    assert mesh is not None
    assert mesh.area == pytest.approx(MUG.area, rel=1e-5)
    assert mesh.bounds == pytest.approx(MUG.bounds, abs=1e-6)


def test_an_object_in_millimetres_is_brought_to_the_place_of_the_maps(place, tmp_path):
    meta = json.loads((place / "meta.json").read_text())
    (place / "meta.json").write_text(json.dumps({**meta, "object_unit": "mm"}))
    MUG.copy().apply_scale(1000).export(tmp_path / "mug.stl")
    mesh = beside.surface(read(place), place, str(tmp_path / "mug.stl"))
    assert mesh is not None
    assert mesh.area == pytest.approx(MUG.area, rel=1e-5)


def test_another_object_is_refused(place, tmp_path):
    trimesh.creation.icosphere(3, 0.02).export(tmp_path / "ball.ply")
    with pytest.raises(Mistake, match=r"ball\.ply: the points of .* mm off it; give the object that was sampled"):
        beside.surface(read(place), place, str(tmp_path / "ball.ply"))


@pytest.mark.parametrize("category", ["mug", "pen", "camera", "bowl", "apple"])
def test_without_a_mesh_the_area_is_estimated_within_a_tenth(category):
    mesh = build(category, 0).mesh
    points = surface(mesh, 2048, np.random.default_rng(0))
    assert beside.area(points, None) == pytest.approx(mesh.area, rel=0.1)
    assert beside.area(points, mesh) == mesh.area


def test_more_than_a_page_holds_is_refused_before_it_is_made(place, monkeypatch):
    monkeypatch.setattr(beside, "VALUES", 2 * 200 * 16 - 1)
    with pytest.raises(Mistake, match="2 samples of 200 points are more than a page holds"):
        beside.held(read(place), place)


def test_a_truth_is_on_the_same_points(place, tmp_path):
    found = read(place)
    np.save(tmp_path / "true.npy", found.contact[:1])
    assert np.array_equal(beside.truth(tmp_path / "true.npy", found), found.contact[:1])
    np.save(tmp_path / "true.npy", found.contact[0])
    assert np.array_equal(beside.truth(tmp_path / "true.npy", found), found.contact[:1]), "one map may stand alone"
    np.save(tmp_path / "true.npy", found.contact[:, :-1])
    with pytest.raises(Mistake, match=r"true\.npy: has the shape \[2, 199, 16\]; expected \[m, 200, 16\]"):
        beside.truth(tmp_path / "true.npy", found)
