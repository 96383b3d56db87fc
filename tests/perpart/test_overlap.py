import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from perpart.scores.overlap import Overlap, jaccard


def counted(guess, target) -> Overlap:
    overlap = Overlap.empty()
    overlap.add(guess, target)
    return overlap


def maps(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (3, 50, 16)).astype(np.float32) / 255


def test_f1_and_iou_are_their_definitions_at_every_threshold():
    guess, target = maps(0), maps(1)
    overlap = counted(guess, target)
    for threshold in (0.25, 0.5, 0.75):
        said, true = guess >= threshold, target >= 0.5
        assert overlap.iou(threshold)[0, -1] == pytest.approx((said & true).sum() / (said | true).sum())
        assert overlap.f1(threshold)[0, -1] == pytest.approx(2 * (said & true).sum() / (said.sum() + true.sum()))
        one = (said & true)[..., 3].sum() / (said | true)[..., 3].sum()
        assert overlap.iou(threshold)[0, 3] == pytest.approx(one)


def test_a_case_computed_by_hand():
    guess, target = np.zeros((1, 4, 16)), np.zeros((1, 4, 16))
    guess[0, :, 2], target[0, :, 2] = (0.9, 0.8, 0.6, 0.1), (1, 0, 1, 1)  # two hits, one false alarm, one miss
    overlap = counted(guess, target)
    assert overlap.f1()[0, 2] == pytest.approx(4 / 6)
    assert overlap.iou()[0, 2] == pytest.approx(2 / 4)
    assert overlap.precision()[0, 2] == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)
    assert overlap.mae()[0, 2] == pytest.approx((0.1 + 0.8 + 0.4 + 0.9) / 4)
    assert np.isnan(overlap.f1()[0, 0])


def test_average_precision_is_scikit_learns():
    guess, target = maps(0), maps(1) >= 0.7
    found = counted(guess, target).precision()[0]
    for part in range(16):
        assert found[part] == pytest.approx(
            average_precision_score(target[..., part].ravel(), guess[..., part].ravel())
        )
    assert found[16] == pytest.approx(average_precision_score(target.ravel(), guess.ravel()))


def test_counting_in_batches_is_counting_at_once():
    guess, target = maps(0), maps(1)
    parts = Overlap.empty()
    for i in range(3):
        parts.add(guess[i : i + 1], target[i : i + 1])
    whole = counted(guess, target)
    np.testing.assert_array_equal(parts.f1(), whole.f1())
    np.testing.assert_array_equal(parts.sets(), whole.sets())
    np.testing.assert_allclose(parts.mae()[0, -1], np.abs(guess - target).mean(), rtol=1e-6)


def test_weighed_rows_are_as_if_counted_so_often():
    guess, target = maps(0), maps(1)
    overlap, twice = Overlap.empty(3), Overlap.empty()
    for row in range(3):
        overlap.add(guess[row : row + 1], target[row : row + 1], row)
    for row in (0, 2, 2):
        twice.add(guess[row : row + 1], target[row : row + 1])
    drawn = overlap.weighed(np.array([[1.0, 0.0, 2.0]]))
    for score in ("f1", "iou", "precision", "mae", "sets"):
        np.testing.assert_allclose(getattr(drawn, score)(), getattr(twice, score)(), rtol=1e-12)


def test_the_truth_scores_one_and_its_opposite_nothing():
    target = (maps(1) > 0.7).astype(float)
    same = counted(target, target)
    assert same.f1()[0, -1] == same.precision()[0, -1] == same.sets()[0] == 1.0
    assert counted(1 - target, target).f1()[0, -1] == 0.0


def test_the_best_threshold_is_found():
    target = (maps(1) > 0.9).astype(float)
    threshold, f1 = counted(target * 0.3 + 0.1, target).best()
    assert f1 == 1.0
    assert 0.1 < threshold <= 0.4


def test_part_sets_share_what_is_in_both():
    sets = np.zeros((3, 16), bool)
    sets[0, :3] = sets[1, 2:4] = True
    assert jaccard(sets[0], sets[1]) == 1 / 4
    assert jaccard(sets[2], sets[2]) == 1.0
    assert jaccard(sets[0], sets[2]) == 0.0
