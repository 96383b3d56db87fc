import numpy as np
import pytest

from perpart.scores import sets


def line(a, b) -> np.ndarray:
    """Distances of points on a line."""
    return np.abs(np.subtract.outer(np.asarray(a, float), np.asarray(b, float)))


def test_cases_computed_by_hand():
    samples, real = [0.0, 1.0, 9.0], [0.5, 2.0, 9.5]
    cross = line(samples, real)
    assert sets.matching(cross) == pytest.approx((0.5 + 1.0 + 0.5) / 3)
    assert sets.coverage(cross) == pytest.approx(2 / 3)  # 0 and 1 both have 0.5 nearest, 2 is nobody's
    every = samples + real
    # nearest of 0: 0.5 (other); 1: 0.5 (other); 9: 9.5 (other); 0.5: both 0 and 1; 2: 1 (other); 9.5: 9 (other)
    assert sets.leave_one_out(line(every, every), 3) == 0.0
    assert sets.diversity(line(samples, samples)) == pytest.approx((1 + 9 + 8) / 3)
    energy = 2 * cross.mean() - 6.0 - (1.5 + 9 + 7.5) / 3
    assert sets.energy(cross, line(samples, samples), line(real, real)) == pytest.approx(energy)


def test_the_same_set_twice_is_covered_at_no_distance_and_known_as_a_copy():
    some = np.random.default_rng(0).normal(size=20)
    assert sets.matching(line(some, some)) == 0.0
    assert sets.coverage(line(some, some)) == 1.0
    assert sets.leave_one_out(line([*some, *some], [*some, *some]), 20) == 0.0


def test_sets_of_one_distribution_cannot_be_told_apart_and_others_can():
    rng = np.random.default_rng(0)
    same, far = rng.normal(size=800), np.concatenate([rng.normal(size=400), rng.normal(size=400) + 50])
    assert sets.leave_one_out(line(same, same), 400) == pytest.approx(0.5, abs=0.04)
    assert sets.leave_one_out(line(far, far), 400) == 1.0
    halves = same[:400], same[400:]
    within = [line(half, half) for half in halves]
    assert sets.energy(line(*halves), *within) == pytest.approx(0.0, abs=0.02)


def test_a_collapsed_set_covers_little_and_has_no_diversity():
    real, one = np.arange(10.0), np.full(10, 4.4)
    assert sets.coverage(line(one, real)) == pytest.approx(0.1)
    assert sets.diversity(line(one, one)) == 0.0
    assert sets.leave_one_out(line([*one, *real], [*one, *real]), 10) == 18 / 20  # all but the real 4 and 5
    assert sets.energy(line(one, real), line(one, one), line(real, real)) > 1.0


def test_ties_are_shared_and_the_order_does_not_matter():
    nothing = np.ones((4, 4))  # nobody is near anybody
    assert sets.coverage(nothing) == pytest.approx(1 - 0.75**4)
    assert sets.leave_one_out(np.ones((8, 8)), 4) == pytest.approx(3 / 7)
    rng = np.random.default_rng(0)
    cross, order = rng.integers(0, 3, (6, 6)).astype(float), rng.permutation(6)
    assert sets.coverage(cross) == pytest.approx(sets.coverage(cross[order][:, order]))


def test_a_single_member_has_no_diversity_to_tell():
    assert np.isnan(sets.diversity(np.zeros((1, 1))))
