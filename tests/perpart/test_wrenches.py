"""Force closure by linear programs"""

import numpy as np
import pytest

from perpart.grasps.bodies import Near
from perpart.grasps.filters import FRICTION
from perpart.grasps.wrenches import contacts, resisted

FAR = np.full(16, 1.0)


def near(*touches: tuple[int, tuple[float, ...], tuple[float, ...]]) -> Near:
    """Parts that touch at points, pressing along directions."""
    gap, away = np.tile(FAR, (len(touches), 1)), np.zeros((len(touches), 16, 3))
    for i, (part, _, push) in enumerate(touches):
        gap[i, part], away[i, part] = 0, push
    return Near(np.array([point for _, point, _ in touches]), gap, away)


PINCH = near((3, (0.02, 0, 0), (-1, 0, 0)), (6, (-0.02, 0, 0), (1, 0, 0)))


def test_two_soft_fingers_opposite_each_other_close_and_resist_what_friction_gives():
    assert resisted(PINCH, 0.001, 0.02) > 0.01
    assert resisted(PINCH, 0.001, 0.02) < FRICTION


def test_two_fingers_on_the_same_side_do_not_close():
    same = near((3, (0.02, 0, 0), (-1, 0, 0)), (6, (0.02, 0.03, 0), (-1, 0, 0)))
    assert resisted(same, 0.001, 0.02) == pytest.approx(0, abs=1e-9)


def test_fingers_that_are_not_near_enough_do_not_count():
    gap = PINCH.gap.copy()
    gap[1] += 0.002
    assert resisted(Near(PINCH.points, gap, PINCH.away), 0.001, 0.02) == 0


def test_of_a_parts_points_the_nearest_counts_and_others_only_far_from_it():
    points = np.array([[0, 0, 0], [0.002, 0, 0], [0.02, 0, 0]])
    gap = np.tile(FAR, (3, 1))
    gap[:, 4] = [0.0005, 0, 0.0008]
    away = np.zeros((3, 16, 3))
    away[:, 4] = [0, 0, 1]
    found, normals = contacts(Near(points, gap, away), 0.001)
    assert found[:, 0].tolist() == [0.002, 0.02]
    assert normals.tolist() == [[0, 0, -1]] * 2
