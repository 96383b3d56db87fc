import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from perpart.scores.distance import apart, chamfer


def patch(**parts: slice) -> np.ndarray:
    """A map on ten points: part number `p<k>` touches those points."""
    maps = np.zeros((1, 10, 16), np.float32)
    for name, points in parts.items():
        maps[0, points, int(name[1:])] = 1.0
    return maps


def test_cases_computed_by_hand():
    one = patch(p0=slice(0, 4), p1=slice(0, 2))
    assert apart(one, one) == 0.0
    assert apart(one, patch(p0=slice(2, 6), p1=slice(0, 2)))[0, 0] == pytest.approx(1 - (2 / 6 + 1) / 2)
    assert apart(one, patch(p2=slice(0, 4))) == 1.0
    assert apart(one, patch(p0=slice(0, 4))) == 0.5  # a part that only one of them has counts in full
    assert apart(patch(), patch()) == 0.0
    assert apart(patch(), one) == 1.0


def test_faint_contact_counts_where_the_part_is_present_and_only_there():
    one, faint = patch(p0=slice(0, 4)), patch(p0=slice(0, 4))
    faint[0, :, 0] *= 0.4
    assert apart(one, faint)[0, 0] == pytest.approx(0.6)
    one[0, 5, 7] = 0.4  # never at touch: part 7 takes no part
    assert apart(one, faint)[0, 0] == pytest.approx(0.6)


@given(st.integers(0, 2**32 - 1))
def test_it_is_the_formula_symmetric_and_between_zero_and_one(seed: int):
    rng = np.random.default_rng(seed)
    maps = rng.integers(0, 256, (4, 20, 16)) * (rng.random((4, 1, 16)) < 0.3) / 255
    found = apart(maps, maps)
    np.testing.assert_array_equal(found, found.T)
    assert (np.diag(found) == 0).all()
    assert ((found >= 0) & (found <= 1)).all()
    a, b = maps[0], maps[1]
    there = (a.max(0) >= 0.5) | (b.max(0) >= 0.5)
    ratio = np.minimum(a, b).sum(0)[there] / np.maximum(a, b).sum(0)[there]
    assert found[0, 1] == pytest.approx(1 - ratio.mean() if there.any() else 0.0)


def test_the_order_of_points_changes_no_bit():
    rng = np.random.default_rng(0)
    a, b, order = rng.random((3, 500, 16)), rng.random((2, 500, 16)), rng.permutation(500)
    np.testing.assert_array_equal(apart(a, b), apart(a[:, order], b[:, order]))


def test_chamfer_sees_the_shape_and_not_the_place():
    line = torch.stack([torch.arange(5.0), torch.zeros(5), torch.zeros(5)], dim=1)
    others = torch.stack([line + 7.0, 2 * line, line.flip(1)])
    same, longer, turned = chamfer(line, others)
    assert same == pytest.approx(0.0, abs=1e-6)
    assert longer == pytest.approx(0.5 * (2 / 5 + 4 / 5))  # -2..2 beside -4, -2, 0, 2, 4
    assert turned == pytest.approx(6 / 5)
