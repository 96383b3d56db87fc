"""A look shows what is in front, without holes, from where it was asked"""

import numpy as np
import pytest
import trimesh

from perpart import canvas, clouds
from perpart.objects import build

FRONT = (-90.0, 0.0)  # along +y: x to the right, z up


@pytest.fixture(scope="module")
def brick() -> np.ndarray:
    mesh = trimesh.creation.box((0.08, 0.04, 0.06))
    return canvas.dense(np.empty((0, 6)), mesh, np.random.default_rng(0))


def test_a_brick_seen_from_the_front_is_a_filled_rectangle_of_its_proportions(brick):
    shown = canvas.look(brick, *FRONT, size=200).shown >= 0
    rows, columns = np.flatnonzero(shown.any(axis=1)), np.flatnonzero(shown.any(axis=0))
    assert len(rows) / len(columns) == pytest.approx(0.75, abs=0.02)
    assert shown[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()


def test_only_the_near_side_is_shown(brick):
    view = canvas.look(brick, *FRONT, size=200)
    seen = brick[view.shown[view.shown >= 0]]
    assert np.quantile(seen[:, 1], 0.97) == pytest.approx(-0.02)


def test_right_and_up_in_the_picture_are_right_and_up_in_the_frame(brick):
    view = canvas.look(brick, *FRONT, size=100)
    row, column = np.nonzero(view.shown >= 0)
    place = brick[view.shown[row, column]]
    assert np.corrcoef(column, place[:, 0])[0, 1] > 0.99
    assert np.corrcoef(row, place[:, 2])[0, 1] < -0.99


def test_the_inside_of_a_mug_is_seen_through_its_mouth_and_not_through_its_wall():
    mesh = build("mug", 0).mesh
    surfels = canvas.dense(np.empty((0, 6)), mesh, np.random.default_rng(0))
    floor = (abs(surfels[:, 2] - mesh.bounds[0, 2] - 0.005) < 2e-4) & (surfels[:, 5] > 0.9)
    assert floor.any()
    from_above = canvas.look(surfels, 0, 90).shown
    from_aside = canvas.look(surfels, 0, 0).shown
    assert floor[from_above[from_above >= 0]].mean() > 0.3
    assert floor[from_aside[from_aside >= 0]].mean() < 1e-3


def test_no_pinholes_let_the_far_wall_shine_through():
    surfels = canvas.dense(np.empty((0, 6)), build("mug", 0).mesh, np.random.default_rng(0))
    shown = canvas.look(surfels, 0, 15).shown
    away = surfels[:, 3:] @ [np.cos(np.radians(15)), 0, np.sin(np.radians(15))] < -0.05
    assert away[shown[shown >= 0]].mean() < 0.004


def test_an_image_is_white_around_and_coloured_within(brick):
    view = canvas.look(brick, *FRONT, size=100)
    image = view.image(np.tile([1.0, 0.0, 0.0], (len(brick), 1)))
    assert image.shape == (100, 100, 3)
    assert image[0, 0] == pytest.approx(1)
    assert image[50, 50, 0] > 0.5
    assert image[50, 50, 1:] == pytest.approx(0)


def test_values_spread_from_points_to_their_surroundings_and_not_through_a_wall():
    mesh = trimesh.creation.box((0.05, 0.05, 0.002))
    points = clouds.surface(mesh, 800, np.random.default_rng(1))
    onto = canvas.dense(points, mesh, np.random.default_rng(2))
    top = canvas.spread(points, onto)((points[:, 5:] > 0.5).astype(float))[:, 0]
    assert top[onto[:, 5] > 0.5].mean() > 0.98
    assert top[onto[:, 5] < -0.5].mean() < 0.02


def test_discs_around_a_cloud_s_points_lie_in_its_surface():
    points = clouds.surface(trimesh.creation.box((0.05, 0.05, 0.05)), 2048, np.random.default_rng(3))
    discs = canvas.dense(points, None, np.random.default_rng(4))
    assert len(discs) > 90_000
    on = np.abs(np.abs(discs[:, :3]).max(axis=1) - 0.025)
    assert np.quantile(on, 0.9) < 1e-3
