"""Data set + batch size + workers: the batches that belong to a position"""

import gc
import itertools
import multiprocessing
from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.utils.data import Dataset, IterableDataset

from tests.unbroken import children
from tests.unbroken.strategies import seeds as any_seed
from tests.unbroken.tiny import Noisy
from unbroken import Feed, Position, seeds
from unbroken.errors import Misuse


class Read(Dataset[int]):
    """Remembers what was read of it."""

    def __init__(self, size: int) -> None:
        self.size, self.taken = size, list[int]()

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> int:
        self.taken.append(index)
        return index


def batches(feed: Feed, start: Position = Position(), epochs: int = 1, seed: int = 0) -> list[Any]:  # noqa: B008
    with seeds.borrowed():
        return list(feed.stream(seed, start, epochs))


def test_a_stream_ends_with_the_last_epoch() -> None:
    feed = Feed(Noisy(10), batch_size=4)
    assert feed.batches == 3
    assert [len(b) for b in batches(feed, epochs=2)] == [4, 4, 2, 4, 4, 2]


def test_drop_last_leaves_out_the_smaller_batch() -> None:
    feed = Feed(Noisy(10), batch_size=4, drop_last=True)
    assert [len(b) for b in batches(feed, epochs=2)] == [4, 4, 4, 4]


@given(any_seed, st.integers(0, 2), st.integers(0, 5))
def test_going_on_reads_no_sample_that_was_read_before(seed: int, epoch: int, batch: int) -> None:
    whole, rest = Read(11), Read(11)
    expected = batches(Feed(whole, batch_size=2), epochs=3, seed=seed)
    start = Position(epoch, batch, 6 * epoch + batch)
    got = batches(Feed(rest, batch_size=2), start, epochs=3, seed=seed)
    assert [b.tolist() for b in got] == [b.tolist() for b in expected[start.step :]]
    assert rest.taken == whole.taken[len(whole.taken) - len(rest.taken) :]
    assert len(rest.taken) == sum(len(b) for b in got)


@pytest.mark.filterwarnings("ignore:This DataLoader will create 3 worker")  # on machines of two cores
def test_any_number_of_workers_reads_the_same_bits() -> None:
    start = Position(1, 2, 6)
    read = [batches(Feed(Noisy(7), batch_size=2, workers=workers), start, epochs=4) for workers in (0, 1, 3)]
    for other in read[1:]:
        assert len(other) == len(read[0]) == 10
        assert all(torch.equal(a, b) for a, b in zip(read[0], other, strict=True))


def test_the_augmentation_of_a_sample_differs_from_epoch_to_epoch_and_from_sample_to_sample() -> None:
    drawn = torch.cat(batches(Feed(Noisy(6), batch_size=3), epochs=3))
    for generator in drawn[:, 1:].T:
        assert len(set(generator.tolist())) == 18


@given(any_seed, st.integers(1, 12), st.integers(1, 12))
def test_a_window_smaller_than_the_set_sees_every_sample_equally_often(seed: int, size: int, window: int) -> None:
    feed = Feed(Read(size), batch_size=3, epoch_size=window)
    taken = [index for epoch in range(size) for b in range(feed.batches) for _, index in feed.draws(seed, epoch, b)]
    assert Counter(taken) == dict.fromkeys(range(size), window)


@given(any_seed, st.integers(0, 30))
def test_every_draw_has_a_number_of_its_own(seed: int, epoch: int) -> None:
    feed = Feed(Read(7), batch_size=3, epoch_size=5)
    numbers = [n for e in (epoch, epoch + 1) for b in range(feed.batches) for n, _ in feed.draws(seed, e, b)]
    assert numbers == list(range(5 * epoch, 5 * epoch + 10))


def test_without_shuffling_samples_come_in_the_order_of_their_index() -> None:
    feed = Feed(Read(5), batch_size=2, epoch_size=3, shuffle=False)
    assert [b.tolist() for b in batches(feed, epochs=3)] == [[0, 1], [2], [3, 4], [0], [1, 2], [3]]


