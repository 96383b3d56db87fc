import numpy as np
import pytest

from perpart.scores.intervals import interval, means, resamplings


def test_the_first_row_is_every_object_once_and_the_others_as_many_in_all():
    weights = resamplings(20)
    assert weights.shape == (1001, 20)
    assert (weights[0] == 1).all()
    assert (weights.sum(1) == 20).all()
    np.testing.assert_array_equal(weights, resamplings(20))
    assert (weights != resamplings(20, seed=1)).any()


def test_the_interval_of_a_mean_is_that_of_the_textbook():
    figures = np.random.default_rng(0).normal(size=400)
    found = interval(means(resamplings(400), figures))
    error = 1.96 * figures.std() / 20
    assert found.value == pytest.approx(figures.mean())
    assert found.low == pytest.approx(figures.mean() - error, abs=0.015)
    assert found.high == pytest.approx(figures.mean() + error, abs=0.015)


def test_objects_without_the_figure_do_not_count():
    weights = resamplings(3)
    found = interval(means(weights, np.array([1.0, np.nan, 1.0])))
    assert found == (1.0, 1.0, 1.0)
    assert np.isnan(interval(means(weights, np.full(3, np.nan)))).all()
