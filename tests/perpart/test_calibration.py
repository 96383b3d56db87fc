import numpy as np
import pytest

from perpart.scores.calibration import Calibration


def judged(forecast: np.ndarray, outcome: np.ndarray) -> Calibration:
    tally = Calibration.empty()
    tally.add(forecast, outcome)
    return tally


def test_a_case_computed_by_hand():
    forecast, outcome = np.zeros((4, 16)), np.zeros((1, 4, 16))
    forecast[:, 5], outcome[0, :, 5] = (0.05, 0.05, 0.95, 1.0), (0, 1, 1, 1)
    tally = judged(forecast, outcome)
    assert tally.ece()[0, 5] == pytest.approx(0.5 * 0.45 + 0.5 * 0.025)
    assert tally.brier()[0, 5] == pytest.approx((0.05**2 + 0.95**2 + 0.05**2) / 4)
    assert tally.rate()[0, 5] == pytest.approx(0.75)
    said, seen, share = (curve[0, 5] for curve in tally.curve())
    np.testing.assert_allclose([said[0], said[9], seen[0], seen[9]], [0.05, 0.975, 0.5, 1.0])
    assert np.isnan(said[1:9]).all()
    np.testing.assert_array_equal(share[[0, 4, 9]], [0.5, 0.0, 0.5])


def test_who_forecasts_the_chances_is_calibrated_and_who_doubles_them_is_not():
    rng = np.random.default_rng(0)
    chance = rng.random((2000, 16)) / 2
    outcome = rng.random((50, 2000, 16)) < chance
    assert judged(chance, outcome).ece()[0, -1] < 0.001
    assert judged(2 * chance, outcome).ece()[0, -1] == pytest.approx(0.25, abs=0.01)
    assert judged(chance, outcome).brier()[0, -1] == pytest.approx((chance * (1 - chance)).mean(), abs=0.002)


def test_soft_outcomes_are_forecast_by_their_mean():
    outcome = np.random.default_rng(0).random((400, 3, 16))
    assert judged(np.full((3, 16), 0.5), outcome).ece()[0, -1] < 0.01


def test_weighed_rows_are_as_if_counted_so_often():
    rng = np.random.default_rng(0)
    forecast, outcome = rng.random((2, 30, 16)), rng.random((2, 4, 30, 16))
    rows, twice = Calibration.empty(2), Calibration.empty()
    for row in range(2):
        rows.add(forecast[row], outcome[row], row)
    for row in (1, 1):
        twice.add(forecast[row], outcome[row])
    drawn = rows.weighed(np.array([[0.0, 2.0]]))
    np.testing.assert_allclose(drawn.ece(), twice.ece())
    np.testing.assert_allclose(drawn.brier(), twice.brier())
