"""Data set + batch size + workers: the batches that belong to a position, and no others"""

from __future__ import annotations

import ctypes
import multiprocessing
from collections.abc import Callable, Generator, Iterator
from functools import partial
from typing import Any, cast

import numpy as np
from torch.utils.data import DataLoader, Dataset, default_collate  # pyright: ignore[reportUnknownVariableType]

from . import order, seeds, signals
from .errors import Misuse
from .order import Integers
from .position import Position
from .shares import Shares

Draw = tuple[int, int]  # (number of the draw, index of the sample)
Sown = tuple[int, int]  # (what its generators are seeded with, index of the sample)
TOGETHER = 4096  # draws that are worked out at once: numpy takes as long for one batch as for a hundred


class Feed:
    """What the run reads: a map-style data set, cut into batches in an order that the run's seed decides.

    epoch_size: samples in an epoch; by default the whole data set. A smaller epoch is a window that moves over pass
    after pass of the whole set, so that every sample is seen equally often.
    shuffle=False takes the samples in the order of their index. drop_last leaves out the last, smaller batch.
    workers: processes that prepare batches; their number never changes a bit.
    fingerprint: what tells these data from others of the same length, such as a version or a hash; recorded with the
    run and compared when it goes on.
    """

    def __init__(
        self,
        dataset: Dataset[Any],
        batch_size: int,
        *,
        epoch_size: int | None = None,
        workers: int = 0,
        shuffle: bool = True,
        drop_last: bool = False,
        collate: Callable[[list[Any]], Any] | None = None,
        pin_memory: bool = False,
        fingerprint: str | None = None,
    ) -> None:
        self.samples = _length(dataset)
        self.dataset, self.batch_size, self.workers = dataset, batch_size, workers
        self.epoch_size = self.samples if epoch_size is None else epoch_size
        self.shuffle, self.drop_last = shuffle, drop_last
        self.collate, self.pin_memory, self.fingerprint = collate, pin_memory, fingerprint
        if min(self.samples, batch_size, self.epoch_size) < 1 or self.batches < 1 or workers < 0:
            raise Misuse(
                f"a feed needs at least one batch: {self.samples} samples, epoch_size {self.epoch_size}, "
                f"batch_size {batch_size}, workers {workers}, drop_last {drop_last}"
            )

    @property
    def batches(self) -> int:
        """Batches in an epoch."""
        whole, rest = divmod(self.epoch_size, self.batch_size)
        return whole + (1 if rest and not self.drop_last else 0)

    def facts(self) -> dict[str, Any]:
        """What of the feed decides the numbers, to be compared when a run goes on."""
        names = ("samples", "batch_size", "epoch_size", "shuffle", "drop_last")
        facts = {name: getattr(self, name) for name in names}
        return facts if self.fingerprint is None else {**facts, "fingerprint": self.fingerprint}

    def draws(self, seed: int, epoch: int, batch: int, many: int = 1) -> list[Draw]:
        """The draws of one batch, or of so many one after another."""
        numbers, taken = self._drawn(seed, epoch, batch, many)
        return list(zip(numbers.tolist(), taken.tolist(), strict=True))

    def sown(self, seed: int, epoch: int, batch: int, many: int) -> list[Sown]:
        """As `draws`, for who serves the samples."""
        numbers, taken = self._drawn(seed, epoch, batch, many)
        return list(zip(seeds.words(seed, seeds.For.SAMPLE, numbers), taken.tolist(), strict=True))

    def _drawn(self, seed: int, epoch: int, batch: int, many: int) -> tuple[Integers, Integers]:
        start = batch * self.batch_size
        stop = min(start + many * self.batch_size, self.epoch_size)
        numbers = epoch * self.epoch_size + np.arange(start, stop, dtype=np.int64)
        return numbers, order.draw(seed, self.samples, numbers) if self.shuffle else numbers % self.samples

    def size(self, batch: int) -> int:
        """Samples in a batch of an epoch, whose last one may be smaller."""
        return min(self.batch_size, self.epoch_size - batch * self.batch_size)

    def stream(self, seed: int, start: Position, epochs: int, shares: Shares | None = None) -> Generator[Any]:
        """Every batch from a position to the end of the run, or of each the pieces that are this process's share; what
        lies before it is never read. Close it when done."""
        dataset, draws = _Seeded(self.dataset), _Draws(self, seed, start, epochs, shares or Shares(self.batch_size))
        if not self.workers and not self.pin_memory:
            return _alone(dataset, draws, self.collate or cast(Any, default_collate))
        # Not an Event: it takes a lock to be read, and workers read it where a signal has interrupted them.
        ending = multiprocessing.RawValue(ctypes.c_bool, False)
        loader: DataLoader[Any] = DataLoader(
            dataset,
            batch_sampler=draws,  # pyright: ignore[reportArgumentType]
            num_workers=self.workers,
            collate_fn=self.collate,
            pin_memory=self.pin_memory,
            worker_init_fn=partial(_quiet, ending) if self.workers else None,
        )
        return _together(loader, ending) if self.workers else _pinned(loader)


