"""The order of samples: a pure function of (seed, draw), the same cost anywhere in a run of any size

A run draws samples one after another and numbers the draws 0, 1, 2, … over all epochs. Draw number d of a data set of
n samples belongs to pass d // n, and each pass is a permutation of all n. The permutation is a Feistel network over
the smallest 2·h bits that hold n, walked along its cycle until it lands inside [0, n): a bijection that can be
evaluated at any place without the others, so nothing is stored and nothing is skipped through.
Written out in integers, so that no library's release can change it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Words = NDArray[np.uint64]
ROUNDS = 8
MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15  # 2**64 over the golden ratio


def draw(seed: int, size: int, numbers: Integers) -> Integers:
    """The sample taken at each draw: numbers [n] -> indices [n] in [0, size)."""
    passes, places = np.divmod(numbers, size)
    keys = np.array([key(seed, int(p)) for p in np.unique(passes)], np.uint64)
    return permute(places, size, keys[np.unique(passes, return_inverse=True)[1]])


def permute(places: Integers, size: int, keys: Words) -> Integers:
    """Where each place of [0, size) goes in the permutation named by its key."""
    half = max(1, ((size - 1).bit_length() + 1) // 2)
    out = _feistel(places.astype(np.uint64), half, keys)
    while (outside := out >= size).any():  # fewer than four walks on average: 4**half < 4 * size
        out[outside] = _feistel(out[outside], half, keys[outside])
    return out.astype(np.int64)


def key(*parts: int, start: int = 0) -> int:
    """64 well-mixed bits from any integers (splitmix64's finaliser, Steele et al. 2014, over each in turn).

    start: the key of the parts that come before these."""
    word = start
    for part in parts:
        word = (word + (part & MASK) + GOLDEN) & MASK
        word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & MASK
        word ^= word >> 31
    return word


def keys(numbers: Integers, start: int) -> Words:
    """The key of each number, after the parts whose key is `start`; at a hundredth of the cost of one by one."""
    return _mixed(numbers.astype(np.uint64) + np.uint64((start + GOLDEN) & MASK))


def _feistel(words: Words, half: int, keys: Words) -> Words:
    bits, mask = np.uint64(half), np.uint64((1 << half) - 1)
    left, right = words >> bits, words & mask
    for turn in range(ROUNDS):
        salt = keys + np.uint64(key(turn))
        left, right = right, left ^ (_mixed(right + salt) & mask)
    return (left << bits) | right


def _mixed(words: Words) -> Words:
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))
