from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from perpart import contact, hand

SEEDS = st.integers(0, 2**32 - 1)


def scene(seed: int, points: int = 200) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, hand.Posed]:
    """A random hand of random size and random oriented points about it; float64: identities are sharp."""
    rng = np.random.default_rng(seed)
    angles = torch.tensor(rng.uniform(*hand.LIMITS.T, (1, len(hand.ANGLES))))
    root = torch.eye(4, dtype=torch.float64)[None]
    bones = torch.tensor(hand.draw_bones(rng, 1))
    where = torch.tensor(rng.normal((0.06, 0, -0.02), 0.05, (1, points, 3)))
    normals = torch.nn.functional.normalize(torch.tensor(rng.normal(size=(1, points, 3))), dim=-1)
    return where, normals, root, hand.pose(angles, root, bones)


def to_segment(q: np.ndarray, v: np.ndarray, n: np.ndarray) -> np.ndarray:
    """The distance from q to the segment of v, by looking at 2,001 of its points."""
    steps = np.linspace(-contact.BELOW, contact.ABOVE, 2001)
    return np.linalg.norm(q[:, None] - (v[:, None] + steps[:, None] * n[:, None]), axis=-1).min(1)


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_contact_is_the_formula_on_the_nearest_points(seed):
    v, n, _, posed = scene(seed, 20)
    signed, gradient = hand.distance(posed, v)
    c, _, _ = contact.labels(posed, v, n)
    for part in (0, 3, 7):
        q = (v - signed[..., part, None] * gradient[..., part, :])[0]
        d = to_segment(q.numpy(), v[0].numpy(), n[0].numpy())
        expected = np.clip(1 / (d / 0.003 + 1e-4), 0, 1) * np.clip((0.020 - d) / 0.005, 0, 1)
        np.testing.assert_allclose(c[0, :, part], expected, atol=2e-3)


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_the_largest_part_contact_is_at_least_the_whole_hands(seed):
    v, n, _, posed = scene(seed)
    c, part, _ = contact.labels(posed, v, n)
    whole = contact.whole(posed, v, n)
    assert (c.amax(-1) >= whole).all()
    agree = c.argmax(-1) == part
    assert agree.any()
    assert torch.equal(c.amax(-1)[agree], whole[agree])


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_turning_hand_and_object_together_changes_nothing(seed):
    v, n, root, _ = scene(seed)
    rng = np.random.default_rng(seed)
    angles = torch.tensor(rng.uniform(*hand.LIMITS.T, (1, len(hand.ANGLES))))
    bones = torch.tensor(hand.draw_bones(rng, 1))
    turn = torch.tensor(Rotation.random(random_state=rng.integers(2**32)).as_matrix())
    moved = root.clone()
    moved[0, :3, :3], moved[0, :3, 3] = turn, torch.tensor(rng.normal(0, 0.3, 3))
    before = contact.labels(hand.pose(angles, root, bones), v, n)
    after = contact.labels(hand.pose(angles, moved, bones), v @ turn.T + moved[0, :3, 3], n @ turn.T)
    clear = two_nearest_apart(hand.distance(hand.pose(angles, root, bones), v)[0])
    torch.testing.assert_close(before[0][clear], after[0][clear], atol=1e-9, rtol=0)
    assert torch.equal(before[1][clear], after[1][clear])
    torch.testing.assert_close(before[2][clear], after[2][clear], atol=1e-9, rtol=0)


def two_nearest_apart(signed: torch.Tensor) -> torch.Tensor:
    """Points whose nearest part is not a tie, which rounding could decide either way."""
    first, second = signed.topk(2, largest=False).values.unbind(-1)
    return second - first > 1e-9


def test_contact_is_one_within_three_millimetres_half_at_six_and_gone_at_twenty():
    gap = torch.tensor([0.0, 0.0029, 0.006, 0.0149, 0.0175, 0.020, 1.0], dtype=torch.float64)
    expected = torch.tensor([1.0, 1.0, 0.5, 0.2013, 0.0857, 0.0, 0.0], dtype=torch.float64)
    torch.testing.assert_close(contact.falloff(gap), expected, atol=1e-3, rtol=0)


GAPS = st.floats(0, 0.05, allow_subnormal=False)


@given(GAPS, GAPS)
def test_contact_never_grows_with_the_gap(one, other):
    near, far = contact.falloff(torch.tensor(sorted((one, other)), dtype=torch.float64))
    assert 1 >= near >= far >= 0


