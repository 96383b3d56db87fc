"""How different grasps of one object are: in the palm's place and turn, in the joints, and in what touches where

Two contact maps a and b differ by D(a, b) = 1 - mean of Σ min(a, b) / Σ max(a, b) over the parts that touch in either.
"""

import numpy as np
from jaxtyping import Bool, Float, Shaped

TOUCH = 0.5  # contact from which a part touches: a gap of 6 mm


def poses(
    angles: Float[np.ndarray, "n angles"], root: Float[np.ndarray, "n 4 4"]
) -> tuple[Float[np.ndarray, "n n"], Float[np.ndarray, "n n"], Float[np.ndarray, "n n"]]:
    """Between all pairs: how far apart the palms are (m), how far turned (rad), the mean joint's difference (rad)."""
    angles, root = angles.astype(np.float64), root.astype(np.float64)
    shift = np.linalg.norm(root[:, None, :3, 3] - root[None, :, :3, 3], axis=-1)
    trace = np.einsum("aij,bij->ab", root[:, :3, :3], root[:, :3, :3])
    turn = np.arccos(np.clip((trace - 1) / 2, -1, 1))
    return shift, turn, np.abs(angles[:, None] - angles[None]).mean(axis=-1)


def same(
    angles: Float[np.ndarray, "n angles"], root: Float[np.ndarray, "n 4 4"], limits: tuple[float, float, float]
) -> Bool[np.ndarray, "n n"]:
    """Which different grasps are nearer than the limits in all three."""
    near = np.all([gap < limit for gap, limit in zip(poses(angles, root), limits, strict=True)], axis=0)
    return near & ~np.eye(len(angles), dtype=bool)


def maps(contact: Shaped[np.ndarray, "n points 16"]) -> Float[np.ndarray, "n n"]:
    """D between all pairs of contact maps in [0, 1]; 1 where nothing touches in either."""
    contact = contact.astype(np.float32)
    present = contact.max(axis=1) >= TOUCH
    gaps = np.zeros((len(contact), len(contact)))
    for i, one in enumerate(contact):
        low, high = np.minimum(one, contact[i:]).sum(axis=1), np.maximum(one, contact[i:]).sum(axis=1)
        union = present[i] | present[i:]
        shared = np.divide(low, high, out=np.zeros_like(low), where=high > 0) * union
        gaps[i, i:] = gaps[i:, i] = 1 - shared.sum(axis=1) / np.maximum(union.sum(axis=1), 1)
    return gaps
