"""Plain bodies are what their names say; twins come in twos"""

import numpy as np
import pytest

from perpart.objects import build


def test_a_sphere_fills_its_box_as_a_sphere_does():
    mesh = build("sphere", 0).mesh
    assert mesh.volume == pytest.approx(np.pi / 6 * np.prod(mesh.extents), rel=0.02)


def test_a_cylinder_fills_its_box_as_a_cylinder_does():
    mesh = build("cylinder", 0).mesh
    assert mesh.volume == pytest.approx(np.pi / 4 * np.prod(mesh.extents), rel=0.02)


def test_a_torus_has_one_hole_and_a_cube_none():
    assert build("torus", 0).mesh.euler_number == 0
    assert build("cube", 0).mesh.euler_number == 2


def test_a_banana_is_bent():
    mesh = build("banana", 0).mesh
    middle = mesh.vertices[abs(mesh.vertices[:, 0]) < 0.02, 2].mean()
    ends = mesh.vertices[abs(mesh.vertices[:, 0]) > 0.4 * mesh.extents[0], 2].mean()
    assert ends - middle > 0.01


def test_a_dumbbell_is_thinner_between_its_weights():
    mesh = build("dumbbell", 0).mesh
    grip = mesh.section([1, 0, 0], [0, 0, 0])
    assert grip is not None
    assert grip.extents[1] < 0.6 * mesh.extents[1]


def test_binoculars_have_two_barrels():
    mesh = build("binoculars", 0).mesh
    front = mesh.section([0, 1, 0], [0, mesh.bounds[1, 1] - 0.004, 0])
    back = mesh.section([0, 1, 0], [0, mesh.bounds[0, 1] + 0.004, 0])
    assert front is not None
    assert back is not None
    assert len(front.entities) == len(back.entities) == 2
