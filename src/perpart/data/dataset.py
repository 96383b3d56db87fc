"""The grasps as a torch data set: object points with their contact, part and direction

Labels do not change when hand and object move together, nor do the balls that the encoder looks into. So both are
computed once, labels on a pool of points of the object, balls for some fixed looks at it, and kept in files. An item
is then a matter of picking rows, and all who train from the same files share their pages.
"""

import functools
import platform
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from perpart import balls, contact
from perpart.data import augment, cache, packing, views
from perpart.data.fingerprints import fingerprint
from perpart.data.source import Source
from perpart.errors import Mistake

POOL = 2048
"""Points of an object that labels are computed on, at least; and four times as many as are looked at."""
TOGETHER = 256
"""Grasps that are labelled at once: what building needs of memory beside the pools."""
STILL = np.eye(3, dtype=np.float32)
VERSION = 1
"""Of all that is computed here; another one when it is computed differently."""
MAKERS = ("numpy", "scipy", "torch", "trimesh", "manifold3d", "scikit-image")
"""Whose other versions may round differently, or make another mesh of a recipe."""


class Contacts(Dataset):
    """One item per grasp of a split: a dict of `points` (m) and `normals` [points, 3], `contact` [points, 16]
    in [0, 1], `part` [points], `direction` [points, 3] (0 where there is no contact, or where it is not known), and the
    balls of these points, `near` and `far`, as the encoder looks for them.

    With `augment`, every look at an item draws one of its object's views and a rotation from numpy's global random
    state. Without, item i is always the same, and grasps of one object share their points. `most` takes that many
    grasps, spread evenly over the split: a validation after each epoch must not cost more than the epoch.
    `folders` are where labels and views may be kept, see `cache.kept`; the items do not depend on it.

    Raises Mistake when the split is unknown or empty.
    """

    def __init__(
        self,
        source: Source,
        split: str,
        points: int = 512,
        *,
        augment: bool = True,
        most: int | None = None,
        pool: int | None = None,
        radii: tuple[float, float] = balls.RADII,
        folders: Sequence[Path] = (),
    ):
        self.points, self.augment = points, augment
        self.grasps = thinned(source.of(split), most)
        if len(self.grasps) == 0:
            raise Mistake(f"the data hold no grasp of the split {split!r}: make more grasps, or pass another folder")
        self.object_of = source.object_of[self.grasps]
        self.pool = max(points, POOL, 4 * points) if pool is None else max(points, pool)
        _, self.cloud_of = np.unique(self.object_of, return_inverse=True)
        many = views.VIEWS if augment else None
        made = (source.fingerprint(), self.grasps, self.pool, makers())
        self.labels = cache.kept(
            folders, "labels", fingerprint((made, constants())), lambda: labelled(source, self.grasps, self.pool)
        )
        self.looks = cache.kept(
            folders,
            "looks",
            fingerprint((made, points, many, radii, balls.NEIGHBOURS)),
            lambda: views.looks(self.labels["clouds"], points, many, radii),
        )

    def __len__(self) -> int:
        return len(self.grasps)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        looks = self.looks["looks"][self.cloud_of[index]]
        view = views.View.of(looks[np.random.randint(len(looks)) if self.augment else 0], self.points)
        cloud = self.labels["clouds"][self.cloud_of[index]].take(view.rows, axis=0)
        turn = augment.turn().T if self.augment else STILL
        touch, part, direction = packing.unpack(self.record(index), self.pool, view.rows)
        contact = touch.astype(np.float32)
        contact /= 255
        item = {
            "points": cloud[:, :3] @ turn,
            "normals": cloud[:, 3:] @ turn,
            "contact": contact,
            "part": part.astype(np.int64),
            "direction": direction.astype(np.float32),
            "near": view.near.copy(),
            "far": view.far.copy(),
        }
        return {key: torch.from_numpy(value) for key, value in item.items()}

    def record(self, index: int) -> np.ndarray:
        """The packed labels of a grasp."""
        ends = self.labels["ends"]
        return self.labels["records"][ends[index - 1] if index else 0 : ends[index]]


def labelled(source: Source, grasps: np.ndarray, pool: int) -> Iterator[tuple[str, np.ndarray]]:
    """The pools of the objects and the packed labels of the grasps, so many at a time, and where each record ends."""
    present, cloud_of = np.unique(source.object_of[grasps], return_inverse=True)
    told, lengths = cache.every(), list[int]()
    clouds = np.empty((len(present), pool, 6), np.float32)
    for i, thing in enumerate(present):
        told(f"labels: the points of {i} of {len(present)} objects")
        clouds[i] = source.cloud(int(thing), pool)
    yield "clouds", clouds
    for start in range(0, len(grasps), TOGETHER):
        told(f"labels: {start:,} of {len(grasps):,} grasps")
        some = slice(start, start + TOGETHER)
        records = list(packing.pack(*source.label(grasps[some], clouds, cloud_of[some])))
        lengths += map(len, records)
        yield "records", np.concatenate(records)
    yield "ends", np.cumsum(lengths)


@functools.cache
def makers() -> tuple[str, ...]:
    """What computes, as far as its results may differ."""
    capability = torch.backends.cpu.get_cpu_capability()
    return (*(f"{name} {version(name)}" for name in MAKERS), platform.machine(), capability, f"version {VERSION}")


def constants() -> tuple[object, ...]:
    """What decides a label beside hand and object."""
    return contact.ABOVE, contact.BELOW, contact.SCALE, contact.FADE


def thinned(rows: np.ndarray, most: int | None) -> np.ndarray:
    """At most that many of the rows, evenly spread, in their order."""
    if most is None or most >= len(rows):
        return rows
    return rows[np.arange(most) * len(rows) // most]
