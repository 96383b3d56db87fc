"""How far apart two contact maps are, and two shapes

Maps a and b [points, 16]: D(a, b) = 1 - mean over the parts present in a or b of sum min(a, b) / sum max(a, b), the
sums over the points. A part is present where it touches at least one point. That is the Jaccard distance of fuzzy sets
(Ruzicka), part by part: 0 for the same map, 1 where no part touches where it does in the other. Every part that takes
part counts the same, a finger tip as much as the palm. Two maps without any touch are 0 apart.
"""

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from perpart.scores.levels import TOUCH, step, whole


def apart(
    one: Float[Tensor, "n points 16"] | NDArray, other: Float[Tensor, "m points 16"] | NDArray
) -> Float[np.ndarray, "n m"]:
    """D between each of n and each of m maps on the same points, contact in [0, 1] read in 255 steps."""
    a, b = (whole(maps).permute(2, 0, 1).contiguous() for maps in (one, other))
    # min and max differ by |a - b| and add up to a + b: one vectorised city-block distance gives both, exactly.
    differ = torch.cdist(a, b, p=1.0)
    both = a.sum(-1)[:, :, None] + b.sum(-1)[:, None, :]
    present = (a.amax(-1) >= step(TOUCH))[:, :, None] | (b.amax(-1) >= step(TOUCH))[:, None, :]
    ratio = ((both - differ) / (both + differ).clamp_min(1.0)).double()
    parts = present.sum(0)
    alike = (ratio * present).sum(0) / parts.clamp_min(1)
    return torch.where(parts > 0, 1.0 - alike, 0.0).numpy()


def chamfer(one: Float[Tensor, "p 3"], others: Float[Tensor, "n q 3"]) -> Float[np.ndarray, "n"]:
    """Chamfer distance of a cloud from each of n others after moving all their means to the origin: the mean distance
    of a point from the nearest point of the other cloud, averaged over both ways (metres)."""
    centred = one - one.mean(0)
    moved = others - others.mean(1, keepdim=True)
    # The short cut by a matrix product rounds to millimetres where clouds are close.
    gaps = torch.cdist(centred.expand(len(moved), -1, -1), moved, compute_mode="donot_use_mm_for_euclid_dist")
    return (0.5 * (gaps.amin(1).mean(-1) + gaps.amin(2).mean(-1))).numpy().astype(np.float64)
