"""Chooses among draws: of several for each sample one that is a grasp, and that the model doubts least

A prior that is spread over all grasps also reaches between them, where maps are of no hand, or of one that grips
nothing. Two things tell: the rule that the data's own grasps passed, `perpart.grasps.filters.enough`, and the model's
doubt, `Maps.doubt`.
"""

from dataclasses import dataclass, fields

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from perpart.drawing import Drawing, Maps
from perpart.grasps.filters import enough
from perpart.scores.levels import TOUCH

TRIES = 8
"""How many draws a sample is chosen from. More of them make better grips, and samples that are more alike."""
RULE = "at least three touching parts of two digits, thumb or palm among them"
STEP = 0x9E3779B97F4A7C15
"""2^64 over the golden ratio: between the seeds of tries, so that neighbouring seeds share no try. The generator keeps
32 bits of a seed."""


@dataclass(frozen=True)
class Chosen:
    """n maps, which try each of them was, from 1 on, whether it is of a grasp, and how many tries there were."""

    maps: Maps
    tries: Int[np.ndarray, "n"]
    grasps: Bool[np.ndarray, "n"]
    of: int


def noises(seed: int, tries: int, n: int, latents: int) -> Float[Tensor, "tries n latents"]:
    """Standard normal noise for each try of each sample: a sample's is the same whatever n (for latents in sixteens, by
    which torch draws)."""
    # Generators on the CPU draw the same numbers whatever the device.
    crowd = [torch.Generator().manual_seed((seed + turn * STEP) % 2**64) for turn in range(tries)]
    return torch.stack([torch.randn(n, latents, generator=generator) for generator in crowd])


def chosen(
    model: Drawing,
    noise: Float[Tensor, "tries n latents"],
    points: Float[Tensor, "1 points 3"],
    normals: Float[Tensor, "1 points 3"],
    maps: Maps | None = None,
) -> Chosen:
    """A sample for each column of noise on one object: of those rows that give a grasp there the one of least doubt, or
    of all rows where none does.

    Points are in metres with the centre of the object's bounding box in the origin; normals are unit. `maps` are those
    of the first row, where somebody has drawn them already; they are changed in place.
    """
    maps = maps or model.draw(noise[0].to(points.device), points, normals)
    found = Chosen(maps, np.ones(noise.shape[1], np.int64), _grasps(maps), len(noise))
    for turn, more in enumerate(noise[1:], start=2):
        _compared(found, model.draw(more.to(points.device), points, normals), turn)
    return found


def _compared(found: Chosen, anew: Maps, turn: int) -> None:
    """Take from another try what is better."""
    good, doubts = _grasps(anew), [maps.doubt.cpu().numpy() for maps in (anew, found.maps)]
    better = np.where(good == found.grasps, np.less(*doubts), good)
    for field in fields(Maps):
        getattr(found.maps, field.name)[better] = getattr(anew, field.name)[better]
    found.tries[better], found.grasps[better] = turn, good[better]


def _grasps(maps: Maps) -> Bool[np.ndarray, "n"]:
    return grasps(maps.contact.cpu().numpy())


def grasps(contact: Float[np.ndarray, "n points 16"]) -> Bool[np.ndarray, "n"]:
    """Which maps are of grasps: at least three parts touch, of at least two digits, thumb or palm among them."""
    return enough(contact.max(axis=1) >= TOUCH)


def said(found: Chosen) -> str:
    """A line on how samples were chosen and on what is no grasp in the end; empty where there is nothing to tell."""
    amiss = int((~found.grasps).sum())
    told = [f"each the best of {found.of} draws"] if found.of > 1 else []
    told += [f"{amiss} {'still ' if told else ''}no grasp, which has {RULE}"] if amiss else []
    return f"{len(found.tries)} samples, {'; '.join(told)}\n" if told else ""
