"""Grasps as poses (kind angles): which objects, how they are split, how hands hold them; written and read

Only poses and the objects' recipes or meshes are stored; points and contact labels are computed from them.
"""

from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from perpart import contact
from perpart.anatomy import ANGLES, BONES, MEAN_BONES
from perpart.data import folder as files
from perpart.data import labels, things
from perpart.data.defects import Defect, Tell, refuse
from perpart.data.folder import AGAIN, Content
from perpart.data.source import Source
from perpart.data.things import SPLITS, Own, Placed, Thing
from perpart.errors import Mistake
from perpart.preshapes import NAMES

__all__ = ["QUALITY", "SPLITS", "WIDTHS", "GraspSet", "load", "owners", "posed", "save"]
QUALITY: tuple[str, ...] = ("depth", "volume", "epsilon", "shift", "turn")  # m, m³, 1, m, rad
WIDTHS = {"angles": (len(ANGLES),), "root": (4, 4), "bones": (len(BONES),), "quality": (len(QUALITY),)}
RADIANS = 7.0
"""More than any joint turns, in radians: what is larger is in degrees."""
REACH = (0.002, 1.0)
"""Metres from an object's middle within which a wrist is in at least one grasp of it, and is never beyond."""


@dataclass(frozen=True)
class GraspSet(Source):
    """G grasps on a list of objects; grasp g is of `objects[object_of[g]]`."""

    objects: tuple[Thing, ...]  # (category, seed), as perpart.objects.build takes them, or a person's own
    split: tuple[str, ...]  # per object: "train", "valid" or "test"
    object_of: Int[np.ndarray, "grasps"]
    angles: Float[np.ndarray, "grasps angles"]  # float32, radians, in the order of hand.ANGLES
    root: Float[np.ndarray, "grasps 4 4"]  # float32, the palm's frame in the object's frame, metres
    bones: Float[np.ndarray, "grasps bones"]  # float32, metres, in the order of hand.BONES
    kind: Int[np.ndarray, "grasps"]  # which of `preshapes`
    quality: Float[np.ndarray, "grasps figures"]  # float32, in the order of `figures`
    preshapes: tuple[str, ...] = NAMES
    figures: tuple[str, ...] = QUALITY  # m, m³, 1, m, rad
    notes: tuple[str, ...] = field(default=(), compare=False)  # how units and frames were understood

    def label(
        self,
        grasps: Int[np.ndarray, "chosen"],
        clouds: Float[np.ndarray, "objects points 6"],
        cloud_of: Int[np.ndarray, "chosen"],
    ) -> labels.Labels:
        """Labels of some grasps, each on its object's pool: grasp `grasps[i]` on `clouds[cloud_of[i]]`."""
        return labels.label([self.angles[grasps], self.root[grasps], self.bones[grasps]], clouds, cloud_of)


def load(path: str | Path | None = None) -> GraspSet:
    """Read a data folder of kind angles; None: the set shipped with the package. `kinds.load` reads any kind.

    Raises Mistake for the first thing in it that training should not be done with.
    """
    folder = Path(path) if path is not None else Path(str(resources.files("perpart") / "shipped"))
    content = files.read(folder, refuse)
    if content is None or content.said["kind"] != "angles":
        raise Mistake(f"{folder}: holds no poses of our hand; this command wants a folder of kind 'angles'")
    found = posed(content, things.place(content, refuse), refuse)
    if found is None:
        raise Mistake(f"{folder}: cannot be used; python -m perpart.data check {folder} tells why")
    return found


def save(graspset: GraspSet, folder: Path, made: dict[str, Any]) -> None:
    """Write a data folder; `made` says how the set came to be. The same set gives the same bytes."""
    arrays = {name: getattr(graspset, name) for name in ("object_of", "kind", *WIDTHS)}
    said = {
        "what": "poses of a right hand that holds an object; see perpart.hand and perpart.objects",
        "frame": "root is the palm's frame in the object's frame: the object's bounding box is centred there, z up",
        "labels": {
            "what": "contact with a part: clamp(1 / (d / scale + 1e-4), 0, 1), d its distance from the surface segment",
            "segment along the normal, m": [-contact.BELOW, contact.ABOVE],
            "scale, m": contact.SCALE,
            "faded to nothing between, m": list(contact.FADE),
        },
        **made,
        "figures": list(graspset.figures),
        "preshapes": list(graspset.preshapes),
        "angles": list(ANGLES),
        "bones": list(BONES),
    }
    entries = [_entry(*both) for both in zip(graspset.objects, graspset.split, strict=True)]
    files.write(folder, "angles", entries, arrays, said=said)


