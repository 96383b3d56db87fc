"""What is trained on, whatever its kind: objects, their splits, whose grasp is whose, points and labels"""

from abc import ABC, abstractmethod

import numpy as np
from jaxtyping import Float, Int

from perpart.data import things
from perpart.data.fingerprints import fingerprint
from perpart.data.labels import Labels
from perpart.data.things import SPLITS, Thing
from perpart.errors import Mistake


class Source(ABC):
    """G grasps on a list of objects; grasp g is of `objects[object_of[g]]`. All in metres, z up."""

    objects: tuple[Thing, ...]
    split: tuple[str, ...]  # per object: "train", "valid" or "test"
    object_of: Int[np.ndarray, "grasps"]

    def __len__(self) -> int:
        return len(self.object_of)

    def of(self, split: str) -> Int[np.ndarray, "chosen"]:
        """The indices of the grasps of a split. Raises Mistake for a name that is not a split."""
        if split not in SPLITS:
            raise Mistake(f"no split is called {split!r}; there are: {', '.join(SPLITS)}")
        return np.flatnonzero(np.array([name == split for name in self.split])[self.object_of])

    def cloud(self, thing: int, points: int) -> Float[np.ndarray, "points 6"]:
        """The pool of an object: surface points (m) with outward unit normals, float32, always the same ones."""
        return things.pool(self.objects[thing], points)

    @abstractmethod
    def label(
        self,
        grasps: Int[np.ndarray, "chosen"],
        clouds: Float[np.ndarray, "objects points 6"],
        cloud_of: Int[np.ndarray, "chosen"],
    ) -> Labels:
        """Labels of some grasps, each on its object's pool: grasp `grasps[i]` on `clouds[cloud_of[i]]`."""

    def fingerprint(self) -> str:
        """A digest of all that decides points and labels: equal exactly when the data are."""
        return fingerprint(self)
