"""Pre-shapes: how hands open"""

import numpy as np

from perpart import preshapes
from perpart.anatomy import ANGLES, FINGERS, LIMITS

ALL = np.arange(len(preshapes.NAMES))


def test_there_are_fourteen_types_of_grasp():
    assert len(preshapes.NAMES) == len(set(preshapes.NAMES)) == 14


def test_hands_open_within_the_limits_of_their_joints():
    angles = preshapes.opened(np.repeat(ALL, 50), np.random.default_rng(0))
    assert (angles >= LIMITS[:, 0] - 1e-12).all()
    assert (angles <= LIMITS[:, 1] + 1e-12).all()


def test_noise_makes_no_two_hands_alike_and_the_same_seed_the_same_hands():
    kinds = np.zeros(10, dtype=int)
    angles = preshapes.opened(kinds, np.random.default_rng(3))
    assert (np.ptp(angles, axis=0)[ANGLES.index("index_pip")]) > np.radians(5)
    np.testing.assert_array_equal(angles, preshapes.opened(kinds, np.random.default_rng(3)))


def test_only_the_fingers_in_use_close_and_the_thumb_always_does():
    travel = preshapes.travels(ALL)
    assert (travel[:, 0] > 0).all()
    for name, moves in zip(preshapes.NAMES, travel[:, 1:, 0] > 0, strict=True):
        assert moves.tolist() == [finger in preshapes.PRESHAPES[name].fingers for finger in FINGERS]


def test_the_distal_joint_closes_two_thirds_as_far_as_the_middle_one():
    travel = preshapes.travels(ALL)[:, 1:]
    np.testing.assert_allclose(travel[..., 2], travel[..., 1] * 2 / 3)


def test_flexions_name_the_joints_of_each_digit_from_base_to_tip():
    names = [[ANGLES[joint] for joint in digit] for digit in preshapes.FLEXIONS]
    assert names[0] == ["thumb_cmc_flexion", "thumb_mcp", "thumb_ip"]
    assert names[4] == ["little_mcp", "little_pip", "little_dip"]
