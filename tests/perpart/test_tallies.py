from collections.abc import Sequence

import numpy as np
import pytest

from perpart.scores.intervals import resamplings
from perpart.scores.judged import Judged
from perpart.scores.tallies import (
    ALL,
    GUESSES,
    Directions,
    Figure,
    Latents,
    Tally,
    Touching,
    one_channel,
    others_mean,
    shuffled,
)
from tests.perpart.invented import PLAIN, changed, invented


def told(kind: type[Tally], things: Sequence[Judged]) -> dict[tuple, Figure]:
    tally = kind(len(things), PLAIN)
    for row, thing in enumerate(things):
        tally.add(thing, row)
    return {(f.guess, f.measure, f.at, f.part): f for f in tally.figures(resamplings(len(things), 100))}


def test_who_knows_the_grasp_scores_one_and_who_shuffles_its_parts_does_not():
    figures = told(Touching, [invented(0), invented(1)])
    assert figures["rebuilt", "f1", 0.5, ALL].value == 1.0
    assert figures["rebuilt", "precision", None, "thumb1"].value == pytest.approx(1.0)
    assert figures["rebuilt", "part sets", 0.5, ALL].low == 1.0
    assert figures["shuffled parts *", "f1", 0.5, ALL].value < 0.5
    assert {key[0] for key in figures} == set(GUESSES)


def test_intervals_hold_their_value_and_grow_with_what_differs():
    alike = told(Touching, [invented(0)] * 5)["draw", "f1", 0.5, ALL]
    assert alike.low == pytest.approx(alike.value) == pytest.approx(alike.high)
    found = told(Touching, [invented(i) for i in range(5)])["draw", "f1", 0.5, ALL]
    assert found.low < found.value < found.high


def test_every_part_gets_another_parts_map():
    one = invented()
    wrong = shuffled(one)
    np.testing.assert_array_equal(wrong.sum((1, 2)), one.real.sum((1, 2)))
    marked = changed(one, real=np.tile(np.arange(16.0), (6, 40, 1)))
    assert (shuffled(marked) != marked.real).all()
    np.testing.assert_array_equal(shuffled(one), shuffled(one))


def test_the_others_mean_leaves_the_grasp_itself_out():
    real = np.array([0.0, 0.3, 0.9])[:, None, None] * np.ones((3, 2, 16))
    np.testing.assert_allclose(others_mean(real)[:, 0, 0], [0.6, 0.45, 0.15])
    assert (others_mean(real[:1]) == 0).all()


def test_an_only_grasp_has_no_other_real_one():
    figures = told(Touching, [invented(0, grasps=1)])
    assert np.isnan(figures["another real *", "f1", 0.5, ALL].value)
    assert figures["own mean *", "f1", 0.5, ALL].value == 1.0


def test_directions_are_told_in_degrees_where_they_are_known():
    one = invented()
    aside = one.direction.copy()
    aside[:, :20] = [1, 0, 0]
    half = told(Directions, [changed(one, towards=aside)])["rebuilt", "degrees", 0.5, ALL].value
    touched = one.real.max(-1) >= 0.5
    assert half == pytest.approx(90 * touched[:, :20].sum() / touched.sum())
    assert told(Directions, [one])["training's mean", "degrees", 0.5, ALL].value == pytest.approx(0.0)
    unknown = one.direction.copy()
    unknown[:, :20] = 0
    assert told(Directions, [changed(one, direction=unknown, towards=aside)])["rebuilt", "degrees", 0.5, ALL].value == 0
    nothing = told(Directions, [changed(one, direction=0 * unknown)])["rebuilt", "degrees", 0.5, ALL]
    assert np.isnan(nothing.value)


def test_latents_that_vary_are_active_and_those_at_the_prior_cost_nothing():
    one = invented(grasps=2)
    mu = np.array([[1.0, 0.0, 0.05], [-1.0, 0.0, -0.05]])
    figures = told(Latents, [changed(one, mu=mu)])
    assert figures["rebuilt", "active", None, ALL].value == 1
    assert figures["rebuilt", "nats", None, ALL].value == pytest.approx(0.5 * (1 + 0.05**2))


def test_one_channel_says_the_largest_contact_of_the_nearest_part_and_no_other():
    one = invented()
    said = one_channel(one)
    np.testing.assert_array_equal(said.max(-1), one.real.max(-1))
    assert ((said > 0).sum(-1) <= 1).all()
    assert (said.argmax(-1) == one.part)[one.real.max(-1) > 0].all()