class _Seeded(Dataset[Any]):
    """The data set with its randomness tied to the draw: whichever process serves it, the same sample."""

    def __init__(self, dataset: Dataset[Any]) -> None:
        self.dataset = dataset

    def __getitem__(self, sown: Sown) -> Any:
        word, index = sown
        seeds.plant(word)
        return self.dataset[index]


class _Draws:
    """One stream over all epochs, so that workers start once a run and prefetch across the seam of two epochs."""

    def __init__(self, feed: Feed, seed: int, start: Position, epochs: int, shares: Shares) -> None:
        self.feed, self.seed, self.start, self.epochs, self.shares = feed, seed, start, epochs, shares

    def __iter__(self) -> Iterator[list[Sown]]:
        size, first = self.feed.batch_size, self.start.batch
        many = max(1, TOGETHER // size)
        for epoch in range(self.start.epoch, self.epochs):
            for batch in range(first, self.feed.batches, many):
                block = self.feed.sown(self.seed, epoch, batch, min(many, self.feed.batches - batch))
                for drawn in (block[i : i + size] for i in range(0, len(block), size)):
                    yield from (drawn[piece] for piece in self.shares.cut(len(drawn)))
            first = 0


def _together(loader: DataLoader[Any], ending: ctypes.c_bool) -> Generator[Any]:
    with signals.held():  # a worker that has not yet come to ignore a signal would die of it, and the run with it
        batches = iter(loader)
    try:
        yield from batches
    finally:  # also after an error, where a traceback holds on to the workers: from here on they may be terminated
        ending.value = True


def _alone(dataset: _Seeded, draws: _Draws, collate: Callable[[list[Any]], Any]) -> Generator[Any]:
    """What a DataLoader without workers makes, at a third of its cost a batch."""

    @seeds.one_thread
    def made(drawn: list[Sown]) -> Any:
        return collate([dataset[each] for each in drawn])

    for drawn in draws:
        yield made(drawn)


def _pinned(loader: DataLoader[Any]) -> Generator[Any]:
    batches = iter(loader)
    following = seeds.one_thread(lambda: next(batches, loader))
    while (batch := following()) is not loader:  # no batch is the loader itself
        yield batch


def _quiet(ending: ctypes.c_bool, worker: int) -> None:
    signals.ignore(until=lambda: ending.value)


def _length(dataset: Dataset[Any]) -> int:
    if not hasattr(dataset, "__len__") or not hasattr(dataset, "__getitem__"):
        raise Misuse(
            f"{type(dataset).__name__} has no length or no index: a feed reads map-style data sets, "
            "because a stream cannot be entered in the middle without re-reading it"
        )
    return len(dataset)  # pyright: ignore[reportArgumentType]
