"""The hand's measures"""

import numpy as np
import pytest

from perpart import hand


def test_drawn_sizes_scatter_as_stated():
    sizes = hand.draw_bones(np.random.default_rng(0), 4000) / hand.MEAN_BONES
    scale = sizes[:, -1]
    assert scale.std() == pytest.approx(0.05, abs=0.003)
    assert (sizes[:, 3] / scale).std() == pytest.approx(0.03, abs=0.002)
    np.testing.assert_array_equal(sizes, hand.draw_bones(np.random.default_rng(0), 4000) / hand.MEAN_BONES)


def test_a_bent_knuckle_leaves_no_room_sideways():
    angles = np.zeros(len(hand.ANGLES))
    mcp, sideways = hand.ANGLES.index("index_mcp"), hand.ANGLES.index("index_abduction")
    angles[sideways] = 1.0
    assert hand.limited(angles)[sideways] == pytest.approx(np.radians(20))
    angles[mcp] = 3.0
    assert hand.limited(angles)[sideways] == 0
    assert hand.limited(angles)[mcp] == pytest.approx(np.radians(90))
