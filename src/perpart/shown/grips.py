"""Fitted hands, read from .glb or .obj files whose materials are named as the parts, and made light"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import trimesh
from jaxtyping import Float, Int

from perpart.anatomy import PARTS
from perpart.errors import Mistake
from perpart.fits.files import RECORD
from perpart.sampled import Sampled
from perpart.shown.surface import lighter

KINDS = (".glb", ".obj")
FACES = 220  # triangles of one part, of which the palm gets eight times as many
TOLERANCE = 0.0004  # metres that a part's surface may move to begin with
WIDEST = 0.6  # metres: a hand that is larger is in another unit


@dataclass(frozen=True)
class Fitted:
    """One hand (m): of which sample, its corners with normals, its triangles, and the part that each corner is of."""

    sample: int
    corners: Float[np.ndarray, "corners 6"]
    faces: Int[np.ndarray, "faces 3"]
    part: Int[np.ndarray, "corners"]


def read(path: str | Path, found: Sampled) -> list[Fitted]:
    """The hands of a file, or of a folder's files hand_000.glb (or .obj), hand_001.glb, ..., one per sample at most.

    Raises Mistake where there is none, where one cannot be read or is of no sample, or where the record beside them
    says that they were fitted to other maps.
    """
    path = Path(path)
    files = _files(path) if path.is_dir() else [path]
    if not path.exists() or not files:
        raise Mistake(f"{path}: there is no hand; give a folder with hand_000.glb or .obj, or one such file")
    record = files[0].with_name(RECORD)
    strangers = _strangers(record, found)
    for file in files:
        if file.name in strangers:
            raise Mistake(f"{file}: {record} says that it was fitted to other maps; fit these maps, or show those")
    return [_hand(file, len(found.contact)) for file in files]


def _strangers(record: Path, found: Sampled) -> list[str]:
    """The files that a record of fits tells of, where they were fitted to other maps. Hands that none tells of, another
    program's, are taken at their word."""
    try:
        told = json.loads(record.read_text())
        return [] if told["maps"].get("digest") == found.digest else list(told["files"])
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return []


def _files(folder: Path) -> list[Path]:
    found: dict[str, Path] = {}
    for kind in KINDS:
        for file in sorted(folder.glob(f"hand*{kind}")):
            found.setdefault(file.stem, file)
    return [found[stem] for stem in sorted(found)]


def _hand(path: Path, n: int) -> Fitted:
    number = re.search(r"(\d+)$", path.stem)
    sample = int(number.group(1)) if number else 0
    if sample >= n:
        raise Mistake(
            f"{path}: is of sample {sample}, and there are only 0 to {n - 1}; give the hands of these samples"
        )
    meshes = [(name, lighter(mesh, FACES * (1 if name else 8), TOLERANCE)) for name, mesh in _parts(path)]
    corners = np.concatenate([np.concatenate([mesh.vertices, mesh.vertex_normals], axis=1) for _, mesh in meshes])
    if not np.isfinite(corners).all() or np.ptp(corners[:, :3], axis=0).max() > WIDEST:
        raise Mistake(f"{path}: is larger than any hand; give metres")
    start = np.cumsum([0, *(len(mesh.vertices) for _, mesh in meshes)])
    faces = np.concatenate([mesh.faces + first for first, (_, mesh) in zip(start, meshes, strict=False)])
    part = np.repeat([name for name, _ in meshes], np.diff(start))
    return Fitted(sample, corners, faces, part)


def _parts(path: Path) -> list[tuple[int, trimesh.Trimesh]]:
    """The meshes of a file, each with the part that its material or its own name tells."""
    try:
        found = trimesh.load(path, process=False, force="scene")
    except Exception as error:  # each format's parser fails in its own ways; all of them mean a bad file
        raise Mistake(f"{path}: cannot be read ({' '.join(str(error).split())[:100]})") from error
    meshes = _placed(found) if isinstance(found, trimesh.Scene) else {}
    # Built anew, so that corners that a format stores once per face become one.
    named = [(_part(name, mesh), trimesh.Trimesh(mesh.vertices, mesh.faces)) for name, mesh in meshes.items()]
    if not named or None in (part for part, _ in named):
        names = "its meshes or materials are not named as the parts (palm, thumb1, ...)"
        raise Mistake(f"{path}: {names}; fit the hand again")
    return sorted(((part, mesh) for part, mesh in named if part is not None), key=lambda both: both[0])


def _placed(scene: trimesh.Scene) -> dict[str, trimesh.Trimesh]:
    """The meshes of a scene by name, where the scene puts them."""
    meshes: dict[str, trimesh.Trimesh] = {}
    for node in scene.graph.nodes_geometry:
        frame, name = scene.graph[node]
        if isinstance(mesh := scene.geometry[name], trimesh.Trimesh):
            meshes[str(name)] = mesh.copy().apply_transform(frame)
    return meshes


def _part(name: str, mesh: trimesh.Trimesh) -> int | None:
    words = (getattr(getattr(mesh.visual, "material", None), "name", None), name)
    return next((PARTS.index(word) for word in words if word in PARTS), None)
