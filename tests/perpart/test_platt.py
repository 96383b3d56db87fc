import numpy as np

from perpart.scores.platt import Platt


def seen(scale: float, shift: float, number: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and outcomes whose chance is sigmoid(scale * logit + shift)."""
    rng = np.random.default_rng(0)
    logits = rng.normal(-2, 2, (number, 16))
    return logits, (rng.random(logits.shape) < 1 / (1 + np.exp(-scale * logits - shift))).astype(float)


def test_the_scale_and_shift_that_made_the_outcomes_are_found():
    platt = Platt()
    platt.add(*seen(0.6, -1.5))
    scale, shift = platt.fitted()
    np.testing.assert_allclose(scale, 0.6, atol=0.06)
    np.testing.assert_allclose(shift, -1.5, atol=0.12)


def test_the_mean_chance_is_the_mean_outcome():
    platt, (logits, outcome) = Platt(), seen(1.3, -2.0)
    platt.add(logits, outcome)
    scale, shift = platt.fitted()
    chance = 1 / (1 + np.exp(-(scale * logits + shift)))
    np.testing.assert_allclose(chance.mean(0), outcome.mean(0), rtol=0.02)


def test_a_part_that_nobody_saw_stays_as_it_is_and_one_that_never_touches_is_finite():
    np.testing.assert_array_equal(Platt().fitted(), [np.ones(16), np.zeros(16)])
    platt = Platt()
    platt.add(seen(1.0, 0.0)[0], np.zeros((20_000, 16)))
    scale, shift = platt.fitted()
    assert np.isfinite([scale, shift]).all()
    assert (1 / (1 + np.exp(-(scale * -2 + shift))) < 0.01).all()


def test_counting_in_two_goes_is_counting_in_one():
    logits, outcome = seen(0.8, -1.0, 500)
    one, two = Platt(), Platt()
    one.add(logits, outcome)
    for half in (slice(250), slice(250, None)):
        two.add(logits[half], outcome[half])
    np.testing.assert_array_equal(one.fitted(), two.fitted())
