"""A signed-distance grid of a watertight mesh, for millions of quick questions

`build` measures once how far every node of a grid lies from the surface (negative inside); `Field.distance`
then interpolates. Closing a hand on an object asks a few million times, and exact queries would take minutes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import KDTree

from perpart import clouds
from perpart.errors import Mistake

BAND = 1  # steps beyond the nodes next to the surface in which nodes are measured against triangles
SAMPLES = 30_000  # surface points that lead each node to its nearest triangle


@dataclass(frozen=True)
class Field:
    """Signed distances in metres on a regular grid: `values[i, j, k]` at `origin + cell * (i, j, k)`."""

    origin: NDArray
    cell: float
    values: NDArray

    def distance(self, points: NDArray) -> tuple[NDArray, NDArray]:
        """Signed distance [n] (m, negative inside) and its unit gradient [n, 3] at points [n, 3] (m).

        On a ball 60 mm wide the distance errs by at most 0.2 mm within 2 mm of the surface and 0.4 mm elsewhere,
        the gradient by 1 and 4 degrees on average (7 and 14 in one point of a hundred). Creases and edges are
        blunted by about a cell (1 to 2 mm).

        Outside the grid the distance is that at the nearest point of the grid plus the way there: a little
        too large, never too small to be safe, and continuous.
        """
        points = np.asarray(points, dtype=np.float32)
        place = (points - self.origin.astype(np.float32)) / np.float32(self.cell)
        limit = np.array(self.values.shape, dtype=np.float32) - 1
        within = np.clip(place, 0, limit)
        base = np.minimum(within.astype(np.int32), (limit - 1).astype(np.int32))
        value, slope = self._interpolate(base, within - base)
        beyond = place - within
        way = np.sqrt(np.einsum("ij,ij->i", beyond, beyond))
        out = way > 0
        value += way * np.float32(self.cell)
        # Beyond the grid the way to it counts, along the axes on which the point left it.
        slope[out] = slope[out] * (beyond[out] == 0) + beyond[out] / way[out, None]
        length = np.sqrt(np.einsum("ij,ij->i", slope, slope))
        return value, slope / np.maximum(length, 1e-12)[:, None]

    def _interpolate(self, base: NDArray, share: NDArray) -> tuple[NDArray, NDArray]:
        """Trilinear value [n] and slope [n, 3] (per cell, over the cell) from the eight corners."""
        flat, (_, ny, nz) = self.values.ravel(), self.values.shape
        start = (base[:, 0] * ny + base[:, 1]) * nz + base[:, 2]
        x, y, z = share.T
        low, high = {}, {}  # along z: the value, and its difference
        for i in (0, 1):
            for j in (0, 1):
                corner = start + (i * ny + j) * nz
                low[i, j] = flat[corner]
                high[i, j] = flat[corner + 1] - low[i, j]
        column = {key: low[key] + z * high[key] for key in low}
        near = column[0, 0] + y * (column[0, 1] - column[0, 0])
        far = column[1, 0] + y * (column[1, 1] - column[1, 0])
        left = column[0, 1] - column[0, 0]
        along_y = left + x * (column[1, 1] - column[1, 0] - left)
        first = high[0, 0] + y * (high[0, 1] - high[0, 0])
        along_z = first + x * (high[1, 0] + y * (high[1, 1] - high[1, 0]) - first)
        slope = np.stack([far - near, along_y, along_z], axis=1) / np.float32(self.cell)
        return near + x * (far - near), slope


def build(mesh: trimesh.Trimesh, cells: int = 96, margin: float = 0.02) -> Field:
    """Measures the field of a mesh on about `cells`³ nodes, to `margin` metres beyond its bounding box.

    The cells are cubes, so a long object gets more of them along and fewer across: a hammer's handle is
    resolved as finely as a mug's. Raises `Mistake` if the mesh is not watertight: inside has no meaning then.
    """
    if not mesh.is_watertight:
        raise Mistake(f"a field needs a watertight mesh; this one ({len(mesh.faces)} faces) is open: repair it")
    size = np.ptp(mesh.bounds, axis=0) + 2 * margin
    cell = float(np.prod(size) ** (1 / 3) / cells)
    shape = np.ceil(size / cell).astype(int) + 1
    origin = mesh.bounds.mean(axis=0) - cell * (shape - 1) / 2
    inside = _inside(mesh, origin, cell, shape)
    magnitude = _magnitude(mesh, origin, cell, inside)
    return Field(origin, cell, np.where(inside, -magnitude, magnitude).astype(np.float32))


def _inside(mesh: trimesh.Trimesh, origin: NDArray, cell: float, shape: NDArray) -> NDArray:
    """Which nodes lie inside, by counting the surface's crossings below each node of a vertical line."""
    # The lines stand a hair beside the nodes, or they would run through edges with round coordinates.
    triangles = (mesh.triangles - origin) / cell - [0.00137, 0.00291, 0]
    which, column, row = _under(triangles[:, :, :2], shape)
    a, b, c = np.moveaxis(triangles[which], 1, 0)
    spot = np.stack([column, row], axis=1).astype(np.float64)
    parts = np.stack([_cross(b, c, spot), _cross(c, a, spot), _cross(a, b, spot)], axis=1)
    hit = (parts >= 0).all(axis=1) | (parts <= 0).all(axis=1)
    hit &= parts.sum(axis=1) != 0
    parts, which = parts[hit], which[hit]
    height = np.einsum("ij,ij->i", parts, triangles[which][:, :, 2]) / parts.sum(axis=1)
    level = np.clip(np.ceil(height).astype(int), 0, shape[2] - 1)
    crossings = np.zeros(shape, dtype=np.int32)
    np.add.at(crossings, (column[hit], row[hit], level), np.where(parts.sum(axis=1) > 0, -1, 1))
    return np.cumsum(crossings, axis=2) > 0


