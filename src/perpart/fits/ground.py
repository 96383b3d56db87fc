"""An object's signed distance as torch sees it: differentiable, for many points at once"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import grid_sample

from perpart.hand import Posed
from perpart.objects.field import Field

TINY = 1e-6
"""Metres within which the way beyond the grid is rounded off: its slope at none is then zero."""
BALLS = 6
"""Balls along each cone that are held against the object: 4 to 13 mm apart."""


@dataclass(frozen=True)
class Ground:
    """The grid of a field. Beyond it the distance is that at its border and the way there, as the field has it."""

    values: Float[Tensor, "1 1 x y z"]
    low: Float[Tensor, "3"]
    size: Float[Tensor, "3"]

    @classmethod
    def of(cls, field: Field) -> "Ground":
        values = torch.from_numpy(field.values)
        low = torch.from_numpy(field.origin).float()
        return cls(values[None, None], low, field.cell * (torch.tensor(values.shape) - 1.0))

    def distance(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch"]:
        """Metres to the surface, negative inside, with a gradient."""
        within = points.maximum(self.low).minimum(self.low + self.size)
        place = (2 * (within - self.low) / self.size - 1).flip(-1).reshape(1, -1, 1, 1, 3)
        found = grid_sample(self.values, place, padding_mode="border", align_corners=True)
        beyond = (points - within).square().sum(-1)
        return found.reshape(points.shape[:-1]) + (beyond + TINY**2).sqrt() - TINY


def clear(ground: Ground, posed: Posed) -> Float[Tensor, "batch cones balls"]:
    """How far (m) balls strung along the cones are clear of the object; negative: how deep they are in."""
    share = torch.linspace(0, 1, BALLS)[:, None]
    centres = posed.a[:, :, None] + share * (posed.b - posed.a)[:, :, None]
    radii = posed.ra[..., None] + share[:, 0] * (posed.rb - posed.ra)[..., None]
    return ground.distance(centres) - radii
