"""Labels computed once: the pool of points of an object, and who touches where on it, kept small

Contact is kept in 255 steps, direction as half floats: both are finer than skin.
"""

import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from jaxtyping import Float, Int

from perpart import clouds as surfaces
from perpart import contact, hand, objects
from perpart.threads import single_threaded

TOGETHER = (4, 512)
"""Grasps and points labelled at once: enough for the cost of a call not to count, few enough for the cache."""

Labels = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Contact [grasps, points, 16] (uint8, 255 is 1), part [.., points] (uint8), direction [.., points, 3] (float16)."""


def pool(name: tuple[str, int], points: int) -> Float[np.ndarray, "points 6"]:
    """The pool of the object (category, seed): points (m) and normals, from a generator seeded with that name alone."""
    category, seed = name
    rng = np.random.default_rng([zlib.crc32(category.encode()), seed])
    return surfaces.surface(objects.build(category, seed).mesh, points, rng).astype(np.float32)


def label(
    hands: Sequence[np.ndarray], clouds: Float[np.ndarray, "objects points 6"], cloud_of: Int[np.ndarray, "grasps"]
) -> Labels:
    """Labels of hands, given as joint angles, root and bones, each on the cloud of its object."""
    shape = (len(cloud_of), clouds.shape[1])
    kept = np.empty((*shape, 16), np.uint8), np.empty(shape, np.uint8), np.empty((*shape, 3), np.float16)
    poses = [torch.from_numpy(a).float() for a in hands]

    @torch.inference_mode()
    def work(start: int) -> None:
        some = slice(start, start + TOGETHER[0])
        posed, here = hand.pose(*(a[some] for a in poses)), torch.from_numpy(clouds[cloud_of[some]])
        for rows in (slice(i, i + TOGETHER[1]) for i in range(0, shape[1], TOGETHER[1])):
            touch, part, direction = contact.labels(posed, *here[:, rows].split(3, dim=-1))
            for store, value in zip(kept, ((touch * 255).round(), part, direction), strict=True):
                store[some, rows] = value.numpy()

    with single_threaded() as workers, ThreadPoolExecutor(workers) as several:
        list(several.map(work, range(0, shape[0], TOGETHER[0])))
    return kept
