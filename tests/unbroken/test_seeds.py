"""Randomness as a function of where the run is"""

import os
import random

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.unbroken.strategies import seeds as any_seed
from unbroken import seeds
from unbroken.order import key
from unbroken.seeds import For

Numbers = tuple[float, float, float]


def numbers() -> Numbers:
    """One number of each global generator."""
    return random.random(), float(np.random.random()), torch.rand(()).item()


def sown(seed: int, purpose: For, *where: int) -> Numbers:
    seeds.sow(seed, purpose, *where)
    return numbers()


@given(any_seed, st.sampled_from(For), st.integers(0, 10**12))
def test_the_same_place_draws_the_same_numbers(seed: int, purpose: For, place: int) -> None:
    with seeds.borrowed():
        first = sown(seed, purpose, place)
        numbers()
        assert sown(seed, purpose, place) == first


@given(any_seed, st.integers(0, 1000))
def test_purposes_places_and_seeds_draw_different_numbers(seed: int, place: int) -> None:
    with seeds.borrowed():
        drawn = [sown(seed, purpose, place) for purpose in For]
        drawn += [sown(seed, For.STEP, place + 1), sown(seed, For.STEP, 0, place), sown(seed + 1, For.STEP, place)]
    for generator in zip(*drawn, strict=True):
        assert len(set(generator)) == len(drawn)


def test_purposes_keep_their_numbers_forever() -> None:
    assert [(p.name, p.value) for p in For] == [
        ("BIRTH", 0), ("BEFORE", 1), ("STEP", 2), ("AFTER", 3), ("SAMPLE", 4),
    ]  # fmt: skip


def test_what_a_place_draws_is_this_forever() -> None:
    with seeds.borrowed():
        seeds.sow(7, For.STEP, 3, 5, 0)
        drawn = [random.randrange(1000), int(np.random.randint(1000)), int(torch.randint(1000, ()))]
    assert drawn == [385, 488, 456]


@given(any_seed, st.integers(0, 2**64 - 1))
def test_generators_are_planted_as_their_public_words_seed_them(past: int, word: int) -> None:
    with seeds.borrowed():
        seeds.sow(past, For.STEP)
        random.gauss()  # leaves the second one of a pair
        np.random.standard_normal()
        seeds.plant(word)
        planted = random.getstate(), np.random.get_state(legacy=False), torch.get_rng_state()
        random.seed(word)
        np.random.seed(word & 0xFFFFFFFF)
        torch.default_generator.manual_seed(word)
        seeded = random.getstate(), np.random.get_state(legacy=False), torch.get_rng_state()
    assert planted[0] == seeded[0]
    assert repr(planted[1]) == repr(seeded[1])
    assert (planted[1]["state"]["key"] == seeded[1]["state"]["key"]).all()
    assert torch.equal(planted[2], seeded[2])


@given(any_seed, st.integers(0, 2**40), st.sampled_from(For))
def test_the_words_of_many_places_are_those_of_each(seed: int, start: int, purpose: For) -> None:
    numbers = np.arange(start, start + 3, dtype=np.int64)
    assert seeds.words(seed, purpose, numbers) == [key(seed, purpose, start + i) for i in range(3)]


def test_borrowed_generators_come_back_as_they_were() -> None:
    with seeds.borrowed():
        seeds.sow(1, For.BIRTH)
        expected = [numbers() for _ in range(3)]
        seeds.sow(1, For.BIRTH)
        numbers()
        with seeds.borrowed():
            seeds.sow(2, For.STEP)
            numbers()
        assert [numbers() for _ in range(2)] == expected[1:]


def test_borrowed_generators_come_back_after_an_error_too() -> None:
    with seeds.borrowed():
        before = torch.get_rng_state()
        try:
            with seeds.borrowed():
                torch.rand(5)
                raise KeyError
        except KeyError:
            assert torch.equal(torch.get_rng_state(), before)


def test_pinned_kernels_are_deterministic_and_the_settings_come_back() -> None:
    before = _settings()
    with seeds.pinned():
        assert torch.are_deterministic_algorithms_enabled()
        assert not torch.backends.cudnn.benchmark
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"]
    assert _settings() == before


def test_pinned_gives_back_what_somebody_else_had_chosen() -> None:
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = True
    try:
        before = _settings()
        with seeds.pinned():
            assert not torch.is_deterministic_algorithms_warn_only_enabled()
        assert _settings() == before
    finally:
        torch.use_deterministic_algorithms(False)
        torch.backends.cudnn.benchmark = False


def test_one_thread_is_lent_and_given_back() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert seeds.one_thread(torch.get_num_threads)() == 1
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def _settings() -> tuple[bool, ...]:
    return (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        torch.utils.deterministic.fill_uninitialized_memory,
        torch.backends.cudnn.benchmark,
    )
