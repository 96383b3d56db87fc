import numpy as np
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
    torch.testing.assert_close(before[0][clear], after[0][clear], atol=1e-6, rtol=0)
    assert torch.equal(before[1][clear], after[1][clear])
    torch.testing.assert_close(before[2][clear], after[2][clear], atol=1e-6, rtol=0)


def two_nearest_apart(signed: torch.Tensor) -> torch.Tensor:
    """Points whose nearest part is not a tie, which rounding could decide either way."""
    first, second = signed.topk(2, largest=False).values.unbind(-1)
    return second - first > 1e-9


def test_contact_is_one_within_three_millimetres_half_at_six_and_gone_at_twenty():
    gap = torch.tensor([0.0, 0.0029, 0.006, 0.0149, 0.0175, 0.020, 1.0], dtype=torch.float64)
    expected = torch.tensor([1.0, 1.0, 0.5, 0.2013, 0.0857, 0.0, 0.0], dtype=torch.float64)
    torch.testing.assert_close(contact.falloff(gap), expected, atol=1e-3, rtol=0)


def test_contact_falls_as_the_gap_grows():
    assert (contact.falloff(torch.linspace(0, 0.03, 1000)).diff() <= 0).all()


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
