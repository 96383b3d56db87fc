"""A surface is cut without gaps, its corners show the points beside them, and a heavy mesh becomes light"""

import numpy as np
import pytest
import trimesh

from perpart.shown.surface import lighter, refined, surface
from tests.perpart.sampled import MUG, found


def test_the_surface_stays_the_same_and_its_edges_become_short():
    points = found(1, 500).points
    made = surface(MUG, points)
    cut = trimesh.Trimesh(made.corners[:, :3], made.faces, process=False)
    assert cut.area == pytest.approx(MUG.area, rel=1e-6)
    assert cut.edges_unique_length.max() <= 0.8 * np.sqrt(MUG.area / 500) + 1e-9
    assert np.linalg.norm(made.corners[:, 3:], axis=1) == pytest.approx(1, abs=1e-6)


def test_no_gap_opens_where_triangles_are_cut():
    box = trimesh.creation.box((0.1, 0.02, 0.05))
    corners = np.concatenate([box.vertices, box.vertex_normals], axis=1)
    corners, faces = refined(corners, box.faces, 0.004)
    cut = trimesh.Trimesh(corners[:, :3], faces, process=False)
    assert cut.is_watertight
    assert cut.volume == pytest.approx(box.volume)


def test_a_corner_shows_what_the_points_beside_it_say_and_nothing_of_the_other_side_of_a_wall():
    points = found(1, 2048).points
    made = surface(MUG, points)
    assert made.weight.sum(axis=1) == pytest.approx(1)
    middle = np.einsum("ck,ckx->cx", made.weight, points[made.near][:, :, :3])
    assert np.median(np.linalg.norm(middle - made.corners[:, :3], axis=1)) < 0.004
    facing = np.einsum("ckx,cx->ck", points[made.near][:, :, 3:], made.corners[:, 3:])
    assert (facing[:, 0] > 0).mean() > 0.99


def test_creases_stay_sharp_and_round_things_smooth():
    ball = trimesh.creation.icosphere(3, 0.04)
    points = np.concatenate([ball.vertices, ball.vertex_normals], axis=1)
    smooth = surface(ball, points)
    away = smooth.corners[:, :3] / np.linalg.norm(smooth.corners[:, :3], axis=1, keepdims=True)
    assert (away * smooth.corners[:, 3:]).sum(axis=1).min() > 0.99
    box = trimesh.creation.box((0.05, 0.05, 0.05))
    sharp = surface(box, np.concatenate([box.vertices, box.vertex_normals], axis=1))
    assert abs(sharp.corners[:, 3:]).max(axis=1) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("open_", [False, True])
def test_a_heavy_mesh_becomes_light_and_hardly_moves(open_):
    ball = trimesh.creation.icosphere(6, 0.05)
    if open_:
        ball.update_faces(ball.triangles_center[:, 2] > 0)
        ball.remove_unreferenced_vertices()
    light = lighter(ball, 5000, 0.0002)
    assert 500 < len(light.faces) <= 5000
    assert light.area == pytest.approx(ball.area, rel=0.03)
    assert np.linalg.norm(light.vertices, axis=1) == pytest.approx(0.05, abs=0.001)


def test_a_light_mesh_is_left_alone():
    assert lighter(MUG, len(MUG.faces), 0.001) is MUG
