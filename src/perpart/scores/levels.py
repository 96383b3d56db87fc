"""Contact in 255 steps, as the data are kept; and from which step on a part touches

Counts and distances are taken of whole steps: their sums are whole numbers, which no order of adding and no machine
rounds differently.
"""

import math

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

PARTS = 16
STEPS = 255
"""Full contact."""
TOUCH = 0.5
"""Contact from which a part is said to touch a point: a gap of 6 mm."""


def levels(maps: Float[Tensor, "*shape"] | NDArray) -> Int[np.ndarray, "*shape"]:
    """Contact in [0, 1] as its nearest step, 0 to 255 (uint8)."""
    values = maps.detach().cpu().numpy() if isinstance(maps, Tensor) else np.asarray(maps)
    return np.rint(values * np.float32(STEPS)).clip(0, STEPS).astype(np.uint8)


def step(threshold: float) -> int:
    """The first step that is no less than a threshold."""
    return math.ceil(threshold * STEPS - 1e-9)


def whole(maps: Float[Tensor, "*shape"] | NDArray) -> Float[Tensor, "*shape"]:
    """Steps as float32: whole numbers below 2^24, whose sums over 65,000 points are still exact."""
    return torch.from_numpy(levels(maps)).float()
