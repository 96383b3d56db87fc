"""The objects of a data folder: recipes and people's meshes, brought to metres, z up, the box's centre in the origin

A mesh stands in its file as its maker left it. Its `Frame` takes whatever stands beside it (points, poses, skins) the
same way, so that an object in millimetres, lying on its side, a metre off, gives the labels that it should.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import trimesh
from jaxtyping import Float, Int

from perpart import clouds, objects
from perpart.data import labels, meshes
from perpart.data.defects import Defect, Tell
from perpart.data.folder import UNITS, Content

SPLITS = ("train", "valid", "test")
SANE = (0.005, 2.0)
"""Metres across that an object for a hand may measure."""
MOST = 100_000
"""Objects of one folder."""
UPRIGHT = {"z": np.eye(3), "y": np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])}
"""Rotations that make the named axis z."""


@dataclass(frozen=True, eq=False)
class Own:
    """A person's own object: a mesh in metres, z up, the centre of its bounding box in the origin."""

    name: str
    category: str
    vertices: Float[np.ndarray, "vertices 3"]
    faces: Int[np.ndarray, "faces 3"]


Thing = tuple[str, int] | Own
"""What grasps are of: a recipe's (category, seed), as perpart.objects.build takes them, or a person's own object."""


@dataclass(frozen=True)
class Frame:
    """The way from a file's coordinates to ours: p becomes scale * turn p - centre."""

    scale: float = 1.0
    turn: Float[np.ndarray, "3 3"] = field(default_factory=lambda: np.eye(3))
    centre: Float[np.ndarray, "3"] = field(default_factory=lambda: np.zeros(3))

    def points(self, points: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 3"]:
        return self.scale * (points.astype(np.float64) @ self.turn.T) - self.centre

    def normals(self, normals: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 3"]:
        return normals.astype(np.float64) @ self.turn.T

    def poses(self, poses: Float[np.ndarray, "*n 4 4"]) -> Float[np.ndarray, "*n 4 4"]:
        placed = poses.astype(np.float64)
        placed[..., :3, 3] = self.points(placed[..., :3, 3])
        placed[..., :3, :3] = self.turn @ placed[..., :3, :3]
        return placed


@dataclass(frozen=True)
class Placed:
    """The objects of a folder in their order. Where one cannot be used its thing is None, and it was told."""

    things: tuple[Thing | None, ...]
    split: tuple[str, ...]
    frames: tuple[Frame, ...]
    files: dict[int, trimesh.Trimesh]  # the meshes as they stand in their files, vertices in their order
    notes: tuple[str, ...]  # what was asked for or taken for granted, for the person


def name(thing: Thing) -> str:
    """What a person calls an object."""
    return thing.name if isinstance(thing, Own) else f"{thing[0]} {thing[1]}"


def category(thing: Thing) -> str:
    """What kind of object it is; the name of one that says no category."""
    return thing.category if isinstance(thing, Own) else thing[0]


def mesh(thing: Thing) -> trimesh.Trimesh:
    """The surface of an object, in metres, z up, centred."""
    if isinstance(thing, Own):
        return trimesh.Trimesh(thing.vertices, thing.faces, process=False)
    return objects.build(*thing).mesh


def pool(thing: Thing, points: int) -> Float[np.ndarray, "points 6"]:
    """The pool of an object: surface points (m) and normals, always the same ones."""
    if isinstance(thing, Own):
        return clouds.surface(mesh(thing), points, dice(thing)).astype(np.float32)
    return labels.pool(thing, points)


def dice(thing: Thing) -> np.random.Generator:
    """Random numbers that only the object's name decides."""
    return np.random.default_rng([zlib.crc32(name(thing).encode()), 1])


def place(content: Content, tell: Tell) -> Placed:
    """Read and place all objects that grasps.json lists."""
    entries = content.said["objects"]
    if not 0 < len(entries) <= MOST:
        tell(Defect(content.words, f"lists {len(entries):,} objects", f"list 1 to {MOST:,}"))
    entries = entries[:MOST]
    checked = [_entry(content, i, entry, tell) for i, entry in enumerate(entries)]
    files = {i: entry for i, entry in enumerate(checked) if isinstance(entry, trimesh.Trimesh)}
    scale, notes = _scale(content, files, tell)
    turn = UPRIGHT[content.said.get("up") or "z"]
    if any(isinstance(entry, tuple) for entry in checked) and (scale != 1 or content.said.get("up") == "y"):
        what = "holds recipes, which are in metres and z up, and its unit or its up is another"
        tell(Defect(content.words, what, "make two folders of it, or bring the meshes to metres, z up"))
    frames = [Frame()] * len(entries)
    things: list[Thing | None] = [None if isinstance(entry, trimesh.Trimesh) else entry for entry in checked]
    for i, file in files.items():
        frames[i] = _frame(file, scale, turn)
        things[i] = _own(f"{content.words}: object {i}", entries[i], file, frames[i], tell)
    split = tuple(str(entry.get("split")) if isinstance(entry, dict) else "" for entry in entries)
    _leaks(content, things, split, tell)
    return Placed(tuple(things), split, tuple(frames), files, notes)


def _entry(content: Content, i: int, entry: Any, tell: Tell) -> tuple[str, int] | trimesh.Trimesh | None:
    """A recipe as it is, or the mesh of a file as it stands there; None for neither, told."""
    where = f"{content.words}: object {i}"
    if not isinstance(entry, dict):
        return tell(Defect(where, "is no entry of an object", "say its category and seed, or its name and mesh"))
    if entry.get("split") not in SPLITS:
        tell(Defect(where, f"is of split {entry.get('split')!r}", f"say one of {', '.join(SPLITS)}"))
    if "mesh" in entry:
        if not isinstance(entry.get("name"), str) or not entry["name"]:
            tell(Defect(where, "has a mesh and no name", "give it one that no other object has"))
        path = meshes.find(content.folder, entry["mesh"], where, tell)
        return meshes.read(path, tell) if path else None
    kind, seed = entry.get("category"), entry.get("seed")
    if not isinstance(seed, int) or not isinstance(kind, str):
        return tell(Defect(where, "has neither category and seed nor a mesh", "say its category, seed and split"))
    if kind not in objects.CATEGORIES or seed < 0:
        return tell(Defect(where, f"no recipe makes {kind!r} with seed {seed}", "give a mesh, or a known category"))
    return kind, seed


def _scale(content: Content, files: dict[int, trimesh.Trimesh], tell: Tell) -> tuple[float, tuple[str, ...]]:
    """Metres in the folder's unit, and how that is known."""
    if not files:
        return UNITS[content.said.get("unit") or "m"], ()
    up = "as grasps.json says" if content.said.get("up") else "for grasps.json does not say"
    upright = f"up is {content.said.get('up') or 'z'}, {up}"
    across = np.array([float(np.linalg.norm(np.ptp(file.vertices, axis=0))) for file in files.values()])
    sizes = f"the objects' bounding boxes have diagonals of {across.min():.4g} to {across.max():.4g}"
    said = content.said.get("unit")
    if said:
        return UNITS[said], (f"unit {said}, as grasps.json says ({sizes}); {upright}",)
    for unit, (low, high) in (("m", clouds.METRES), ("mm", clouds.MILLIMETRES)):
        if low <= across.min() and across.max() <= high:
            return UNITS[unit], (f"unit {unit}, for {sizes}; {upright}",)
    inside = [sum(low <= size <= high for size in across) for low, high in (clouds.METRES, clouds.MILLIMETRES)]
    what = "mixed units" if all(inside) else "no unit fits"
    tell(Defect(content.words, f"{what}: {sizes}", 'say "unit": "m", "cm" or "mm", the same for all'))
    return UNITS["m" if inside[0] >= inside[1] else "mm"], ()


def _frame(file: trimesh.Trimesh, scale: float, turn: np.ndarray) -> Frame:
    used = Frame(scale, turn).points(np.asarray(file.vertices)[np.unique(file.faces)])
    return Frame(scale, turn, (used.max(axis=0) + used.min(axis=0)) / 2)


def _own(where: str, entry: dict[str, Any], file: trimesh.Trimesh, frame: Frame, tell: Tell) -> Own:
    placed = meshes.solid(trimesh.Trimesh(frame.points(np.asarray(file.vertices)), file.faces, process=False))
    size = float(np.linalg.norm(np.ptp(placed.vertices, axis=0)))
    if not SANE[0] <= size <= SANE[1]:
        what = f"{entry.get('name')!r} is {size:.3g} m across"
        tell(Defect(where, what, "no hand holds that: mend its unit or its size"))
    called = str(entry.get("name"))
    return Own(called, str(entry.get("category") or called), np.array(placed.vertices), np.array(placed.faces))


def _leaks(content: Content, things: Sequence[Thing | None], split: tuple[str, ...], tell: Tell) -> None:
    """Told: an object under one name twice, or the same shape in two splits, whatever it is called."""
    named, shaped, called = {}, {}, [thing and name(thing) for thing in things]
    for i, thing in enumerate(things):
        if thing is None:
            continue
        where = f"{content.words}: object {i}"
        alike = [named.setdefault(name(thing), i), _first_like(thing, i, shaped)]
        apart = [first for first in alike if split[first] != split[i]]
        if apart:
            what = f"{name(thing)!r} of {split[i]} is object {apart[0]}, {called[apart[0]]!r} of {split[apart[0]]}"
            tell(Defect(where, what, "an object belongs in one split: move or remove it"))
        elif alike[0] != i:
            tell(Defect(where, f"is called {name(thing)!r}, as object {alike[0]} is", "give it a name of its own"))


def _first_like(thing: Thing, i: int, seen: dict[tuple[int, int], list[tuple[int, np.ndarray]]]) -> int:
    """The first object of the same shape, to a hundredth of a millimetre, whatever file and frame it came from."""
    if not isinstance(thing, Own):
        return i
    corners = thing.vertices
    shape = np.concatenate([corners.max(0), corners.min(0), corners.mean(0), corners.std(0)])
    like = seen.setdefault((len(corners), len(thing.faces)), [])
    same = [first for first, other in like if np.allclose(shape, other, rtol=0, atol=1e-5)]
    like.append((i, shape))
    return same[0] if same else i
