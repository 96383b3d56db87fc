"""The grasps as a torch data set: object points with their contact, part and direction

Labels do not change when hand and object move together, so they are computed once per grasp, on a pool of points of
its object, and kept small: contact in 255 steps, direction as half floats. An item is then a matter of picking rows.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import fields, is_dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.data import Dataset

from perpart import augment, clouds, contact, hand, objects
from perpart.errors import Mistake
from perpart.graspset import GraspSet

POOL = 2048
"""Points of an object that labels are computed on."""
TOGETHER = (4, 512)
"""Grasps and points labelled at once: enough for the cost of a call not to count, few enough for the cache."""


class Contacts(Dataset):
    """One item per grasp of a split: a dict of `points` (m) and `normals` [points, 3], `contact` [points, 16]
    in [0, 1], `part` [points] and `direction` [points, 3].

    With `augment`, every look at an item draws other points of the pool and another rotation from numpy's global
    random state. Without, item i is always the same, and grasps of one object share their points. `most` takes
    that many grasps, spread evenly over the split: a validation after each epoch must not cost more than the epoch.

    Raises Mistake when the split is unknown or empty.
    """

    def __init__(
        self,
        graspset: GraspSet,
        split: str,
        points: int = 512,
        *,
        augment: bool = True,
        most: int | None = None,
        pool: int = POOL,
    ):
        self.points, self.augment = points, augment
        self.grasps = thinned(graspset.of(split), most)
        if len(self.grasps) == 0:
            raise Mistake(f"the data hold no grasp of the split {split!r}: make more grasps, or pass another folder")
        self.object_of = graspset.object_of[self.grasps]
        present, self.cloud_of = np.unique(self.object_of, return_inverse=True)
        self.clouds = np.stack([cloud(graspset.objects[i], max(pool, points)) for i in present])
        self.contact, self.part, self.direction = label(graspset, self.grasps, self.clouds, self.cloud_of)

    def __len__(self) -> int:
        return len(self.grasps)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        rows = augment.pick(self.points, self.clouds.shape[1]) if self.augment else np.arange(self.points)
        cloud = self.clouds[self.cloud_of[index], rows].reshape(-1, 2, 3)
        if self.augment:
            cloud = cloud @ augment.turn().T
        item = {
            "points": cloud[:, 0],
            "normals": cloud[:, 1],
            "contact": self.contact[index, rows].astype(np.float32) / 255,
            "part": self.part[index, rows].astype(np.int64),
            "direction": self.direction[index, rows].astype(np.float32),
        }
        return {key: torch.from_numpy(np.ascontiguousarray(value)) for key, value in item.items()}


def thinned(indices: np.ndarray, most: int | None) -> np.ndarray:
    """At most that many of the indices, evenly spread, in their order."""
    if most is None or most >= len(indices):
        return indices
    return indices[np.arange(most) * len(indices) // most]


def cloud(name: tuple[str, int], points: int) -> Float[np.ndarray, "points 6"]:
    """The pool of the object (category, seed): points (m) and normals, from a generator seeded with that name alone."""
    category, seed = name
    rng = np.random.default_rng([zlib.crc32(category.encode()), seed])
    return clouds.surface(objects.build(category, seed).mesh, points, rng).astype(np.float32)


def label(
    graspset: GraspSet, grasps: np.ndarray, clouds: Float[np.ndarray, "objects points 6"], cloud_of: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Contact (uint8, 255 is 1), part (uint8) and direction (float16) of each grasp on its object's pool."""
    shape = (len(grasps), clouds.shape[1])
    kept = np.empty((*shape, 16), np.uint8), np.empty(shape, np.uint8), np.empty((*shape, 3), np.float16)
    hands = [torch.from_numpy(a[grasps]).float() for a in (graspset.angles, graspset.root, graspset.bones)]

    @torch.inference_mode()
    def work(start: int) -> None:
        some = slice(start, start + TOGETHER[0])
        posed, here = hand.pose(*(a[some] for a in hands)), torch.from_numpy(clouds[cloud_of[some]])
        for rows in (slice(i, i + TOGETHER[1]) for i in range(0, shape[1], TOGETHER[1])):
            touch, part, direction = contact.labels(posed, *here[:, rows].split(3, dim=-1))
            for store, value in zip(kept, ((touch * 255).round(), part, direction), strict=True):
                store[some, rows] = value.numpy()

    with single_threaded() as workers, ThreadPoolExecutor(workers) as pool:
        list(pool.map(work, range(0, len(grasps), TOGETHER[0])))
    return kept


@contextmanager
def single_threaded() -> Iterator[int]:
    """Lends torch's threads to the caller, as a number of workers: many small jobs side by side are faster than
    each of them cut in pieces, and their sums do not depend on how many there are."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield threads
    finally:
        torch.set_num_threads(threads)


def fingerprint(graspset: GraspSet) -> str:
    """SHA-256 of all that a set of grasps says, in hexadecimal: equal exactly when the data are."""
    digest = hashlib.sha256()
    absorb(digest, graspset)
    return digest.hexdigest()


def absorb(digest, value) -> None:
    """Feed a tree of dataclasses, dicts, sequences and arrays to a digest, with names, types and shapes."""
    if is_dataclass(value):
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, dict):
        value = tuple(sorted(value.items()))
    if isinstance(value, np.ndarray):
        digest.update(f"{value.dtype.str}{value.shape}".encode() + np.ascontiguousarray(value).tobytes())
    elif isinstance(value, list | tuple):
        digest.update(f"({len(value)}".encode())
        for part in value:
            absorb(digest, part)
    else:
        digest.update(f"{type(value).__name__}:{value!r};".encode())
