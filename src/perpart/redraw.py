"""Draws maps of grasps: what the prior drew amiss is drawn anew, and told

A prior that is spread over all grasps also reaches between them, where maps are of no hand. A map is of a grasp by the
rule that the data's own grasps passed, `perpart.grasps.filters.enough`.
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
"""How often a sample is drawn at most. Of the model that ships, one sample in ten is no grasp at first."""
RULE = "at least three touching parts of two digits, thumb or palm among them"
STEP = 0x9E3779B97F4A7C15
"""2^64 over the golden ratio: between the seeds of tries, so that neighbouring seeds share no try. The generator keeps
32 bits of a seed."""


@dataclass(frozen=True)
class Redrawn:
    """n maps, at which try each was drawn, from 1 on, and whether it is of a grasp."""

    maps: Maps
    tries: Int[np.ndarray, "n"]
    grasps: Bool[np.ndarray, "n"]


def noises(seed: int, tries: int, n: int, latents: int) -> Float[Tensor, "tries n latents"]:
    """Standard normal noise for each try of each sample: a sample's is the same whatever n (for latents in sixteens, by
    which torch draws)."""
    # Generators on the CPU draw the same numbers whatever the device.
    crowd = [torch.Generator().manual_seed((seed + turn * STEP) % 2**64) for turn in range(tries)]
    return torch.stack([torch.randn(n, latents, generator=generator) for generator in crowd])


def redrawn(
    model: Drawing,
    noise: Float[Tensor, "tries n latents"],
    points: Float[Tensor, "1 points 3"],
    normals: Float[Tensor, "1 points 3"],
    maps: Maps | None = None,
) -> Redrawn:
    """A sample for each column of noise on one object: of the first row that gives a grasp there, or of the last row.

    Points are in metres with the centre of the object's bounding box in the origin; normals are unit. `maps` are those
    of the first row, where somebody has drawn them already; they are changed in place.
    """
    maps = maps or model.draw(noise[0].to(points.device), points, normals)
    good = grasps(maps.contact.cpu().numpy())
    tries = np.ones(len(good), np.int64)
    for turn, more in enumerate(noise[1:], start=2):
        amiss = np.flatnonzero(~good)
        if not len(amiss):
            break
        anew = model.draw(more[amiss].to(points.device), points, normals)
        for field in fields(Maps):
            getattr(maps, field.name)[amiss] = getattr(anew, field.name)
        tries[amiss], good[amiss] = turn, grasps(anew.contact.cpu().numpy())
    return Redrawn(maps, tries, good)


def grasps(contact: Float[np.ndarray, "n points 16"]) -> Bool[np.ndarray, "n"]:
    """Which maps are of grasps: at least three parts touch, of at least two digits, thumb or palm among them."""
    return enough(contact.max(axis=1) >= TOUCH)


def said(found: Redrawn) -> str:
    """A line on what was drawn anew and on what is no grasp in the end; empty where there is nothing to tell."""
    anew, amiss, most = int((found.tries > 1).sum()), int((~found.grasps).sum()), int(found.tries.max())
    told = [f"{anew} drawn anew"] if anew else []
    told += [f"{amiss} {'still ' if anew else ''}no grasp{f' at try {most}' if most > 1 else ''}"] if amiss else []
    return f"{len(found.tries)} samples, {', '.join(told)}: a grasp has {RULE}\n" if told else ""
