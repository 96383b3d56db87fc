"""Long tools lie along x and have a grip for a hand"""

import numpy as np
import pytest

from perpart.objects import build
from perpart.objects.tools import FAMILIES


@pytest.mark.parametrize("category", [name for entries in FAMILIES.values() for name in entries])
def test_a_tool_lies_along_x(category):
    extents = build(category, 0).mesh.extents
    assert extents[0] == extents.max()


def test_a_hammer_is_head_heavy_and_its_handle_is_a_grip():
    mesh = build("hammer", 0).mesh
    assert mesh.center_mass[0] > 0.05 * mesh.extents[0]
    section = mesh.section([1, 0, 0], [mesh.bounds[0, 0] + 0.06, 0, 0])
    assert section is not None
    assert 0.015 < np.ptp(section.vertices[:, 1]) < 0.05


def test_scissors_have_two_eyes():
    # A body with g holes has the Euler number 2 - 2 g.
    assert build("scissors", 0).mesh.euler_number == 2 - 2 * 2
