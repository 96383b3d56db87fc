"""Closing a hand on an object"""

import numpy as np
import pytest
import trimesh

from perpart.anatomy import LIMITS, MEAN_BONES
from perpart.grasps import closing
from perpart.hands import Hands, gaps
from perpart.objects import field
from perpart.preshapes import FLEXIONS, NAMES, PRESHAPES

RADIUS = 0.035


@pytest.fixture(scope="module")
def ball() -> field.Field:
    return field.build(trimesh.creation.icosphere(subdivisions=4, radius=RADIUS))


def tries(n: int, seed: int = 0) -> closing.Tries:
    """n tries on a ball, all pre-shapes in turn."""
    normals = np.random.default_rng(seed).standard_normal((n, 3, 3))
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    spots = np.concatenate([RADIUS * normals, normals], -1)
    extent = np.roll(normals[:, 0], 1, axis=-1)
    return closing.Tries(np.arange(n) % len(NAMES), spots, extent, np.tile(MEAN_BONES, (n, 1)))


def test_closed_hands_touch_the_ball_and_hardly_sink_in(ball):
    some = tries(56)
    hands = Hands.of(*closing.close(ball, some, np.random.default_rng(0)), some.bones)
    nearest = gaps(ball, *hands.balls(13)).min((1, 2))
    assert nearest.min() > -0.002
    assert (nearest < 0.001).mean() > 0.9
    fingers = gaps(ball, *hands.balls(13, closing.FIRST)).min(-1).reshape(56, 5, 3).min(-1)
    assert ((fingers < 0.001).sum(-1) >= 3).mean() > 0.5


def test_joints_stay_within_their_limits_and_only_close(ball):
    some = tries(28)
    rng = np.random.default_rng(1)
    angles, root = closing.close(ball, some, rng)
    assert (angles <= LIMITS[:, 1] + 1e-9).all()
    assert (angles >= LIMITS[:, 0] - 1e-9).all()
    np.testing.assert_allclose(np.linalg.det(root[:, :3, :3]), 1.0)


def test_in_free_air_a_digit_closes_as_far_as_it_may(ball):
    away = np.tile(np.eye(4), (1, 1, 1))
    away[:, :3, 3] = 1.0
    hands = Hands.of(np.zeros((1, LIMITS.shape[0])), away, MEAN_BONES[None])
    travel = np.full((1, 5, 3), 0.2)
    bent = closing._bend(ball, hands, travel)
    np.testing.assert_allclose(bent[0, FLEXIONS], 0.2)


def test_where_the_base_link_is_stopped_the_links_beyond_close_on():
    bar = field.build(trimesh.creation.box([0.02, 0.2, 0.02]))
    root = np.eye(4)[None].copy()
    root[:, :3, 3] = -0.115, 0.0, 0.022  # the bar lies across the fingers, two centimetres beyond the knuckles
    hands = Hands.of(np.zeros((1, LIMITS.shape[0])), root, MEAN_BONES[None])
    mcp, pip, dip = np.degrees(closing._bend(bar, hands, np.full((1, 5, 3), 1.0)))[0, FLEXIONS[2]]
    assert mcp < 20
    assert pip > 25
    assert dip > 25


@pytest.mark.parametrize("edge", [0.0, 0.013, 0.5, 0.77])
def test_the_first_touch_is_found_to_a_thousandth(edge):
    low = closing._first_touch(lambda share: share <= edge, 3)
    np.testing.assert_allclose(low, edge, atol=1 / closing.STEPS / 2**closing.HALVINGS)
    assert (low <= edge).all()


def test_a_way_that_clears_again_behind_an_obstacle_stops_before_it():
    low = closing._first_touch(lambda share: (share < 0.4) | (share > 0.6), 1)
    assert 0.39 < float(low[0]) < 0.4


def test_a_precise_hand_comes_to_the_point_that_has_room_behind_it():
    bar = field.build(trimesh.creation.box([0.2, 0.02, 0.02]))
    spots = np.array([[[0.0, 0.01, 0.0, 0, 1, 0], [0.095, 0.01, 0.0, 0, 1, 0]]])
    chosen, way, width = closing._reachable(bar, spots, np.random.default_rng(0))
    assert chosen.shape == (1, 6)
    assert float(width[0]) == pytest.approx(0.02, abs=0.003)
    assert abs(float(way[0] @ chosen[0, 3:])) < 1e-9


def test_all_precise_preshapes_are_tried_as_such():
    assert tries(14).precise.tolist() == [PRESHAPES[name].precise for name in NAMES]


def test_a_pinching_thumb_and_its_fingers_come_towards_each_other():
    some = tries(280)[np.flatnonzero(tries(280).precise)]
    angles = closing.opened(some.kinds, np.random.default_rng(2))
    width = np.full(len(some), 0.02)
    _, opening, closed = closing._meet(some, angles, width)
    thumb, fingers = closing._ways_of_tips(some, angles)
    n, share = np.arange(len(some)), np.abs(closing.CLOSED[:, None, None] - closed).argmin(0)
    towards = (fingers.way[n, share[:, 1]] - thumb.way[n, share[:, 0]]) * opening
    assert np.median(towards.sum(-1)) > 1.2  # 2 when they come straight at each other
    apart = thumb.place[n, share[:, 0]] - fingers.place[n, share[:, 1]]
    room = np.linalg.norm(apart, axis=-1) - thumb.thick[n, share[:, 0]] - fingers.thick[n, share[:, 1]]
    assert np.median(np.abs(room - width)) < 0.006


def test_a_lateral_pinch_holds_a_plate_between_thumb_and_index():
    card = field.build(trimesh.creation.box([0.06, 0.06, 0.004]))
    kind = NAMES.index("lateral")
    rng = np.random.default_rng(0)
    spots = np.zeros((40, 4, 6))
    spots[..., :2] = rng.uniform(-0.025, 0.025, (40, 4, 2))
    spots[..., 2], spots[..., 5] = 0.002, 1.0
    some = closing.Tries(np.full(40, kind), spots, np.tile([1.0, 0, 0], (40, 1)), np.tile(MEAN_BONES, (40, 1)))
    hands = Hands.of(*closing.close(card, some, rng), some.bones)
    near = gaps(card, *hands.balls(13, closing.FIRST)).min(-1).reshape(40, 5, 3) < 0.001
    assert (near[:, 0].any(-1) & near[:, 1].any(-1)).mean() > 0.25


def test_there_is_no_room_beside_a_wall_and_enough_beside_a_rod():
    rod, wall = (field.build(trimesh.creation.box(size)) for size in ([0.2, 0.02, 0.02], [0.2, 0.02, 0.2]))
    spots, way = np.array([[0.0, 0.01, 0, 0, 1, 0]]), np.array([[[0.0, 0, 1.0], [1.0, 0, 0]]])
    assert (closing._room(rod, spots, np.array([0.02]), way)[0] > 0.02).tolist() == [True, False]
    assert (closing._room(wall, spots, np.array([0.02]), way)[0] > 0.02).tolist() == [False, False]
