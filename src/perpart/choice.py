"""Chooses among draws: of several for each sample one that is a grasp, and that the model doubts least

A prior that is spread over all grasps also reaches between them, where maps are of no hand, or of one that grips
nothing. Two things tell: the rule that the data's own grasps passed, `perpart.grasps.filters.enough`, and the model's
doubt, `Maps.doubt`.
"""

from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from perpart.drawing import Drawing, Maps
from perpart.grasps.filters import enough
from perpart.scores.levels import TOUCH

TRIES = 8
"""How many draws a sample is chosen from. More of them are nearer to real grasps, and a little more alike."""
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
) -> Chosen:
    """A sample for each column of noise on one object: of those rows that give a grasp there the one of least doubt, or
    of all rows where none does.

    Points are in metres with the centre of the object's bounding box in the origin; normals are unit.
    """
    tries, n, _ = noise.shape
    # Sample after sample, so that no more is kept than the best of each.
    draws = model.draws(noise.transpose(0, 1).flatten(0, 1).to(points.device), points, normals)
    turns, maps = zip(*(min(enumerate(islice(draws, tries), start=1), key=_amiss) for _ in range(n)), strict=True)
    found = Maps.joined(maps)
    return Chosen(found, np.array(turns), grasps(found.contact.cpu().numpy()), tries)


def _amiss(tried: tuple[int, Maps]) -> tuple[bool, float]:
    """What a draw is judged by, lower is better: whether it is no grasp, then its doubt."""
    _, maps = tried
    return not grasps(maps.contact.cpu().numpy())[0], maps.doubt.item()


def grasps(contact: Float[np.ndarray, "n points 16"]) -> Bool[np.ndarray, "n"]:
    """Which maps are of grasps: at least three parts touch, of at least two digits, thumb or palm among them."""
    return enough(contact.max(axis=1) >= TOUCH)


def said(found: Chosen) -> str:
    """A line on how samples were chosen and on what is no grasp in the end; empty where there is nothing to tell."""
    amiss = int((~found.grasps).sum())
    told = [f"each the best of {found.of} draws"] if found.of > 1 else []
    told += [f"{amiss} {'still ' if told else ''}no grasp, which has {RULE}"] if amiss else []
    return f"{len(found.tries)} samples, {'; '.join(told)}\n" if told else ""
