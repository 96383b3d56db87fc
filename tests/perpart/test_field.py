"""Distances from the grid agree with geometry that can be written down"""

import numpy as np
import pytest
import trimesh

from perpart.errors import Mistake
from perpart.objects import build, field

RADIUS = 0.03


@pytest.fixture(scope="module")
def ball() -> field.Field:
    return field.build(trimesh.creation.icosphere(subdivisions=5, radius=RADIUS))


def spots(n: int, reach: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-reach, reach, (n, 3))


def test_a_ball_s_distances_are_those_of_a_ball(ball):
    points = spots(5000, 0.045)
    truth = np.linalg.norm(points, axis=1) - RADIUS
    away = np.linalg.norm(points, axis=1) > 0.004  # the very middle is nobody's nearest point
    assert ball.distance(points[away])[0] == pytest.approx(truth[away], abs=4e-4)


def test_the_gradient_points_away_from_the_nearest_surface(ball):
    points = spots(20_000, 0.045)
    height = abs(np.linalg.norm(points, axis=1) - RADIUS)
    gradient = ball.distance(points)[1]
    assert np.linalg.norm(gradient, axis=1) == pytest.approx(1, abs=1e-4)
    radial = points / np.linalg.norm(points, axis=1, keepdims=True)
    off = np.degrees(np.arccos(np.clip((gradient * radial).sum(axis=1), -1, 1)))
    assert off[height < 0.002].mean() < 1.5
    assert np.quantile(off[height < 0.002], 0.99) < 8
    assert off[height < 0.02].mean() < 4


def test_the_gradient_is_the_slope_of_the_distance_itself():
    grid = field.build(build("mug", 0).mesh, cells=40)
    index = np.random.default_rng(1).uniform(1, np.array(grid.values.shape) - 2, (500, 3))
    index = np.floor(index) + np.clip(index % 1, 0.1, 0.9)  # clear of the seams between cells
    points = grid.origin + grid.cell * index
    step = 0.05 * grid.cell
    slope = np.stack(
        [
            (grid.distance(points + step * axis)[0] - grid.distance(points - step * axis)[0]) / (2 * step)
            for axis in np.eye(3)
        ],
        axis=1,
    )
    length = np.linalg.norm(slope, axis=1, keepdims=True)
    sound = length[:, 0] > 0.5
    assert grid.distance(points)[1][sound] == pytest.approx((slope / length)[sound], abs=0.02)


def test_a_box_with_round_coordinates_is_told_inside_from_outside():
    # Its faces fall exactly on nodes and its edges on the counting lines: the worst case for the sign.
    mesh = trimesh.creation.box((0.04, 0.06, 0.08))
    grid = field.build(mesh, cells=50, margin=0.02)
    points = spots(4000, 0.055)
    truth = np.max(np.abs(points) - [0.02, 0.03, 0.04], axis=1)
    clear = abs(truth) > 0.5 * grid.cell
    assert ((grid.distance(points)[0] < 0) == (truth < 0))[clear].all()


def test_a_line_that_meets_an_edge_below_and_a_face_above_leaves_nothing_inside_beyond():
    # The base's diagonal runs exactly through nodes; the slanting faces above it do not.
    base = [[x, y, 0] for x, y in ((-0.03, -0.03), (0.03, -0.03), (0.03, 0.03), (-0.03, 0.03))]
    faces = [[0, 2, 1], [0, 3, 2], [0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4]]
    mesh = trimesh.Trimesh([*base, [0.011, -0.007, 0.05]], faces)
    grid = field.build(mesh, cells=40)
    heights = grid.origin[2] + grid.cell * np.arange(grid.values.shape[2])
    assert (grid.values[:, :, heights > 0.05] > 0).all()
    assert (grid.values < 0).sum() * grid.cell**3 == pytest.approx(mesh.volume, rel=0.05)


@pytest.mark.parametrize("category", ["mug", "scissors", "headphones", "key"])
def test_the_surface_lies_at_zero_and_the_inside_has_the_mesh_s_volume(category):
    mesh = build(category, 1).mesh
    grid = field.build(mesh)
    on = mesh.triangles_center
    assert abs(grid.distance(on)[0]).mean() < 0.15 * grid.cell
    assert (grid.values < 0).sum() * grid.cell**3 == pytest.approx(mesh.volume, rel=0.08)


def test_the_hollow_of_a_mug_is_outside_and_its_wall_is_inside():
    mesh = build("mug", 0).mesh
    grid = field.build(mesh)
    assert grid.distance(np.array([[-0.02, 0, 0.02]]))[0] > 0.008
    lowest = mesh.bounds[0, 2] + 0.0025
    assert grid.distance(np.array([[-0.02, 0, lowest]]))[0] < -0.001


def test_far_points_are_neither_nearer_than_they_are_nor_discontinuous(ball):
    way = np.linspace(0.03, 0.3, 400)[:, None] * np.array([[0.6, 0.64, 0.48]])
    distance = ball.distance(way)[0]
    truth = np.linalg.norm(way, axis=1) - RADIUS
    assert (distance > truth - 4e-4).all()
    assert abs(np.diff(distance)).max() < 3 * (truth[1] - truth[0])


def test_a_mesh_and_its_turned_twin_have_the_same_field():
    mesh = build("camera", 0).mesh
    turn = trimesh.transformations.rotation_matrix(0.7, (1, 2, 3))
    turned = mesh.copy()
    turned.apply_transform(turn)
    points = spots(3000, 0.05)
    first = field.build(mesh).distance(points)[0]
    second = field.build(turned).distance(points @ turn[:3, :3].T)[0]
    # At corners and creases the two grids differ by a part of a cell; in the bulk they must not.
    assert abs(first - second).mean() < 3e-4
    assert abs(first - second).max() < 3e-3


def test_an_open_mesh_has_no_field():
    mesh = trimesh.creation.box((0.1, 0.1, 0.1))
    mesh.update_faces(np.arange(len(mesh.faces)) > 0)
    with pytest.raises(Mistake, match=r"needs a watertight mesh; this one \(11 faces\)"):
        field.build(mesh)


def test_building_twice_gives_the_same_bytes():
    mesh = build("hammer", 2).mesh
    assert field.build(mesh, cells=40).values.tobytes() == field.build(mesh, cells=40).values.tobytes()
