"""The grasps as a torch data set: object points with their contact, part and direction

Labels do not change when hand and object move together, so they are computed once per grasp, on a pool of points of
its object, and kept small: contact in 255 steps, direction as half floats. An item is then a matter of picking rows.
"""

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from perpart.data import augment
from perpart.data.source import Source
from perpart.errors import Mistake

POOL = 2048
"""Points of an object that labels are computed on."""


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
        source: Source,
        split: str,
        points: int = 512,
        *,
        augment: bool = True,
        most: int | None = None,
        pool: int = POOL,
    ):
        self.points, self.augment = points, augment
        self.grasps = thinned(source.of(split), most)
        if len(self.grasps) == 0:
            raise Mistake(f"the data hold no grasp of the split {split!r}: make more grasps, or pass another folder")
        self.object_of = source.object_of[self.grasps]
        present, self.cloud_of = np.unique(self.object_of, return_inverse=True)
        self.clouds = np.stack([source.cloud(int(i), max(pool, points)) for i in present])
        self.contact, self.part, self.direction = source.label(self.grasps, self.clouds, self.cloud_of)

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
