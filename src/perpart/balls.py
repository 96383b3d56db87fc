"""Which points lie around which: the balls of the encoder's two levels, and its order of points

Who lies in whose ball does not change when a cloud is turned or moved. So it can be found once for a cloud that is
seen often (`tables`, exact), and on a new one as it comes (`ball`, on the model's device).
"""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

RADII = (0.02, 0.06)
"""Metres of the two levels' balls: a finger's breadth, and what a hand closes around."""
NEIGHBOURS = 16
"""Points that are looked at in a ball."""


def levels(points: int) -> tuple[int, int]:
    """How many centres the two levels have: the first points of the cloud, in the encoder's order."""
    return points // 4, points // 16


def scattered(n: int, device: torch.device) -> Int[Tensor, "n"]:
    """A fixed random order of n points, so that the first few of them cover any cloud, in whatever order it came."""
    return torch.randperm(n, generator=torch.Generator().manual_seed(n)).to(device)


def tables(
    points: Float[np.ndarray, "points 3"], radii: tuple[float, float] = RADII
) -> tuple[Int[np.ndarray, "near k"], Int[np.ndarray, "far k"]]:
    """The balls of both levels of a cloud that is encoded whole: indices into its points in the encoder's order."""
    taken = points[scattered(len(points), torch.device("cpu")).numpy()]
    near, far = (taken[:centres] for centres in levels(len(points)))
    return lowest(taken, near, radii[0]), lowest(near, far, radii[1])


def lowest(
    points: Float[np.ndarray, "points 3"], centres: Float[np.ndarray, "centres 3"], radius: float
) -> Int[np.ndarray, "centres k"]:
    """What `ball` finds, in double precision: no matrix product's rounding decides at a ball's border.

    Few points lie in a ball: to list those and take the first of each row is faster than to order all.
    """
    a, b = centres.astype(np.float64), points.astype(np.float64)
    squared = (a**2).sum(1)[:, None] - 2 * a @ b.T + (b**2).sum(1)
    row, index = np.nonzero(squared <= radius**2)
    begins, ends = (np.searchsorted(row, np.arange(len(a)), side=side) for side in ("left", "right"))
    wanted = begins[:, None] + np.arange(min(NEIGHBOURS, len(b)))
    found = np.append(index, 0)[np.minimum(wanted, len(index))]
    return np.where(wanted < ends[:, None], found, squared.argmin(1)[:, None])


@torch.no_grad()
def ball(
    points: Float[Tensor, "batch points 3"], centres: Float[Tensor, "batch centres 3"], radius: float, k: int
) -> Int[Tensor, "batch centres k"]:
    """Indices of k points within `radius` metres of each centre; the nearest point stands in for missing ones.

    Of more than k it takes those of lowest index. The cloud is in random order, so they are spread over the whole ball,
    where the k nearest would shrink it on a small, densely sampled object.
    """
    squared = apart(centres, points)
    k = min(k, points.shape[1])
    rank = torch.arange(points.shape[1], device=points.device, dtype=points.dtype)
    outside = float(points.shape[1])
    first, index = torch.where(squared <= radius**2, rank, outside + rank).topk(k, largest=False)
    return torch.where(first < outside, index, squared.argmin(dim=-1, keepdim=True))


def apart(a: Float[Tensor, "batch n 3"], b: Float[Tensor, "batch m 3"]) -> Float[Tensor, "batch n m"]:
    """Squared distances by one matrix product; within a hand's reach float32 keeps them to a tenth of a millimetre."""
    product = a @ b.mT
    return (a.square().sum(-1)[..., None] - 2 * product + b.square().sum(-1)[:, None]).clamp_min(0.0)
