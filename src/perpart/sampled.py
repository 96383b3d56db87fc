"""Reads the folder that sampling wrote, without trusting it: maps, their points, and their record"""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import KDTree

from perpart import clouds, export
from perpart.anatomy import PARTS
from perpart.errors import Mistake

AWAY = 0.001
"""Metres that half of the points may lie off the surface they are said to be on."""
COVER = 60_000  # points that stand for a mesh's surface
FAR, ROUNDED = 1e9, 1e-6  # no object is so far away; what single precision adds to the length of a unit vector


@dataclass(frozen=True)
class Sampled:
    """What sample_per_part.py wrote: surface points and normals (m), n maps on them, and their record."""

    points: Float[np.ndarray, "points 6"]
    contact: Float[np.ndarray, "n points 16"]
    part: Int[np.ndarray, "n points"]
    direction: Float[np.ndarray, "n points 3"]
    meta: dict[str, Any]

    @cached_property
    def digest(self) -> str:
        """What tells these maps from all others: SHA-256 of their points, contact, parts and directions."""
        whole = hashlib.sha256()
        for array in (self.points, self.contact, self.part, self.direction):
            whole.update(np.ascontiguousarray(array).tobytes())
        return whole.hexdigest()


def read(folder: str | Path) -> Sampled:
    """Read a sampling folder. Raises Mistake for what is missing in it or does not belong together."""
    folder = Path(folder)
    if not folder.is_dir():
        why = "is a file" if folder.exists() else "there is no such folder"
        raise Mistake(f"{folder}: {why}; give a folder that sample_per_part.py wrote")
    meta = _record(folder / export.META)
    contact = values(folder / "contact_maps.npy")
    shaped(folder / "contact_maps.npy", contact, ("n", "points", len(PARTS)))
    n, points = contact.shape[:2]
    rest = {"points.npy": (points, 6), "part_map.npy": (n, points), "uv_map.npy": (n, points, 3)}
    places, part, direction = arrays = [values(folder / name) for name in rest]
    for (name, shape), array in zip(rest.items(), arrays, strict=True):
        shaped(folder / name, array, shape)
    within(folder / "contact_maps.npy", contact, 0, 1)
    within(folder / "points.npy", places, -FAR, FAR)
    within(folder / "part_map.npy", part, 0, len(PARTS) - 1)
    within(folder / "uv_map.npy", direction, -1, 1)
    return Sampled(places, contact, part, direction, meta)


def on(points: Float[np.ndarray, "points 6"], cloud: clouds.Cloud, folder: str | Path, path: str | Path) -> None:
    """Raises Mistake unless the points of a sampling folder lie on the object that `path` was read as."""
    surface = cloud.points if cloud.mesh is None else clouds.cover(cloud.mesh, COVER)
    # A point cloud was sampled point by point, and of a mesh's cover the next point lies a spacing away at most.
    spacing = 0.0 if cloud.mesh is None else float(np.sqrt(cloud.mesh.area / COVER))
    gap = float(np.median(KDTree(surface[:, :3]).query(points[:, :3])[0]))
    if gap > AWAY + spacing:
        raise Mistake(
            f"{path}: the points of {folder} lie {1000 * gap:.1f} mm off it; give the object that was sampled, "
            "and its unit"
        )


def values(path: Path) -> np.ndarray:
    """An array of numbers. Raises Mistake where there is none."""
    try:
        array = np.load(path, allow_pickle=False)
    except FileNotFoundError as error:
        raise Mistake(f"{path}: there is no such file; sample again, or give another") from error
    except (OSError, ValueError, EOFError) as error:
        raise Mistake(f"{path}: is not a readable array ({' '.join(str(error).split())[:100]})") from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
        raise Mistake(f"{path}: holds no array of numbers; sample again, or give another")
    return array


def shaped(path: Path, array: np.ndarray, wanted: tuple[int | str, ...]) -> None:
    """Raises Mistake unless the array has the shape, where a word stands for any number but 0."""
    right = array.ndim == len(wanted) and all(
        size == want if isinstance(want, int) else size > 0 for size, want in zip(array.shape, wanted, strict=True)
    )
    if not right:
        expected = ", ".join(map(str, wanted))
        raise Mistake(f"{path}: has the shape {list(array.shape)}; expected [{expected}], as the other files have it")


def within(path: Path, array: np.ndarray, low: float, high: float) -> None:
    """Raises Mistake where a value is beyond the two, or is not a number."""
    if not (array.min() >= low - ROUNDED and array.max() <= high + ROUNDED):
        raise Mistake(f"{path}: holds values that are not within {low} and {high}; sample again, or give another")


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