@given(GAPS)
def test_contact_is_full_then_three_millimetres_over_the_gap_then_faded_then_nothing(gap):
    got = float(contact.falloff(torch.tensor(gap, dtype=torch.float64)))
    tail = 1 / (gap / 0.003 + 1e-4)
    if gap <= 0.0029997:
        assert got == 1
    elif gap <= 0.015:
        assert got == pytest.approx(tail, abs=1e-12)
    elif gap < 0.020:
        assert 0 <= got < tail
    else:
        assert got == 0


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_contact_falls_as_a_point_recedes_from_a_part_whatever_its_normal(seed):
    v, n, _, posed = scene(seed, 10)
    signed, gradient = hand.distance(posed, v)
    part = 1 + seed % 15  # one cone, so the nearest point stays as the point goes straight away from it
    on, way = (v - signed[..., part, None] * gradient[..., part, :])[0], gradient[0, :, part]
    gaps = torch.linspace(contact.BELOW, 0.03, 20, dtype=torch.float64)  # nearer, a segment can reach the part again
    away = (on + gaps[:, None, None] * way).reshape(1, -1, 3)
    seen = contact.labels(posed, away, n.repeat(1, 20, 1))[0][0, :, part].reshape(20, 10)
    assert (seen.diff(dim=0) <= 1e-9).all()
    assert (seen[-1] == 0).all()


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_a_hand_in_the_mirror_touches_the_object_in_the_mirror_alike(seed):
    v, n, _, posed = scene(seed)
    mirror = torch.tensor([1.0, -1.0, 1.0], dtype=torch.float64)
    other = replace(posed, a=posed.a * mirror, b=posed.b * mirror)
    before, after = contact.labels(posed, v, n), contact.labels(other, v * mirror, n * mirror)
    torch.testing.assert_close(after[0], before[0], atol=1e-9, rtol=0)
    clear = two_nearest_apart(hand.distance(posed, v)[0])
    assert torch.equal(after[1][clear], before[1][clear])


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_a_cone_has_no_first_end(seed):
    v, n, _, posed = scene(seed)
    turned = replace(posed, a=posed.b, b=posed.a, ra=posed.rb, rb=posed.ra)
    torch.testing.assert_close(contact.labels(turned, v, n)[0], contact.labels(posed, v, n)[0], atol=1e-9, rtol=0)


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.integers(0, 15))
def test_contact_with_a_part_knows_nothing_of_the_other_parts_and_points(seed, part):
    v, n, _, posed = scene(seed, 40)
    elsewhere = torch.where(posed.part == part, 0.0, 3.0)[None, :, None]
    alone = replace(posed, a=posed.a + elsewhere, b=posed.b + elsewhere)
    some = torch.tensor(np.random.default_rng(seed).permutation(40)[:15])
    got = contact.labels(alone, v[:, some], n[:, some])[0]
    torch.testing.assert_close(got[..., part], contact.labels(posed, v, n)[0][:, some, part], atol=1e-9, rtol=0)
    assert (got.sum(-1) == got[..., part]).all()


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_a_part_no_further_than_three_millimetres_beyond_a_points_segment_is_touched_fully(seed):
    v, _, _, posed = scene(seed, 30)
    signed, gradient = hand.distance(posed, v)
    part = 1 + seed % 15
    on, facing = v - signed[..., part, None] * gradient[..., part, :], -gradient[..., part, :]
    share = torch.tensor(np.random.default_rng(seed).uniform(size=(1, 30, 1)))
    reach, depth = 0.0029 + contact.ABOVE, 0.0029 + contact.BELOW
    near = on - (share * (reach + depth) - depth) * facing
    assert (contact.labels(posed, near, facing)[0][..., part] == 1).all()


def test_a_point_pushed_along_a_parts_axis_keeps_its_direction():
    _, _, _, posed = scene(5)
    tip = posed.frames[:, 6, :3, 3] + 0.1 * posed.frames[:, 6, :3, 0]
    seen = contact.directions(posed, tip[:, None], torch.tensor([[6]]))
    torch.testing.assert_close(seen[0, 0], torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64))


def test_directions_are_unit_and_parts_are_parts():
    v, n, _, posed = scene(7)
    c, part, direction = contact.labels(posed, v, n)
    assert c.shape == (1, 200, 16)
    assert (part >= 0).all()
    assert (part < 16).all()
    torch.testing.assert_close(direction.norm(dim=-1), torch.ones(1, 200, dtype=torch.float64))
