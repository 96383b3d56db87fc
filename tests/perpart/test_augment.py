import numpy as np
from scipy.spatial.transform import Rotation

from perpart.data import augment


def test_a_turn_is_about_x_then_y_then_z_as_scipy_has_it():
    np.random.seed(4)
    turn = augment.turn()
    np.random.seed(4)
    known = Rotation.from_euler("xyz", np.random.uniform(-30, 30, 3), degrees=True).as_matrix()
    np.testing.assert_allclose(turn, known, atol=1e-7)


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
        draws.append(augment.turn())
    np.testing.assert_array_equal(*draws)
