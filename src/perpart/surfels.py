"""Points all over a posed hand, exactly on its surface, with normals and the part that each belongs to

Along the side of a round cone the normal leans towards the thin end by the taper; each end ball shows the rest of
itself. No mesh stands between the hand and its points.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int

from perpart import hand

GOLDEN = np.pi * (3 - np.sqrt(5))  # rad: turning so far from point to point leaves no gaps and no rows
ON = 1e-6  # m: a point this deep in another cone is not on the hand's surface


@dataclass(frozen=True)
class Surfels:
    """Surface points (m) with outward unit normals, and the part of each."""

    points: Float[np.ndarray, "n 6"]
    part: Int[np.ndarray, "n"]


def surfels(posed: hand.Posed, spacing: float) -> Surfels:
    """The surface of one posed hand as points about `spacing` metres apart, always the same ones."""
    a, b, ra, rb = (end[0].double().numpy() for end in (posed.a, posed.b, posed.ra, posed.rb))
    cones = [_cone(*ends, spacing) for ends in zip(a, b, ra, rb, strict=True)]
    points = np.concatenate(cones)
    part = np.repeat(posed.part.numpy(), [len(cone) for cone in cones])
    deepest = hand.distance(_double(posed), torch.from_numpy(points[None, :, :3]))[0][0].min(-1).values.numpy()
    return Surfels(points[deepest > -ON], part[deepest > -ON])


def _double(posed: hand.Posed) -> hand.Posed:
    frames, a, b, ra, rb = (end.double() for end in (posed.frames, posed.a, posed.b, posed.ra, posed.rb))
    return hand.Posed(frames, a, b, ra, rb, posed.part)


def _cone(a: np.ndarray, b: np.ndarray, ra: float, rb: float, spacing: float) -> Float[np.ndarray, "n 6"]:
    length = np.linalg.norm(b - a)
    axis, taper = (b - a) / length, (ra - rb) / length
    count = max(3, int(np.pi * (ra + rb) * length / spacing**2))
    share = (np.arange(count)[:, None] + 0.5) / count
    around = _around(axis, GOLDEN * np.arange(count))
    side = taper * axis + np.sqrt(1 - taper**2) * around
    far, near = _ball(rb, spacing), _ball(ra, spacing)
    far, near = far[far @ axis >= taper], near[near @ axis < taper]
    places = [a + share * (b - a) + (ra + share * (rb - ra)) * side, a + ra * near, b + rb * far]
    return np.concatenate([np.concatenate(places), np.concatenate([side, near, far])], axis=1)


def _around(axis: np.ndarray, angle: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n 3"]:
    """Unit vectors across an axis, at angles around it."""
    one = np.cross(axis, np.eye(3)[abs(axis).argmin()])
    one /= np.linalg.norm(one)
    return np.cos(angle)[:, None] * one + np.sin(angle)[:, None] * np.cross(axis, one)


def _ball(radius: float, spacing: float) -> Float[np.ndarray, "n 3"]:
    """Directions evenly over the sphere, so many that points at this radius are about `spacing` apart."""
    count = max(12, int(4 * np.pi * radius**2 / spacing**2))
    height = 1 - (2 * np.arange(count) + 1) / count
    angle, wide = GOLDEN * np.arange(count), np.sqrt(1 - height**2)
    return np.stack([wide * np.cos(angle), wide * np.sin(angle), height], axis=1)
