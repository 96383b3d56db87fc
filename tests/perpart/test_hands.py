"""Many hands at once, and the balls along them"""

import numpy as np
import torch
import trimesh

from perpart import hand
from perpart.anatomy import ANGLES, MEAN_BONES
from perpart.hands import Hands, gaps
from perpart.objects import field


def flat(n: int) -> Hands:
    """n flat hands side by side along y."""
    root = np.tile(np.eye(4), (n, 1, 1))
    root[:, 1, 3] = 0.2 * np.arange(n)
    return Hands.of(np.zeros((n, len(ANGLES))), root, np.tile(MEAN_BONES, (n, 1)))


def test_balls_string_from_one_end_of_a_cone_to_the_other():
    hands = flat(2)
    centres, radii = hands.balls(5)
    np.testing.assert_array_equal(centres[:, :, 0], hands.posed.a.numpy())
    np.testing.assert_allclose(centres[:, :, 4], hands.posed.b.numpy())
    np.testing.assert_allclose(radii[:, :, 2], (hands.posed.ra + hands.posed.rb).numpy() / 2)


def test_every_ball_lies_in_its_part():
    hands = flat(1)
    centres, radii = hands.balls(7)
    far, _ = hand.distance(hands.posed, torch.tensor(centres.reshape(1, -1, 3)))
    own = far[0].numpy()[np.arange(radii.size), np.repeat(hands.posed.part.numpy(), 7)]
    np.testing.assert_allclose(own, -radii.ravel(), atol=1e-8)


def test_a_slice_is_the_same_hand():
    hands = flat(3)
    np.testing.assert_array_equal(hands[1:2].balls(3)[0], hands.balls(3)[0][1:2])
    assert len(hands[1:2]) == 1


def test_gaps_to_a_ball_are_known():
    grid = field.build(trimesh.creation.icosphere(subdivisions=4, radius=0.04))
    gap = gaps(grid, np.array([[[0.06, 0, 0], [0.0, 0.045, 0]]]), np.array([[0.01, 0.01]]))
    np.testing.assert_allclose(gap, [[0.01, -0.005]], atol=5e-4)
