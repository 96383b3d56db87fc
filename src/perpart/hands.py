"""Many hands at once, posed, as numpy arrays: their cones, and the balls strung along them

A round cone is the union of the balls that slide along it, so a hand touches an object where a ball does: a ball of
radius r at c is clear of the object by `field(c) - r`, exactly, whatever the object's shape.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from perpart import hand
from perpart.objects.field import Field


@dataclass(frozen=True)
class Hands:
    """n hands: joint angles (radians), palm frames in the object's frame, sizes (metres), and how they are posed."""

    angles: Float[np.ndarray, "n angles"]
    root: Float[np.ndarray, "n 4 4"]
    bones: Float[np.ndarray, "n bones"]
    posed: hand.Posed

    @classmethod
    def of(cls, angles: np.ndarray, root: np.ndarray, bones: np.ndarray) -> "Hands":
        """Pose hands, in double precision."""
        inputs = (torch.as_tensor(array, dtype=torch.float64) for array in (angles, root, bones))
        return cls(angles, root, bones, hand.pose(*inputs))

    def __len__(self) -> int:
        return len(self.angles)

    def __getitem__(self, which: slice) -> "Hands":
        return Hands(self.angles[which], self.root[which], self.bones[which], self.posed[which])

    def balls(
        self, count: int, first: int = 0
    ) -> tuple[Float[np.ndarray, "n cones count 3"], Float[np.ndarray, "n cones count"]]:
        """Balls strung evenly along every cone from the `first` on: centres and radii (m)."""
        share = np.linspace(0, 1, count)[:, None]
        a, b = self.posed.a.numpy()[:, first:, None], self.posed.b.numpy()[:, first:, None]
        ra, rb = self.posed.ra.numpy()[:, first:, None], self.posed.rb.numpy()[:, first:, None]
        return a + share * (b - a), ra + share[:, 0] * (rb - ra)


def gaps(field: Field, centres: Float[np.ndarray, "*n 3"], radii: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """How far (m) each ball is clear of the object; negative: how deep it is in."""
    return field.distance(centres.reshape(-1, 3))[0].reshape(radii.shape) - radii
