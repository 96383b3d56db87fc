"""Grasps as contact maps (kind contact): how much each part touches a person's own points, and no hand at all

The maps stand on the given points, so the pool is drawn from those: as many different ones as there are, each once
more before any twice more. The part is the one with the strongest contact, and directions are unknown.
"""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import KDTree

from perpart.data import labels, things
from perpart.data.defects import Defect, Tell
from perpart.data.folder import Content
from perpart.data.graspset import owners
from perpart.data.source import Source
from perpart.data.things import Placed, Thing

FEWEST = 16
"""Points below which there is no surface to speak of."""
OFF = 0.1
"""Of the object's diagonal: how far a given point may lie from the mesh's box."""


@dataclass(frozen=True)
class Maps(Source):
    """G grasps on a list of objects; grasp g is of `objects[object_of[g]]`, and row `row_of[g]` of its maps."""

    objects: tuple[Thing, ...]
    split: tuple[str, ...]
    object_of: Int[np.ndarray, "grasps"]
    row_of: Int[np.ndarray, "grasps"]
    points: dict[int, Float[np.ndarray, "points 6"]]  # float32, metres and unit normals, of objects with grasps
    contact: dict[int, Int[np.ndarray, "rows points 16"]]  # uint8, 255 is 1
    notes: tuple[str, ...] = field(default=(), compare=False)

    def cloud(self, thing: int, points: int) -> Float[np.ndarray, "points 6"]:
        """The pool of an object: given points (m) with outward normals, always the same ones."""
        return self.points[thing][self._drawn(thing, points)]

    def label(
        self,
        grasps: Int[np.ndarray, "chosen"],
        clouds: Float[np.ndarray, "objects points 6"],
        cloud_of: Int[np.ndarray, "chosen"],
    ) -> labels.Labels:
        """Labels of some grasps, carried to the points of their object's pool."""
        drawn = {int(i): self._drawn(int(i), clouds.shape[1]) for i in np.unique(self.object_of[grasps])}
        touch = np.empty((len(grasps), clouds.shape[1], 16), np.uint8)
        for row, grasp in enumerate(grasps):
            thing = int(self.object_of[grasp])
            touch[row] = self.contact[thing][self.row_of[grasp], drawn[thing]]
        return touch, touch.argmax(-1).astype(np.uint8), np.zeros((*touch.shape[:2], 3), np.float16)

    def _drawn(self, thing: int, points: int) -> Int[np.ndarray, "points"]:
        """Which of the given points make up the pool."""
        dice, given = things.dice(self.objects[thing]), len(self.points[thing])
        return np.concatenate([dice.permutation(given) for _ in range(-(-points // given))])[:points]


def mapped(content: Content, placed: Placed, tell: Tell) -> Maps | None:
    """The maps of a folder, their points in our frame; None where they cannot be used, told."""
    object_of = owners(content, placed, tell)
    if object_of is None:
        return None
    present = [int(i) for i in np.unique(object_of)]
    points = {i: _points(content, i, placed, tell) for i in present}
    contact = {i: _contact(content, i, int((object_of == i).sum()), points[i], tell) for i in present}
    if None in placed.things or any(contact[i] is None for i in present):
        return None
    row_of = np.empty(len(object_of), np.int64)
    for i in present:
        row_of[object_of == i] = np.arange((object_of == i).sum())
    given = tuple(thing for thing in placed.things if thing is not None)
    return Maps(given, placed.split, object_of, row_of, points, contact, placed.notes)  # pyright: ignore[reportArgumentType]


def _points(content: Content, i: int, placed: Placed, tell: Tell) -> Float[np.ndarray, "points 6"] | None:
    """The points that an object's maps stand on, with normals, in our frame."""
    thing, file, name = placed.things[i], placed.files.get(i), f"points_{i}"
    if thing is None:
        return None
    if name not in content.arrays:
        if file is None:
            return tell(Defect(content.numbers, f"{name} is missing", "say which points the maps stand on"))
        return _with_normals(placed.frames[i].points(np.asarray(file.vertices)), thing)
    wide = content.arrays[name].shape[-1:] == (6,)
    given = content.array(name, (None, 6 if wide else 3), "f", tell)
    if given is None or not _enough(content, name, len(given), tell):
        return None
    points = placed.frames[i].points(given[:, :3])
    _on_object(content, name, points, thing, tell)
    if not wide:
        return _with_normals(points, thing)
    return _unit(content, name, points, placed.frames[i].normals(given[:, 3:]), tell)


def _enough(content: Content, name: str, count: int, tell: Tell) -> bool:
    if count < FEWEST:
        tell(Defect(content.numbers, f"{name} holds {count} points", f"give {FEWEST} or more"))
    return count >= FEWEST


def _unit(content: Content, name: str, points: np.ndarray, normals: np.ndarray, tell: Tell) -> np.ndarray | None:
    """Points with the given normals, if those are such."""
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    odd = abs(length - 1) > 0.05
    if odd.any():
        what = f"columns 4 to 6 of {name} are no unit normals in {int(odd.sum())} of {len(odd)} rows"
        return tell(Defect(content.numbers, what, "give unit normals, or x y z alone"))
    return np.concatenate([points, normals / length], axis=1).astype(np.float32)


def _with_normals(points: Float[np.ndarray, "points 3"], thing: Thing) -> Float[np.ndarray, "points 6"]:
    """Each point with the normal of the object's nearest corner."""
    mesh = things.mesh(thing)
    normals = mesh.vertex_normals[KDTree(mesh.vertices).query(points)[1]]
    return np.concatenate([points, normals], axis=1).astype(np.float32)


def _on_object(content: Content, name: str, points: np.ndarray, thing: Thing, tell: Tell) -> None:
    box = things.mesh(thing).bounds
    room = OFF * float(np.linalg.norm(box[1] - box[0]))
    beside = ((points < box[0] - room) | (points > box[1] + room)).any(1)
    small = np.ptp(points, axis=0).max() < OFF * np.ptp(box, axis=0).max()
    if beside.any() or small:
        what = f"mixed units or frames: {name} measures {np.ptp(points, axis=0).max():.3g} m, "
        what += f"the object {np.ptp(box, axis=0).max():.3g} m, and {int(beside.sum())} points lie beside it"
        tell(Defect(content.numbers, what, "give the points in the unit and the frame of the object's mesh"))


def _contact(content: Content, i: int, rows: int, points: np.ndarray | None, tell: Tell) -> np.ndarray | None:
    """An object's maps, in 255 steps."""
    wide = None if points is None else len(points)
    found = content.array(f"contact_{i}", (rows, wide, 16), "fu", tell)
    if found is None or points is None or found.dtype == np.uint8:
        return found if points is not None else None
    if found.dtype.kind == "u" or (found.size and not 0 <= found.min() <= found.max() <= 1):
        what = f"contact_{i} runs from {found.min():.4g} to {found.max():.4g}"
        return tell(Defect(content.numbers, what, "give floats in [0, 1], or uint8 with 255 for 1"))
    return (found * 255).round().astype(np.uint8)
