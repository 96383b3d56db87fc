"""What is asked of a hand: contact maps, whole, and thinned to the points that say most"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from perpart.contact import FADE, SCALE

UNIFORM = 0.3
"""Share of the thinned points that are drawn evenly from all: the hand must know where it should not be."""
FAINT = 1e-6


@dataclass(frozen=True)
class Maps:
    """n contact maps on the same points (m, with outward normals). Without directions `part` and `direction` are None;
    where a direction is not known it is zero."""

    cloud: Float[np.ndarray, "points 6"]
    contact: Float[np.ndarray, "n points 16"]
    part: Int[np.ndarray, "n points"] | None = None
    direction: Float[np.ndarray, "n points 3"] | None = None

    def __len__(self) -> int:
        return len(self.contact)

    def __getitem__(self, which: slice) -> "Maps":
        part, direction = (array if array is None else array[which] for array in (self.part, self.direction))
        return Maps(self.cloud, self.contact[which], part, direction)


@dataclass(frozen=True)
class Asked:
    """Maps for a batch of hands, each on points of its own."""

    points: Float[Tensor, "batch points 3"]
    normals: Float[Tensor, "batch points 3"]
    contact: Float[Tensor, "batch points 16"]
    gap: Float[Tensor, "batch points 16"]  # metres between part and point that such contact means, 3 mm at least
    part: Int[Tensor, "batch points"]
    direction: Float[Tensor, "batch points 3"]  # zero where it is not known

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, which: Tensor) -> "Asked":
        fields = self.points, self.normals, self.contact, self.gap, self.part, self.direction
        return Asked(*(field[which] for field in fields))


def thinned(maps: Maps, points: int, rng: np.random.Generator) -> Asked:
    """So many points of each map: most of them where a part touches, every part as often as any other."""
    rows = np.stack([_rows(contact, min(points, len(maps.cloud)), rng) for contact in maps.contact])
    every = np.arange(len(maps))[:, None]
    contact = torch.from_numpy(maps.contact[every, rows].astype(np.float32))
    if maps.part is None or maps.direction is None:
        part, direction = contact.argmax(-1), torch.zeros(*rows.shape, 3)
    else:
        part = torch.from_numpy(maps.part[every, rows].astype(np.int64))
        direction = torch.from_numpy(maps.direction[every, rows].astype(np.float32))
    cloud = torch.from_numpy(maps.cloud[rows].astype(np.float32))
    return Asked(cloud[..., :3], cloud[..., 3:], contact, wanted(contact), part, direction)


def wanted(contact: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """The gap (m) at which a part touches so much: what `contact.falloff` takes back, as far as it can be."""
    start, end = FADE
    near, far = SCALE / contact.clamp_min(FAINT), end / (1 + contact * (end - start) / SCALE)
    return torch.where(contact >= SCALE / start, near, far).clamp_min(SCALE)


def _rows(contact: Float[np.ndarray, "points 16"], count: int, rng: np.random.Generator) -> Int[np.ndarray, "count"]:
    weight = contact.astype(np.float64) ** 2
    weight = (weight / np.maximum(weight.sum(0), 1.0)).sum(-1)
    chance = (1 - UNIFORM) * weight / max(weight.sum(), FAINT) + UNIFORM / len(weight)
    return np.sort(rng.choice(len(weight), count, replace=False, p=chance / chance.sum()))
