import numpy as np
from scipy.spatial.transform import Rotation

from perpart.data import augment


def test_picked_points_are_different_points_of_the_pool():
    picked = augment.pick(512, 2048)
    assert len(set(picked)) == 512
    assert picked.min() >= 0
    assert picked.max() < 2048


def test_a_turn_is_a_rotation_by_at_most_thirty_degrees_about_each_axis():
    angles = []
    for _ in range(200):
        turn = augment.turn()
        np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-6)
        angles.append(Rotation.from_matrix(turn).as_euler("xyz", degrees=True))
    assert np.abs(angles).max() <= 30 + 1e-3
    assert (np.abs(angles).max(0) > 25).all()


def test_the_same_global_state_draws_the_same():
    draws = []
    for _ in range(2):
        np.random.seed(5)
        draws.append((augment.pick(10, 100), augment.turn()))
    for first, second in zip(*draws, strict=True):
        np.testing.assert_array_equal(first, second)
