import os
from pathlib import Path

import numpy as np
import pytest
import trimesh

from perpart.data import meshes
from perpart.data.defects import Defect

BALL = trimesh.creation.icosphere(2, 0.03)


def told(folder: Path, name: object) -> str:
    """The one defect that finding and reading a mesh tells."""
    found: list[Defect] = []
    path = meshes.find(folder, name, "object 0", found.append)
    if path:
        assert meshes.read(path, found.append) is None
    (defect,) = found
    assert defect.fatal
    return str(defect)


@pytest.mark.parametrize("suffix", ["ply", "obj", "off", "stl", "glb"])
def test_every_kind_of_mesh_is_read_and_the_shape_is_whole(tmp_path, suffix):
    BALL.export(tmp_path / f"ball.{suffix}")
    mesh = meshes.solid(meshes.read(tmp_path / f"ball.{suffix}", pytest.fail))
    assert mesh.is_watertight
    assert len(mesh.faces) == len(BALL.faces)
    np.testing.assert_allclose(mesh.volume, BALL.volume, rtol=1e-4)


@pytest.mark.parametrize("suffix", ["ply", "obj", "off"])
def test_vertices_keep_their_order(tmp_path, suffix):
    shuffled = np.random.default_rng(0).permutation(len(BALL.vertices))
    mesh = trimesh.Trimesh(BALL.vertices[shuffled], np.argsort(shuffled)[BALL.faces], process=False)
    mesh.export(tmp_path / f"ball.{suffix}")
    np.testing.assert_allclose(meshes.read(tmp_path / f"ball.{suffix}", pytest.fail).vertices, mesh.vertices, atol=1e-7)


@pytest.mark.parametrize(
    "name", ["/etc/hosts.ply", "../ball.ply", "a/../../ball.ply", "C:ball.ply", "a\\ball.ply", 3, ""]
)
def test_a_mesh_elsewhere_is_refused(tmp_path, name):
    BALL.export(tmp_path / "ball.ply")
    (tmp_path / "data").mkdir()
    assert "name a file below the data folder" in told(tmp_path / "data", name)


def test_a_link_out_of_the_folder_is_refused_and_one_within_is_not(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    BALL.export(tmp_path / "ball.ply")
    BALL.export(folder / "own.ply")
    os.symlink(tmp_path / "ball.ply", folder / "out.ply")
    os.symlink(folder / "own.ply", folder / "in.ply")
    assert "leads out of the folder" in told(folder, "out.ply")
    assert meshes.find(folder, "in.ply", "object 0", pytest.fail)


def test_missing_foreign_and_enormous_files_are_told(tmp_path, monkeypatch):
    assert "is missing (object 0 names it)" in told(tmp_path, "ball.ply")
    (tmp_path / "ball.blend").write_text("x")
    assert "unknown kind" in told(tmp_path, "ball.blend")
    BALL.export(tmp_path / "ball.ply")
    monkeypatch.setattr(meshes, "FACES", 100)
    assert "has 320 faces, more than 100" in told(tmp_path, "ball.ply")
    monkeypatch.setattr(meshes, "LARGEST", 1000)
    assert "more than 1,000" in told(tmp_path, "ball.ply")


def test_unreadable_empty_nan_and_flat_meshes_are_told(tmp_path):
    (tmp_path / "text.ply").write_text("hello")
    assert "cannot be read as ply" in told(tmp_path, "text.ply")
    trimesh.PointCloud(BALL.vertices).export(tmp_path / "points.ply")
    assert "holds no triangles" in told(tmp_path, "points.ply")
    broken = BALL.vertices.copy()
    broken[5, 1] = np.nan
    trimesh.Trimesh(broken, BALL.faces, process=False).export(tmp_path / "nan.ply")
    assert "1 of 162 vertices are not finite" in told(tmp_path, "nan.ply")
    trimesh.Trimesh(BALL.vertices * [1, 0, 0], BALL.faces, process=False).export(tmp_path / "flat.ply")
    assert "all its triangles are empty" in told(tmp_path, "flat.ply")


def test_an_obj_cannot_make_us_open_another_file(tmp_path):
    BALL.export(tmp_path / "ball.obj")
    text = (tmp_path / "ball.obj").read_text()
    (tmp_path / "ball.obj").write_text("mtllib ../../secret.mtl\nusemtl x\n" + text)
    assert len(meshes.read(tmp_path / "ball.obj", pytest.fail).faces) == len(BALL.faces)


def test_a_shell_turned_inside_out_is_turned_back():
    inverted = trimesh.Trimesh(BALL.vertices, BALL.faces[:, ::-1], process=False)
    assert meshes.solid(inverted).volume > 0
