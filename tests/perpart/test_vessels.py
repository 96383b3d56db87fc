"""Vessels hold something, and handles can be held"""

import numpy as np
import pytest

from perpart.objects import build, field
from perpart.objects.vessels import FAMILIES

OPEN = ["bowl", "cup", "vase", "wine_glass", "mug", "pitcher", "frying_pan", "watering_can", "basket"]


@pytest.mark.parametrize("category", OPEN)
def test_a_vessel_is_hollow_from_above(category):
    mesh = build(category, 0).mesh
    grid = field.build(mesh, cells=64)
    axis = mesh.vertices[mesh.vertices[:, 2] < mesh.bounds[0, 2] + 1e-4, :2].mean(axis=0)  # the middle of its foot
    heights = np.linspace(*mesh.bounds[:, 2], 60)
    column = grid.distance(np.column_stack([np.tile(axis, (60, 1)), heights]))[0]
    assert column[0] < 0.002
    assert column.max() > 0.012


@pytest.mark.parametrize("seed", range(3))
def test_two_fingers_fit_through_the_ear_of_a_mug(seed):
    mesh = build("mug", seed).mesh
    grid = field.build(mesh, cells=64)
    way = np.linspace(0, mesh.bounds[1, 0], 200)[:, None] * [1.0, 0, 0]
    distance = grid.distance(way)[0]
    crossings = np.flatnonzero(np.diff(np.sign(distance)))
    gap = distance[crossings[1] : crossings[2]].max()  # between the wall and the ear
    assert 2 * gap > 0.014


def test_the_families_name_at_least_fifteen_things():
    assert sum(len(entries) for entries in FAMILIES.values()) >= 15
