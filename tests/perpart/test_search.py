"""The search for grasps on one object"""

from copy import deepcopy

import numpy as np
import pytest

from perpart.grasps import filters, search
from perpart.hands import Hands
from perpart.preshapes import NAMES


@pytest.fixture(scope="module")
def catch() -> search.Catch:
    return search.search("egg", 5, 6, 2, 1)


def test_it_finds_what_is_wanted_and_no_more(catch):
    assert len(catch.kinds) == len(catch.angles) == len(catch.root) == len(catch.bones) == len(catch.quality) == 6
    assert catch.reasons["accepted"] == 6


def test_the_same_seed_finds_the_same_and_another_seed_finds_others(catch):
    again, other = search.search("egg", 5, 6, 2, 1), search.search("egg", 5, 6, 2, 2)
    np.testing.assert_array_equal(np.array(again.angles), np.array(catch.angles))
    assert again.quality == catch.quality
    assert again.reasons == catch.reasons
    assert not np.array_equal(np.array(other.angles), np.array(catch.angles))


def test_another_turn_adds_to_what_was_caught_and_leaves_that_as_it_was(catch):
    before = deepcopy(catch)
    more = search.search("egg", 5, 8, 2, 1, catch)
    assert len(more.kinds) == 8
    np.testing.assert_array_equal(more.angles[:6], catch.angles)
    assert more.quality[:6] == catch.quality == before.quality
    assert [found for _, found in more.turns] == [6, 2]
    assert catch.turns == before.turns
    assert more.reasons.total() == sum(tries for tries, _ in more.turns)


def test_every_figure_is_within_its_limit(catch):
    depth, volume, epsilon, shift, turn = np.array(catch.quality).T
    assert (depth <= filters.DEPTH).all()
    assert (volume <= filters.VOLUME).all()
    assert (epsilon > 0).all()
    assert (shift < 0.02).all()
    assert (np.degrees(turn) < 15).all()


def test_no_preshape_takes_more_than_its_share():
    caught = np.bincount([0] * 5, minlength=len(NAMES))
    kinds = search._kinds(np.ones(len(NAMES)), caught, 30, np.random.default_rng(0))
    assert 0 not in kinds
    assert len(np.unique(kinds)) == len(NAMES) - 1


def test_the_first_round_tries_every_preshape_equally():
    kinds = search._kinds(np.zeros(len(NAMES)), np.zeros(len(NAMES), int), 10, np.random.default_rng(0))
    assert set(np.bincount(kinds)) == {search.ROUND // len(NAMES)}


def test_a_grasp_moved_by_a_hair_is_the_same_and_one_moved_by_an_inch_is_not(catch):
    one = Hands.of(*(np.array(getattr(catch, name))[:1] for name in ("angles", "root", "bones")))
    root = catch.root[0].copy()
    assert search._same(one, catch.angles[0] + 0.01, root)
    root[0, 3] += 0.0254
    assert not search._same(one, catch.angles[0], root)


def test_the_long_side_of_a_rod_is_its_axis():
    rod = np.zeros((500, 6))
    rod[:, 0] = np.linspace(-0.1, 0.1, 500)
    rod[:, 1] = 0.005 * np.sin(np.arange(500))
    assert abs(search._long_side(rod, np.zeros(3))[0]) > 0.99


def test_an_object_is_left_only_when_a_few_are_caught_and_the_rest_are_rare():
    assert search._hopeless(4, 300)
    assert not search._hopeless(3, 300)
    assert not search._hopeless(10, 300)
    assert not search._hopeless(4, 100)
