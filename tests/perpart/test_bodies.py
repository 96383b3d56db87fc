"""A hand and an object as solids"""

import numpy as np
import pytest
import torch
import trimesh

from perpart import hand
from perpart.grasps.bodies import Body, flesh
from perpart.hands import Hands

BALL = trimesh.creation.icosphere(subdivisions=4, radius=0.03)


def tip_at(height: float) -> Hands:
    """A straight hand whose middle fingertip's last ball is at so many metres above the origin, pointing along x."""
    hands = Hands.of(np.zeros((1, 21)), np.eye(4)[None], hand.MEAN_BONES[None])
    root = np.eye(4)
    root[:3, 3] = [0, 0, height] - hands.posed.b[0, 14].numpy()
    return Hands.of(np.zeros((1, 21)), root[None], hand.MEAN_BONES[None])


def test_the_fleshs_volume_is_that_of_a_hand():
    assert 150e-6 < flesh(tip_at(0).posed).volume() < 350e-6


def test_two_balls_share_a_lens_of_known_volume_and_depth():
    radius, sunk = 0.007, 0.0015  # of the middle finger's tip, and how deep it is in
    one = tip_at(0.03 + radius - sunk)
    middle = one.posed.part[14]
    assert middle == 9
    shared = Body(BALL).shared(one)
    assert shared.hand_in == pytest.approx(sunk, abs=2e-4)
    assert shared.object_in == pytest.approx(sunk, abs=2e-4)


def test_a_hand_far_away_shares_nothing():
    shared = Body(BALL).shared(tip_at(0.3))
    assert (shared.volume, shared.hand_in, shared.object_in) == (0, 0, 0)


def test_distances_to_the_surface_are_exact_on_either_side():
    points = np.array([[0, 0, 0.028], [0, 0.033, 0], [0.0301, 0, 0]])
    np.testing.assert_allclose(Body(BALL).away(points), [0.002, 0.003, 0.0001], atol=3e-5)


def test_near_points_are_those_of_the_surface_that_may_touch_and_none_is_missed():
    one = tip_at(0.03 + 0.007)
    body = Body(BALL)
    near = body.near(one)
    every = hand.distance(one.posed, torch.tensor(body.points[None]))[0][0].numpy()
    assert len(near.points) == pytest.approx((every.min(axis=1) < 0.003).sum(), rel=0.5)
    assert (near.gap < 0.001).any(axis=1).sum() == (every < 0.001).any(axis=1).sum()
    assert np.flatnonzero(near.touching(0.001)).tolist() == [9]