def _under(outline: NDArray, shape: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Pairs of a triangle and a vertical line within its bounding box: the triangle, and the line's place."""
    low = np.maximum(np.ceil(outline.min(axis=1)).astype(int), 0)
    high = np.minimum(np.floor(outline.max(axis=1)).astype(int), shape[:2] - 1)
    wide = np.maximum(high - low + 1, 0)
    count = wide[:, 0] * wide[:, 1]
    which = np.repeat(np.arange(len(outline)), count)
    step = np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count)
    across = wide[which, 1]
    return which, low[which, 0] + step // across, low[which, 1] + step % across


def _cross(p: NDArray, q: NDArray, spot: NDArray) -> NDArray:
    """Twice the signed area of the triangle p, q, spot, seen from above."""
    return (q[:, 0] - p[:, 0]) * (spot[:, 1] - p[:, 1]) - (q[:, 1] - p[:, 1]) * (spot[:, 0] - p[:, 0])


def _magnitude(mesh: trimesh.Trimesh, origin: NDArray, cell: float, inside: NDArray) -> NDArray:
    """Distance (m) of every node to the surface: against triangles near it, to the found foot points afar."""
    points, faces = _samples(mesh)
    near = np.stack(np.nonzero(_beside(inside)), axis=1)
    nodes = origin + cell * near
    face = faces[KDTree(points, balanced_tree=False).query(nodes)[1]]
    feet = np.zeros((*inside.shape, 3), dtype=np.float32)
    feet[tuple(near.T)] = clouds.feet(mesh.triangles[face], nodes) - origin
    unknown = np.ones(inside.shape, dtype=bool)
    unknown[tuple(near.T)] = False
    index = np.empty((3, *inside.shape), dtype=np.int32)
    ndimage.distance_transform_edt(unknown, return_distances=False, return_indices=True, indices=index)
    foot = feet.reshape(-1, 3)[np.ravel_multi_index(tuple(index), inside.shape)]
    foot -= np.float32(cell) * np.moveaxis(np.indices(inside.shape, dtype=np.float32), 0, -1)
    return np.sqrt(np.einsum("...i,...i->...", foot, foot))


def _beside(inside: NDArray) -> NDArray:
    """The nodes within `BAND` steps along the axes of a change between inside and outside."""
    beside = np.zeros_like(inside)
    for axis in range(3):
        line, into = np.moveaxis(inside, axis, 0), np.moveaxis(beside, axis, 0)
        change = line[1:] != line[:-1]
        into[1:] |= change
        into[:-1] |= change
    for _ in range(BAND):
        for axis in range(3):
            line = np.moveaxis(beside, axis, 0)
            grown = line[1:] | line[:-1]
            line[1:] |= grown
            line[:-1] |= grown
    return beside


def _samples(mesh: trimesh.Trimesh) -> tuple[NDArray, NDArray]:
    """Points on the surface, evenly by area, and the triangle each lies on; the same ones every time."""
    generator = np.random.default_rng(0)
    points, faces = trimesh.sample.sample_surface(mesh, SAMPLES, seed=generator)[:2]
    middles = mesh.triangles_center
    return np.concatenate([points, middles]), np.concatenate([faces, np.arange(len(middles))])
