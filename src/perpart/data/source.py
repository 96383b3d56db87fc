"""What a data set must know to be trained on: objects, their splits, whose grasp is whose, points and labels"""

from typing import Protocol

import numpy as np
from jaxtyping import Float, Int

from perpart.data.labels import Labels


class Source(Protocol):
    """G grasps on a list of objects; grasp g is of object `object_of[g]`. All in metres, z up."""

    @property
    def split(self) -> tuple[str, ...]:
        """Per object: "train", "valid" or "test"."""
        ...

    @property
    def object_of(self) -> Int[np.ndarray, "grasps"]:
        """Per grasp: which object."""
        ...

    def of(self, split: str) -> Int[np.ndarray, "chosen"]:
        """The indices of the grasps of a split. Raises Mistake for a name that is not a split."""
        ...

    def cloud(self, thing: int, points: int) -> Float[np.ndarray, "points 6"]:
        """The pool of an object: surface points with outward unit normals, float32, always the same ones."""
        ...

    def label(
        self,
        grasps: Int[np.ndarray, "chosen"],
        clouds: Float[np.ndarray, "objects points 6"],
        cloud_of: Int[np.ndarray, "chosen"],
    ) -> Labels:
        """Labels of some grasps, each on its object's pool: grasp `grasps[i]` on `clouds[cloud_of[i]]`."""
        ...

    def fingerprint(self) -> str:
        """A digest of all that decides points and labels: equal exactly when the data are."""
        ...
