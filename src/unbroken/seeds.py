"""Randomness as a pure function of where the run is: the one place that seeds generators

No generator's state is ever saved. Before each step, each sample and each part of the loop all generators are seeded
with a key of (seed, what it is for, where), which costs about 25 µs and makes the past of a generator irrelevant.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Generator
from contextlib import contextmanager
from enum import IntEnum
from functools import lru_cache
from typing import Any, ParamSpec, TypeVar, cast

import numpy as np
import torch

from .order import Integers, key, keys

P = ParamSpec("P")
T = TypeVar("T")
PYTHON: Any = cast(Any, random.random).__self__  # the generators behind the modules' functions
SEED_PYTHON: Callable[[int], None] = cast(Any, super(random.Random, PYTHON)).seed
SEED_NUMPY: Callable[[int], None] = cast(Any, np.random.random).__self__.seed


class For(IntEnum):
    """What a seed is for; part of every key, so that no two uses share a stream."""

    BIRTH = 0  # building the model
    BEFORE = 1  # from the start of an epoch to its first batch
    STEP = 2  # one batch: forward, backward, optimizer
    AFTER = 3  # what follows the inner loop: validation
    SAMPLE = 4  # one sample of the data set: augmentation


def sow(seed: int, purpose: For, *where: int) -> None:
    """Seed python's, numpy's and torch's global generators for this purpose at this place."""
    plant(key(*where, start=_begun(seed, purpose)))


def words(seed: int, purpose: For, numbers: Integers) -> list[int]:
    """What `plant` is to be given for this purpose at each of these places."""
    return keys(numbers, _begun(seed, purpose)).tolist()


def plant(word: int) -> None:
    """Seed the generators with a key: what the public words do, without what they look at first. Half of what a step
    costs above a bare loop is spent here."""
    SEED_PYTHON(word)
    PYTHON.gauss_next = None  # the second of a pair of normal numbers that the past has drawn
    SEED_NUMPY(word & 0xFFFFFFFF)
    # torch.manual_seed does the same at 200 times the cost: it looks for every kind of device first.
    torch.default_generator.manual_seed(word)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(word)


@lru_cache(maxsize=64)
def _begun(seed: int, purpose: For) -> int:
    return key(seed, int(purpose))


@contextmanager
def borrowed() -> Generator[None]:
    """Give the process its generators back as they were."""
    python, arrays, tensors = random.getstate(), np.random.get_state(), torch.get_rng_state()
    gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    try:
        yield
    finally:
        torch.cuda.set_rng_state_all(gpus)
        random.setstate(python)
        np.random.set_state(arrays)
        torch.set_rng_state(tensors)


@contextmanager
def pinned(threads: int | None = None) -> Generator[None]:
    """Deterministic kernels, and so many threads, for as long as the run lasts: autotuning chooses by timing, atomics
    by luck, and sums over several threads round differently."""
    # cuBLAS reads this when its handle is created; without it torch refuses deterministic matrix products.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    settings: Any = torch.utils.deterministic  # its one property is not typed
    was = torch.get_deterministic_debug_mode()
    fill, benchmark = settings.fill_uninitialized_memory, torch.backends.cudnn.benchmark
    # Not torch.use_deterministic_algorithms: it imports torch's compiler first, which takes seconds.
    torch.set_deterministic_debug_mode("error")
    settings.fill_uninitialized_memory = False  # it fills every torch.empty: time, and no bit of ours depends on it
    torch.backends.cudnn.benchmark = False
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        torch.set_deterministic_debug_mode(was)
        settings.fill_uninitialized_memory, torch.backends.cudnn.benchmark = fill, benchmark


def one_thread(act: Callable[P, T]) -> Callable[P, T]:
    """The same function, computed as a data worker does, on one thread: with two, sums could round differently."""

    def alone(*arguments: P.args, **named: P.kwargs) -> T:
        threads = torch.get_num_threads()
        if threads != 1:  # being told what it knows costs torch more than being asked
            torch.set_num_threads(1)
        try:
            return act(*arguments, **named)
        finally:
            if torch.get_num_threads() != threads:
                torch.set_num_threads(threads)

    return alone