def test_a_collate_function_makes_the_batch() -> None:
    feed = Feed(Read(4), batch_size=2, shuffle=False, collate=lambda samples: {"all": samples})
    assert batches(feed) == [{"all": [0, 1]}, {"all": [2, 3]}]


def test_a_sample_is_computed_on_one_thread_and_the_loop_on_all() -> None:
    class Threads(Noisy):
        def __getitem__(self, index: int) -> Tensor:
            return torch.tensor(torch.get_num_threads())

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with seeds.borrowed():
            for batch in Feed(Threads(4), batch_size=2).stream(0, Position(), 1):
                assert batch.tolist() == [1, 1]
                assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_beginning_to_read_costs_no_random_number_that_the_loop_could_miss() -> None:
    """The DataLoader takes 64 bits from the global generator when it starts, and samples seed it: a run seeds it again
    behind every fetch, and what a feed left there must therefore be the same for any number of workers."""
    drawn = []
    for workers in (0, 2):
        with seeds.borrowed():
            stream = Feed(Noisy(4), batch_size=2, workers=workers).stream(0, Position(), 1)
            next(stream)
            seeds.sow(0, seeds.For.STEP, 0)
            drawn.append((torch.rand(2).tolist(), np.random.random(2).tolist()))
            del stream
    assert drawn[0] == drawn[1]


def test_workers_end_when_the_stream_is_dropped() -> None:
    stream = Feed(Noisy(100), batch_size=2, workers=2).stream(0, Position(), 5)
    next(stream)
    assert len(multiprocessing.active_children()) == 2
    del stream
    gc.collect()
    assert multiprocessing.active_children() == []


class Broken(Noisy):
    def __getitem__(self, index: int) -> Tensor:
        raise ZeroDivisionError(f"sample {index} is broken")


def broken(workers: int) -> None:
    batches(Feed(Broken(4), batch_size=2, workers=workers))


@pytest.mark.parametrize("workers", [0, 1])
def test_an_error_in_the_data_set_ends_the_program(workers: int) -> None:
    """Also where the DataLoader has to end its worker by SIGTERM, as it does after an error."""
    with children.Child(broken, workers) as child:
        ended = child.wait(20)
    assert ended.code == 1
    assert "is broken" in ended.out


def test_a_batch_that_is_none_is_a_batch() -> None:
    """A collate function may have nothing to say of a batch; the stream does not end there."""
    feed = Feed(Read(4), batch_size=2, collate=lambda samples: None)
    assert batches(feed) == [None, None]


class Stream(IterableDataset[int]):
    def __iter__(self) -> Any:
        return itertools.count()


def test_a_data_set_that_is_a_stream_is_refused() -> None:
    with pytest.raises(Misuse, match="Stream has no length or no index: a feed reads map-style data sets"):
        Feed(Stream(), batch_size=2)


@pytest.mark.parametrize(
    ("size", "options"),
    [
        (0, {"batch_size": 1}),
        (3, {"batch_size": 0}),
        (3, {"batch_size": -1}),
        (3, {"batch_size": 4, "drop_last": True}),
        (3, {"batch_size": 1, "epoch_size": 0}),
        (3, {"batch_size": 1, "workers": -1}),
    ],
)
def test_a_feed_without_a_batch_is_refused_with_all_its_numbers(size: int, options: dict[str, Any]) -> None:
    with pytest.raises(Misuse, match=f"at least one batch: {size} samples") as refused:
        Feed(Noisy(size), **options)
    assert all(str(value) in str(refused.value) for value in options.values())


def test_the_facts_are_those_that_decide_the_numbers() -> None:
    feed = Feed(Noisy(10), batch_size=4, epoch_size=8, workers=3)
    facts = {"samples": 10, "batch_size": 4, "epoch_size": 8, "shuffle": True, "drop_last": False}
    assert feed.facts() == facts
    assert Feed(Noisy(10), 4, epoch_size=8, fingerprint="2026-11").facts() == {**facts, "fingerprint": "2026-11"}
