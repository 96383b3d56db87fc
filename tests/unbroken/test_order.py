"""The order of samples"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unbroken.strategies import seeds, sizes
from unbroken import order


@given(seeds, sizes, st.integers(0, 50))
def test_every_pass_takes_every_sample_once(seed: int, size: int, turn: int) -> None:
    taken = order.draw(seed, size, np.arange(turn * size, (turn + 1) * size))
    assert sorted(taken.tolist()) == list(range(size))


@given(seeds, sizes, st.data())
def test_any_window_equals_the_slice_of_the_whole(seed: int, size: int, data: st.DataObject) -> None:
    whole = order.draw(seed, size, np.arange(3 * size))
    start = data.draw(st.integers(0, 3 * size))
    stop = data.draw(st.integers(start, 3 * size))
    assert order.draw(seed, size, np.arange(start, stop)).tolist() == whole[start:stop].tolist()


@given(seeds, st.permutations(range(40)))
def test_a_draw_depends_on_its_number_alone(seed: int, numbers: list[int]) -> None:
    whole = order.draw(seed, 16, np.arange(40))
    assert order.draw(seed, 16, np.array(numbers)).tolist() == whole[numbers].tolist()


@given(seeds)
def test_passes_differ_from_each_other_and_seeds_from_each_other(seed: int) -> None:
    taken = order.draw(seed, 100, np.arange(200)).tolist()
    assert taken[:100] != taken[100:]
    assert taken[:100] != order.draw(seed + 1, 100, np.arange(100)).tolist()


def test_no_place_is_preferred() -> None:
    """Where sample 0 lands over many passes: chi-square with 9 degrees of freedom, 27.9 is its 99.9 % point."""
    takes = order.draw(5, 10, np.arange(10 * 2000)).reshape(2000, 10)
    seen = np.bincount(np.argmax(takes == 0, axis=1), minlength=10)
    assert ((seen - 200.0) ** 2 / 200.0).sum() < 27.9


def test_neighbours_in_one_pass_are_not_neighbours_in_the_data() -> None:
    taken = order.draw(1, 1000, np.arange(1000))
    assert abs(np.corrcoef(taken[:-1], taken[1:])[0, 1]) < 0.1


def test_the_last_sample_of_the_largest_pass_costs_no_more_than_the_first() -> None:
    size, last = 2**40, 2**40 * 1000 - 1
    taken = order.draw(0, size, np.array([0, last]))
    assert ((taken >= 0) & (taken < size)).all()


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 15, 16, 17, 63, 64, 65, 4095, 4096, 4097])
def test_sizes_around_powers_of_two_are_permuted_too(size: int) -> None:
    assert sorted(order.draw(9, size, np.arange(size)).tolist()) == list(range(size))


def test_no_draws_are_no_samples() -> None:
    assert order.draw(0, 10, np.arange(0)).tolist() == []


@settings(max_examples=50)
@given(st.lists(st.integers(-(2**70), 2**70), max_size=4))
def test_a_key_has_64_bits_and_changes_with_every_part(parts: list[int]) -> None:
    word = order.key(*parts)
    assert 0 <= word < 2**64
    assert word != order.key(*parts, 0)
    for i in range(len(parts)):
        assert word != order.key(*parts[:i], parts[i] + 1, *parts[i + 1 :])


# Frozen: a release that changes any of these would continue every run with other samples.


KEYS = [0, 16294208416658607535, 10451216379200822465, 17670481865470212032, 16490336266968443936]
SMALL = [7, 6, 1, 9, 5, 4, 0, 8, 2, 3, 7, 1, 9, 5, 6, 0, 2, 3, 4, 8]
LARGE = [460, 858, 555, 914, 571, 871, 785]
HUGE = [338007669968, 573725201708, 34257124301, 48984165275]


@given(st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=4), st.lists(st.integers(0, 2**64), max_size=3))
def test_keys_go_on_from_the_key_of_what_comes_before(numbers: list[int], before: list[int]) -> None:
    start = order.key(*before)
    assert order.key(*numbers, start=start) == order.key(*before, *numbers)
    assert order.keys(np.array(numbers), start).tolist() == [order.key(*before, n) for n in numbers]


def test_keys_are_these_forever() -> None:
    assert [order.key(), order.key(0), order.key(1), order.key(7, 3), order.key(-1)] == KEYS


def test_draws_are_these_forever() -> None:
    assert order.draw(0, 10, np.arange(20)).tolist() == SMALL
    assert order.draw(42, 1000, np.array([0, 1, 2, 999, 1000, 10**9, 10**15])).tolist() == LARGE
    assert order.draw(3, 2**40, np.array([0, 1, 2**39, 2**40])).tolist() == HUGE