def posed(content: Content, placed: Placed, tell: Tell) -> GraspSet | None:
    """The poses of a folder, in our frame; None where they cannot be used, told."""
    object_of = owners(content, placed, tell)
    if content.said.get("angles", list(ANGLES)) != list(ANGLES) or content.said.get("bones", list(BONES)) != list(
        BONES
    ):
        return tell(Defect(content.words, "is of another hand", AGAIN))
    if object_of is None:
        return None
    preshapes, figures = tuple(content.said.get("preshapes", ["unknown"])), tuple(content.said.get("figures", []))
    given = _given(content, len(object_of), len(figures), tell)
    if given is None or None in placed.things:
        return None
    if given["kind"].size and not 0 <= given["kind"].min() <= given["kind"].max() < len(preshapes):
        return tell(Defect(content.numbers, "kind names a pre-shape that grasps.json does not", "write it again"))
    _sensible(content, given["angles"], given["root"], given["bones"], tell)
    given["root"] = _rooted(given["root"], object_of, placed)
    _within_reach(content, given["root"], object_of, placed, tell)
    kind, objects = given.pop("kind"), tuple(thing for thing in placed.things if thing is not None)
    arrays = {name: array.astype(np.float32) for name, array in given.items()}
    return GraspSet(
        objects, placed.split, object_of, kind=kind, **arrays, preshapes=preshapes, figures=figures, notes=placed.notes
    )


def _given(content: Content, count: int, figures: int, tell: Tell) -> dict[str, np.ndarray] | None:
    """The arrays of poses, and what stands for those that a person may leave out: a mean hand, an unknown pre-shape."""
    widths = WIDTHS | {"quality": (figures,)}
    found = {
        "bones": np.tile(MEAN_BONES, (count, 1)),
        "kind": np.zeros(count, np.int16), "quality": np.zeros((count, figures)),
    }  # fmt: skip
    wanted = [name for name in (*widths, "kind") if name in content.arrays or name not in found]
    for name in wanted:
        array = content.array(name, (count, *widths.get(name, ())), "iu" if name == "kind" else "f", tell)
        if array is not None:
            found[name] = array
        else:
            found.pop(name, None)
    return found if len(found) == len(widths) + 1 else None


def owners(content: Content, placed: Placed, tell: Tell) -> Int[np.ndarray, "grasps"] | None:
    """Whose grasp each grasp is. Objects without any are told."""
    object_of = content.array("object_of", (None,), "iu", tell)
    if object_of is None:
        return None
    count = len(placed.things)
    if len(object_of) and not 0 <= object_of.min() <= object_of.max() < count:
        what = f"object_of names objects {object_of.min()} to {object_of.max()}, which grasps.json does not list"
        return tell(Defect(content.numbers, f"{what} ({count} there)", "list them, or leave their grasps out"))
    for i in sorted(set(range(count)) - set(object_of.tolist())):
        thing = placed.things[i]
        called = f", {things.name(thing)!r}," if thing else ""
        tell(Defect(f"{content.words}: object {i}", f"no grasp is of it{called}", "leave it out or add grasps", False))
    return object_of


def _entry(thing: Thing, split: str) -> dict[str, Any]:
    if isinstance(thing, Own):
        mesh = thing.vertices, thing.faces
        return {"name": thing.name, "category": thing.category, "mesh": mesh, "split": split}
    return {"category": thing[0], "seed": thing[1], "split": split}


def _sensible(content: Content, angles: np.ndarray, root: np.ndarray, bones: np.ndarray, tell: Tell) -> None:
    """Told: degrees for radians, frames that are no rotations, bones that are no hand's."""
    if angles.size and abs(angles).max() > RADIANS:
        what = f"angles reach {abs(angles).max():.4g}, which no joint does in radians"
        tell(Defect(content.numbers, what, "give radians, not degrees"))
    turn, foot = root[:, :3, :3].astype(np.float64), root[:, 3]
    off = abs(turn @ turn.swapaxes(1, 2) - np.eye(3)).max((1, 2)) > 0.01
    bad = off | (np.linalg.det(turn) < 0) | (abs(foot - [0, 0, 0, 1]).max(1) > 1e-6)
    if bad.any():
        what = f"root is no rotation and place in {int(bad.sum())} of {len(bad)} grasps (grasp {bad.argmax()} first)"
        tell(Defect(content.numbers, what, "give the palm's axes as orthonormal right-handed columns"))
    lengths = bones[:, :-1]
    if lengths.size and not (lengths.min() >= 0.005 and lengths.max() <= 0.15):
        what = f"bones are {lengths.min():.3g} to {lengths.max():.3g} long"
        tell(Defect(content.numbers, what, "give metres, whatever the folder's unit"))


def _rooted(root: np.ndarray, object_of: np.ndarray, placed: Placed) -> np.ndarray:
    roots = root.astype(np.float64)
    for i in np.intersect1d(object_of, list(placed.files)):  # a recipe stands as it should: its poses keep their bits
        roots[object_of == i] = placed.frames[i].poses(roots[object_of == i])
    return roots


def _within_reach(content: Content, roots: np.ndarray, object_of: np.ndarray, placed: Placed, tell: Tell) -> None:
    """Told: wrists so far from their object, or so much in one place, that they must be in another unit than it."""
    for i in np.intersect1d(object_of, list(placed.files)):
        raw = roots[object_of == i][:, :3, 3] + placed.frames[i].centre  # metres from the file's own origin
        far, spread = np.linalg.norm(roots[object_of == i][:, :3, 3], axis=1), np.linalg.norm(raw, axis=1).max()
        if far.min() > REACH[1] or spread < REACH[0]:
            what = f"mixed units: wrists are {far.min():.3g} to {far.max():.3g} m from the middle of object {i}"
            tell(Defect(content.numbers, what, "give root in the unit and the frame of the object's mesh"))
