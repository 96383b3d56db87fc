"""What is shown: a sampling folder's arrays and words, true maps on the same points, and the object's surface"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from jaxtyping import Float, Int
from scipy.spatial import KDTree

from perpart import clouds, export
from perpart.anatomy import PARTS
from perpart.errors import Mistake

POINTS, VALUES = 65_535, 64_000_000
"""The most points of a map, and the most values of all maps: what a page holds and a browser draws at once."""
NEAREST, SHARE = 6, 5.670  # a point's nearest that is looked at; the median of the share that its circle holds
AWAY = 0.001  # metres that a point may lie off the surface it is said to be on


@dataclass(frozen=True)
class Sampled:
    """What sample_per_part.py wrote: surface points and normals (m), n maps on them, and their record."""

    points: Float[np.ndarray, "points 6"]
    contact: Float[np.ndarray, "n points 16"]
    part: Int[np.ndarray, "n points"]
    direction: Float[np.ndarray, "n points 3"]
    meta: dict[str, Any]


def read(folder: str | Path) -> Sampled:
    """Read a sampling folder. Raises Mistake for what is missing in it or does not belong together."""
    folder = Path(folder)
    if not folder.is_dir():
        raise Mistake(f"{folder}: there is no such folder; give one that sample_per_part.py wrote")
    meta = _record(folder / export.META)
    contact = _array(folder / "contact_maps.npy")
    _shape(folder / "contact_maps.npy", contact, ("n", "points", len(PARTS)))
    n, points = contact.shape[:2]
    places = _array(folder / "points.npy")
    part, direction = _array(folder / "part_map.npy"), _array(folder / "uv_map.npy")
    _shape(folder / "points.npy", places, (points, 6))
    _shape(folder / "part_map.npy", part, (n, points))
    _shape(folder / "uv_map.npy", direction, (n, points, 3))
    _within(folder / "contact_maps.npy", contact, 0, 1)
    _within(folder / "part_map.npy", part, 0, len(PARTS) - 1)
    if points > POINTS or contact.size > VALUES:
        raise Mistake(
            f"{folder}: {n} samples of {points} points are more than a page holds; at most {POINTS} points and "
            f"{VALUES // len(PARTS)} points in all samples: sample again with a smaller --n or --points"
        )
    return Sampled(places, contact, part, direction, meta)


def truth(path: str | Path, sampled: Sampled) -> Float[np.ndarray, "m points 16"]:
    """True contact maps on the same points. Raises Mistake for an array that is not such."""
    maps = _array(Path(path))
    if maps.ndim == 2:
        maps = maps[None]
    _shape(Path(path), maps, ("m", len(sampled.points), len(PARTS)))
    _within(Path(path), maps, 0, 1)
    return maps


def surface(sampled: Sampled, folder: str | Path, given: str | None) -> trimesh.Trimesh | None:
    """The object's mesh in metres, as given or as the folder keeps it; None where there are only points.

    Raises Mistake for a file that cannot be read, or that the points do not lie on.
    """
    kept = Path(folder) / export.SURFACE
    if given is None and not kept.is_file():
        return None
    path = kept if given is None else Path(given)
    cloud = clouds.read(path, "m" if given is None else sampled.meta.get("object_unit"))
    if cloud.mesh is None:
        return None
    spread = clouds.cover(cloud.mesh, 60_000)
    gap = float(np.median(KDTree(spread[:, :3]).query(sampled.points[:, :3])[0]))
    if gap > AWAY + float(np.sqrt(cloud.mesh.area / len(spread))):
        raise Mistake(
            f"{path}: the points of {folder} lie {1000 * gap:.0f} mm off it; give the object that was sampled"
        )
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


def _record(path: Path) -> dict[str, Any]:
    try:
        meta = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise Mistake(f"{path}: there is no such file; give a folder that sample_per_part.py wrote") from error
    except (OSError, ValueError) as error:
        raise Mistake(f"{path}: cannot be read; sample again") from error
    if not isinstance(meta, dict) or meta.get("unit") != "m" or meta.get("parts") != list(PARTS):
        raise Mistake(f"{path}: is not the record of a sampling with this hand's parts, in metres; sample again")
    return meta


def _array(path: Path) -> np.ndarray:
    try:
        array = np.load(path, allow_pickle=False)
    except FileNotFoundError as error:
        raise Mistake(f"{path}: there is no such file; sample again, or give another") from error
    except (OSError, ValueError, EOFError) as error:
        raise Mistake(f"{path}: is not a readable array ({' '.join(str(error).split())[:100]})") from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
        raise Mistake(f"{path}: holds no array of numbers; sample again, or give another")
    return array


def _shape(path: Path, array: np.ndarray, wanted: tuple[int | str, ...]) -> None:
    """Raises Mistake unless the array has the shape, where a word stands for any number but 0."""
    right = array.ndim == len(wanted) and all(
        size == want if isinstance(want, int) else size > 0 for size, want in zip(array.shape, wanted, strict=True)
    )
    if not right:
        expected = ", ".join(map(str, wanted))
        raise Mistake(f"{path}: has the shape {list(array.shape)}; expected [{expected}], as the other files have it")


def _within(path: Path, array: np.ndarray, low: float, high: float) -> None:
    if not (array.min() >= low and array.max() <= high):  # so also for what is not a number
        raise Mistake(f"{path}: holds values that are not within {low} and {high}; sample again, or give another")
