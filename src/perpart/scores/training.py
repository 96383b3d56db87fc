"""What the training set alone would guess: the nearest object's grasps, its category's, plain means

No model is asked. Whoever cannot beat these has learned to look up, or less.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.spatial import KDTree

from perpart.data.dataset import thinned
from perpart.data.source import Source
from perpart.errors import Mistake
from perpart.scores.distance import chamfer
from perpart.scores.levels import PARTS, STEPS, TOUCH
from perpart.threads import single_threaded

POINTS = 512
"""Points of a training object's surface that its grasps are labelled on."""
COMPARED = 256
"""Points by which shapes are compared."""
PLAIN = 384
"""Grasps that the plain means are taken of, an even part of the training set."""


@dataclass(frozen=True)
class Plain:
    """Means over training grasps and their objects' points, without a look at any object."""

    contact: Float[np.ndarray, "16"]  # mean contact of each part
    touch: Float[np.ndarray, "16"]  # share of the points that it touches
    direction: Float[np.ndarray, "16 3"]  # mean direction where the part is nearest and touched; 0 where unknown


class Training:
    """The objects and grasps of the training split. `categories` says of every object of the source what it is.

    Raises Mistake where there are none.
    """

    def __init__(self, source: Source, categories: Sequence[str], most: int):
        self.source, self.categories, self.most = source, np.array(categories), most
        self.grasps = source.of("train")
        if not len(self.grasps):
            raise Mistake(
                "the data hold no grasp of the split 'train', and these are the floor: name a folder that has some "
                "with --train-data"
            )
        self.object_of = source.object_of[self.grasps]
        self.things = np.unique(self.object_of)
        self.clouds = np.stack([source.cloud(int(thing), POINTS) for thing in self.things])
        self.shapes = torch.from_numpy(np.ascontiguousarray(self.clouds[:, :COMPARED, :3]))

    def nearest(self, cloud: Float[np.ndarray, "points 6"]) -> tuple[int, float]:
        """The training object of the most similar shape, by chamfer distance after centring, and that distance (m)."""
        with single_threaded():
            gaps = chamfer(torch.from_numpy(np.ascontiguousarray(cloud[:COMPARED, :3])), self.shapes)
        return int(self.things[gaps.argmin()]), float(gaps.min())

    def of(self, thing: int) -> Int[np.ndarray, "grasps"]:
        """At most `most` grasps of a training object."""
        return thinned(self.grasps[self.object_of == thing], self.most)

    def kin(self, category: str) -> Int[np.ndarray, "grasps"]:
        """At most `most` training grasps of a category, of all its objects; none where it is a new one."""
        return thinned(self.grasps[self.categories[self.object_of] == category], self.most)

    def carried(
        self, grasps: Int[np.ndarray, "grasps"], cloud: Float[np.ndarray, "points 6"]
    ) -> Float[np.ndarray, "grasps points 16"]:
        """The contact of training grasps on another object: each of its points takes that of the nearest point of the
        grasp's object, the two clouds' means laid on each other."""
        maps = np.empty((len(grasps), len(cloud), PARTS), np.float32)
        owners = np.searchsorted(self.things, self.source.object_of[grasps])
        for owner in np.unique(owners):
            mine = owners == owner
            contact, _, _ = self.source.label(grasps[mine], self.clouds[[owner]], np.zeros(mine.sum(), np.int64))
            rows = KDTree(centred(self.clouds[owner])).query(centred(cloud))[1]
            maps[mine] = contact[:, rows].astype(np.float32) / STEPS
        return maps

    def plain(self) -> Plain:
        """The means of an even part of the training grasps."""
        some = thinned(self.grasps, PLAIN)
        owners = np.searchsorted(self.things, self.source.object_of[some])
        contact, part, direction = self.source.label(some, self.clouds[:, :COMPARED], owners)
        maps = contact.astype(np.float32) / STEPS
        touched = maps.max(-1) >= TOUCH
        sums = np.stack([direction[touched & (part == k)].astype(np.float64).sum(0) for k in range(PARTS)])
        length = np.linalg.norm(sums, axis=1, keepdims=True)
        towards = np.divide(sums, length, out=np.zeros_like(sums), where=length > 0)
        return Plain(maps.mean((0, 1), np.float64), (maps >= TOUCH).mean((0, 1)), towards)


def centred(cloud: Float[np.ndarray, "points 6"]) -> Float[np.ndarray, "points 3"]:
    """The points of a cloud with their mean in the origin."""
    return cloud[:, :3] - cloud[:, :3].mean(0)
