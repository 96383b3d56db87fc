"""What is shown beside drawn maps: true maps on the same points, and the object's surface and its area"""

from pathlib import Path

import numpy as np
import trimesh
from jaxtyping import Float
from scipy.spatial import KDTree

from perpart import clouds, export, sampled
from perpart.anatomy import PARTS
from perpart.errors import Mistake
from perpart.sampled import Sampled

POINTS, VALUES = 65_535, 64_000_000
"""The most points of a map, and the most values of all maps: what a page holds and a browser draws at once."""
NEAREST, SHARE = 6, 5.670  # a point's nearest that is looked at; the median of the share that its circle holds


def held(found: Sampled, folder: str | Path) -> None:
    """Raises Mistake where the samples are more than a page holds."""
    n, points, parts = found.contact.shape
    if points > POINTS or found.contact.size > VALUES:
        raise Mistake(
            f"{folder}: {n} samples of {points} points are more than a page holds; at most {POINTS} points and "
            f"{VALUES // parts} points in all samples: sample again with a smaller --n or --points"
        )


def truth(path: str | Path, found: Sampled) -> Float[np.ndarray, "m points 16"]:
    """True contact maps on the same points. Raises Mistake for an array that is not such."""
    maps = sampled.values(Path(path))
    if maps.ndim == 2:
        maps = maps[None]
    sampled.shaped(Path(path), maps, ("m", len(found.points), len(PARTS)))
    sampled.within(Path(path), maps, 0, 1)
    return maps


def surface(found: Sampled, folder: str | Path, given: str | None) -> trimesh.Trimesh | None:
    """The object's mesh in metres, as given or as the folder keeps it; None where there are only points.

    Raises Mistake for a file that cannot be read, or that the points do not lie on.
    """
    kept = Path(folder) / export.SURFACE
    if given is None and not kept.is_file():
        return None
    path = kept if given is None else Path(given)
    cloud = clouds.read(path, "m" if given is None else found.meta.get("object_unit"))
    sampled.on(found.points, cloud, folder, path)
    return cloud.mesh


def area(points: Float[np.ndarray, "points 6"], mesh: trimesh.Trimesh | None) -> float:
    """The surface's area in m²: the mesh's, or estimated from how closely the points lie.

    Of points strewn evenly, a circle around one that ends at the k-th nearest holds k points' share of the surface, in
    the middle (the median) a little less. Points of the other side of a thin wall do not count.
    """
    if mesh is not None:
        return float(mesh.area)
    gap, near = KDTree(points[:, :3]).query(points[:, :3], k=min(25, len(points)))
    beside = (points[near][:, :, 3:] * points[:, None, 3:]).sum(axis=2) > 0
    last = (np.cumsum(beside, axis=1) > NEAREST).argmax(axis=1)
    reach = np.take_along_axis(np.asarray(gap), last[:, None], axis=1)
    return float(len(points) * np.pi * np.median(reach**2) / SHARE)
