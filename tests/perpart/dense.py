"""Round cones as dense triangle meshes: another road to distances than the closed formula of `perpart.hand`

A cone is taken for balls strung closely along it. The least distance to any ball, on a fine grid, goes through
marching cubes; the distance to the cone is then that to the nearest of the triangles.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree
from skimage.measure import marching_cubes
from trimesh.triangles import closest_point

STEP = 0.0007
"""Metres between the points of the grid."""
STRING = 0.0004
"""Metres between the balls: a ball of 6 mm is missed by 3 micrometres between two."""
COARSE = 8
"""Of the balls, one in so many tells where the surface is not."""


@dataclass(frozen=True)
class Dense:
    """One cone: its balls (centre, radius) [n, 4] and its triangles [m, 3, 3]."""

    balls: np.ndarray
    triangles: np.ndarray

    def signed(self, points: np.ndarray, tried: int = 40) -> np.ndarray:
        """Distance to the triangles, negative inside the balls; of those, the ones nearest by their middles."""
        near = KDTree(self.triangles.mean(1)).query(points, k=tried)[1].reshape(-1)
        # In micrometres: trimesh takes products of lengths below 1e-8 for nothing, and these triangles are small.
        asked = np.repeat(points, tried, 0)
        feet = closest_point(self.triangles[near] * 1e6, asked * 1e6) / 1e6
        away = np.linalg.norm(feet - asked, axis=-1).reshape(-1, tried).min(1)
        return np.where(least(points, self.balls) < 0, -away, away)

    def off(self) -> float:
        """How far the middles of the triangles are from the balls, at most."""
        return float(np.abs(least(self.triangles[::5].mean(1), self.balls)).max())


def cone(a: np.ndarray, b: np.ndarray, ra: float, rb: float) -> Dense:
    """The mesh of a round cone from a, of radius ra, to b, of radius rb."""
    share = np.linspace(0, 1, 2 + int(np.linalg.norm(b - a) / STRING))[:, None]
    balls = np.concatenate([a + share * (b - a), ra + share * (rb - ra)], axis=1)
    turn = np.linalg.svd((b - a)[None])[2]  # its rows: along the cone, and across it
    level = np.concatenate([balls[:, :3] @ turn.T, balls[:, 3:]], axis=1)
    low, high = (level[:, :3] - level[:, 3:]).min(0) - 2 * STEP, (level[:, :3] + level[:, 3:]).max(0) + 2 * STEP
    grid = np.stack(np.meshgrid(*map(np.arange, low, high, [STEP] * 3), indexing="ij"), -1)
    vertices, faces, _, _ = marching_cubes(values(grid.reshape(-1, 3), level).reshape(grid.shape[:3]), 0.0)
    return Dense(balls, ((vertices * STEP + low) @ turn)[faces])


def values(points: np.ndarray, balls: np.ndarray) -> np.ndarray:
    """The least distance to any ball near the surface; elsewhere that to some of them, which has the same sign."""
    found = least(points, np.concatenate([balls[::COARSE], balls[-1:]]))
    unsure = np.abs(found) < 4 * STEP
    found[unsure] = least(points[unsure], balls)
    return found


def least(points: np.ndarray, balls: np.ndarray) -> np.ndarray:
    """The least signed distance from each point to any ball."""
    found = np.full(len(points), np.inf)
    x, y, z = np.ascontiguousarray(points.T)
    for cx, cy, cz, radius in balls:
        np.minimum(found, np.sqrt((x - cx) ** 2 + (y - cy) ** 2 + (z - cz) ** 2) - radius, out=found)
    return found
