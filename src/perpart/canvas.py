"""Looks at a surface without a display: dense surface points, drawn nearest first into an image

A depth buffer over many surface points shows hollow objects rightly, which sorting whole triangles does not,
and finds out once per view which point every pixel shows: any number of colourings then cost nothing.
"""

from dataclasses import dataclass

import numpy as np
import trimesh
from jaxtyping import Bool, Float, Int
from scipy import ndimage
from scipy.spatial import KDTree

from perpart.clouds import cover

DENSE = 160_000  # surface points of a picture
NORMAL = 0.01  # metres that one unit of difference in the normal counts: two sides of a thin wall stay apart
FINER = 2  # pixels drawn per pixel shown, along each side


@dataclass(frozen=True)
class View:
    """What one look shows: per drawn pixel the surface point in it (-1: none), how lit it is, and outlines."""

    shown: Int[np.ndarray, "side side"]
    light: Float[np.ndarray, "side side"]
    outline: Bool[np.ndarray, "side side"]

    def image(self, colours: Float[np.ndarray, "dense 3"]) -> Float[np.ndarray, "size size 3"]:
        """The picture on white, with one sRGB colour per surface point."""
        seen = self.shown >= 0
        drawn = np.ones((*self.shown.shape, 3))
        drawn[seen] = colours[self.shown[seen]] * self.light[seen, None]
        drawn[self.outline] *= 0.45
        side = len(drawn) // FINER
        return drawn.reshape(side, FINER, side, FINER, 3).mean(axis=(1, 3))


def dense(
    points: Float[np.ndarray, "points 6"], mesh: trimesh.Trimesh | None, rng: np.random.Generator
) -> Float[np.ndarray, "dense 6"]:
    """Surface points [dense, 6] that leave no gaps: of the mesh, or little discs around a cloud's points."""
    if mesh is not None:
        return cover(mesh, DENSE)
    reach = 1.6 * float(np.median(KDTree(points[:, :3]).query(points[:, :3], k=5)[0][:, 4]))
    disc = np.repeat(points, DENSE // len(points), axis=0)
    shift = rng.normal(size=(len(disc), 3))
    shift -= (shift * disc[:, 3:]).sum(axis=1, keepdims=True) * disc[:, 3:]
    shift *= reach * np.sqrt(rng.random((len(disc), 1))) / np.linalg.norm(shift, axis=1, keepdims=True)
    return np.concatenate([disc[:, :3] + shift, disc[:, 3:]], axis=1)


@dataclass(frozen=True)
class Spread:
    """Carries values from a few points to the dense ones: a mean of the three nearest on the same side."""

    index: Int[np.ndarray, "dense 3"]
    weight: Float[np.ndarray, "dense 3"]

    def __call__(self, values: Float[np.ndarray, "points channels"]) -> Float[np.ndarray, "dense channels"]:
        return np.einsum("dk,dkc->dc", self.weight, values[self.index])


def spread(points: Float[np.ndarray, "points 6"], onto: Float[np.ndarray, "dense 6"]) -> Spread:
    """How values at points reach other surface points."""
    scale = np.array([1, 1, 1, NORMAL, NORMAL, NORMAL])
    gap, index = KDTree(points * scale).query(onto * scale, k=3)
    weight = 1 / (gap + 1e-6)
    return Spread(np.asarray(index), (weight / weight.sum(axis=1, keepdims=True)).astype(np.float32))


def look(surfels: Float[np.ndarray, "dense 6"], azimuth: float, elevation: float, size: int = 300) -> View:
    """Looks at the whole object from a direction (degrees: around z, above the horizon), z up, without perspective."""
    right, up, toward = _axes(azimuth, elevation)
    middle = (surfels[:, :3].max(axis=0) + surfels[:, :3].min(axis=0)) / 2
    place = surfels[:, :3] - middle
    across, along, depth = place @ right, place @ up, place @ toward
    middle_up = (along.max() + along.min()) / 2
    reach = 1.04 * max(abs(across).max(), abs(along - middle_up).max())
    side = FINER * size
    column = (across / reach + 1) * side / 2
    row = (1 - (along - middle_up) / reach) * side / 2
    shown = _nearest(np.stack([row, column], axis=1).astype(int), depth, side)
    shown = _closed(shown, depth, 0.02 * reach)
    seen = shown >= 0
    light = np.zeros(shown.shape)
    lamp = toward + 0.5 * up - 0.35 * right
    bright = abs(surfels[:, 3:] @ (lamp / np.linalg.norm(lamp)))
    light[seen] = 0.55 + 0.45 * bright[shown[seen]]
    return View(shown, light, _outline(shown, depth, 0.06 * reach))


def _axes(azimuth: float, elevation: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit vectors of the picture in the object's frame: to the right, up, and towards the eye."""
    around, above = np.radians(azimuth), np.radians(elevation)
    toward = np.array([np.cos(above) * np.cos(around), np.cos(above) * np.sin(around), np.sin(above)])
    right = np.array([-np.sin(around), np.cos(around), 0])
    return right, np.cross(toward, right), toward


def _nearest(pixel: Int[np.ndarray, "dense 2"], depth: np.ndarray, side: int) -> Int[np.ndarray, "side side"]:
    """The surface point that each pixel shows; a point covers five by five pixels."""
    order = np.argsort(depth, kind="stable")
    row, column = (pixel[order, None, axis] + np.arange(-2, 3) for axis in (0, 1))
    place = np.clip(row, 0, side - 1)[:, :, None] * side + np.clip(column, 0, side - 1)[:, None, :]
    shown = np.full(side * side, -1)
    # Of several values for one place the last stays: the nearest point, because the far ones come first.
    shown[place.reshape(-1)] = np.repeat(order, 25)
    return shown.reshape(side, side)


def _closed(shown: np.ndarray, depth: np.ndarray, step: float) -> Int[np.ndarray, "side side"]:
    """Closes the pinholes between the points of a near surface, through which a far one would shine."""
    far = _depths(shown, depth)
    hole = ndimage.grey_closing(far, size=5) - far > step
    index = ndimage.distance_transform_edt(hole, return_distances=False, return_indices=True)
    return shown[tuple(np.asarray(index))]


def _depths(shown: np.ndarray, depth: np.ndarray) -> Float[np.ndarray, "side side"]:
    return np.where(shown >= 0, depth[shown], -1e3)


def _outline(shown: np.ndarray, depth: np.ndarray, step: float) -> Bool[np.ndarray, "side side"]:
    """Where the depth jumps: the silhouette, and a handle in front of a body."""
    far = _depths(shown, depth)
    edge = np.zeros(shown.shape, dtype=bool)
    for axis in (0, 1):
        jump = abs(np.diff(far, axis=axis)) > step
        np.moveaxis(edge, axis, 0)[1:] |= np.moveaxis(jump, axis, 0)
    return edge
