"""GRAB as GrabNet and ContactGen cut it into frames: hands on objects, brought in with a person's own MANO file

GRAB (Taheri et al., ECCV 2020) is licensed to each person by its makers; what ContactGen (Liu et al., ICCV 2023) reads
is GrabNet's selection of it, in one folder:

    <split>/grabnet_<split>.npz   N frames: root_orient_obj_rotmat [N,1,3,3], trans_obj [N,3],
                                  global_orient_rhand_rotmat [N,1,3,3], fpose_rhand_rotmat [N,15,3,3], trans_rhand [N,3]
    <split>/frame_names.npz       frame_names [N], each ".../<person>/<object>_<what is done>/<frame>"
    sbj_info.npy                  a dict: for each person, rh_vtemp [778,3] is the right hand at rest
    obj_meshes/<object>.ply       metres

with the splits train, val and test. Known from their loaders (stevenlsw/contactgen: datasets/grab_dataset.py;
otaheri/GrabNet: data/dataloader.py, tests/test.py): an object stands in the world at
`vertices @ root_orient_obj_rotmat + trans_obj`, rows times matrix, while the hand's matrices are joint rotations as
MANO has them, relative to the flat hand, of a hand without shape coefficients beside its person's `rh_vtemp`.

Taken for granted here, and not said there: that the meshes are metres and stand z up, and that their faces look out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from zipfile import BadZipFile

import numpy as np
import trimesh
from jaxtyping import Float
from scipy.spatial import KDTree

from perpart.data import folder, mano, meshes, pickles
from perpart.data.defects import refuse
from perpart.errors import Mistake

SPLITS = {"train": "train", "val": "valid", "test": "test"}
"""GRAB's splits, and what they are called here."""
SHAPES = {
    "root_orient_obj_rotmat": (1, 3, 3),
    "trans_obj": (3,),
    "global_orient_rhand_rotmat": (1, 3, 3),
    "fpose_rhand_rotmat": (15, 3, 3),
    "trans_rhand": (3,),
}
TOGETHER = 256
"""Hands posed at once."""


@dataclass(frozen=True)
class Frames:
    """The frames of one split: arrays as `SHAPES` has them, float64, and whose hand is on which object."""

    split: str
    arrays: dict[str, np.ndarray]
    people: np.ndarray
    objects: np.ndarray


def bring(source: Path, mano_file: Path, out: Path, most: int | None = None) -> list[str]:
    """Bring GRAB into a data folder of kind "mesh". Returns what there is to say of it, line by line.

    `most` takes that many frames of each split, evenly spread: neighbours in time are nearly the same.
    Raises Mistake when anything is missing or not as the loaders above have it.
    """
    hand = mano.read(mano_file)
    splits = [thinned(frames(source, split), most) for split in SPLITS]
    people = shapes(source, np.unique(np.concatenate([part.people for part in splits])))
    entries = listed(source, splits)
    place = {(entry["name"], entry["split"]): number for number, entry in enumerate(entries)}
    vertices, joints = pose(hand, splits, people)
    object_of = np.array([place[name, SPLITS[part.split]] for part in splits for name in part.objects], np.int32)
    arrays = {"object_of": object_of, "vertices": vertices, "joints": joints}
    arrays |= {"faces": hand.faces.astype(np.int32), "part": hand.part.astype(np.uint8)}
    folder.write(out, "mesh", entries, arrays, said={"what": "GRAB, right hands"})
    counts = ", ".join(f"{len(part.people)} {SPLITS[part.split]}" for part in splits)
    near = 1000 * nearness(vertices, [entries[number]["mesh"] for number in object_of])
    return [
        f"{len(object_of)} grasps ({counts}) of {len(entries)} objects by {len(people)} people are in {out}",
        f"half of the hands have a vertex within {near:.1f} mm of one of their object's: expect less than 10",
    ]


def frames(source: Path, split: str) -> Frames:
    """The frames of a split of GRAB. Raises Mistake."""
    path = source / split / f"grabnet_{split}.npz"
    arrays = opened(path, SHAPES)
    names_path = source / split / "frame_names.npz"
    names = opened(names_path, ("frame_names",))["frame_names"]
    count = len(names)
    for name, shape in SHAPES.items():
        array = arrays[name]
        if array.shape != (count, *shape):
            raise Mistake(f"{path}: {name} has the shape {array.shape}; expected {(count, *shape)} for its frame_names")
        if array.dtype.kind not in "iuf" or not np.isfinite(array).all():
            raise Mistake(f"{path}: {name} is not finite numbers")
        arrays[name] = array.astype(np.float64)
        if shape[-2:] == (3, 3):
            proper(path, name, arrays[name])
    words = [str(name).split("/") for name in names]
    if short := [name for name, parts in zip(names, words, strict=True) if len(parts) < 3]:
        raise Mistake(f"{names_path}: {str(short[0])[:60]!r} says no person and object, as s1/mug_lift/0001 does")
    people = np.array([parts[-3] for parts in words], dtype=str)
    return Frames(split, arrays, people, np.array([parts[-2].split("_")[0] for parts in words], dtype=str))


def opened(path: Path, names: Sequence[str] | dict) -> dict[str, np.ndarray]:
    """Some arrays of an .npz file, none of them a pickle. Raises Mistake."""
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            return {name: file[name] for name in names}
    except FileNotFoundError:
        raise Mistake(f"{path}: there is no such file; give the folder that holds train, val and test") from None
    except KeyError as missing:
        raise Mistake(f"{path}: {missing}; it is not a file of GRAB's frames") from None
    except (BadZipFile, OSError, ValueError, EOFError) as broken:
        raise Mistake(f"{path}: cannot be read ({' '.join(str(broken).split())[:120]})") from None


def proper(path: Path, name: str, turns: np.ndarray) -> None:
    """Raise Mistake when one of the matrices is no rotation."""
    off = np.abs(turns @ np.swapaxes(turns, -1, -2) - np.eye(3)).max(initial=0)
    if off > 1e-3 or (np.linalg.det(turns) < 0).any():
        raise Mistake(f"{path}: {name} holds matrices that are no rotations (off by {off:.2g})")


def thinned(some: Frames, most: int | None) -> Frames:
    """At most that many of the frames, evenly spread."""
    count = len(some.people)
    return some if most is None or most >= count else chosen(some, np.arange(most) * count // most)


def chosen(some: Frames, rows: np.ndarray | slice) -> Frames:
    """Some of the frames."""
    arrays = {name: array[rows] for name, array in some.arrays.items()}
    return Frames(some.split, arrays, some.people[rows], some.objects[rows])


def shapes(source: Path, people: np.ndarray) -> dict[str, Float[np.ndarray, "778 3"]]:
    """Each person's right hand at rest. Raises Mistake."""
    path = source / "sbj_info.npy"
    told = pickles.read_npy(path)
    found = {}
    for person in people.tolist():
        shape = told[person].get("rh_vtemp") if isinstance(told, dict) and isinstance(told.get(person), dict) else None
        if not isinstance(shape, np.ndarray) or shape.shape != (778, 3) or not np.isfinite(shape).all():
            raise Mistake(f"{path}: says no right hand (rh_vtemp [778, 3]) of {person}, who is in the frames")
        found[person] = shape.astype(np.float64)
    return found


def listed(source: Path, splits: Sequence[Frames]) -> list[dict[str, Any]]:
    """The objects of each split, with their meshes, as `folder.write` takes them. Raises Mistake."""
    return [
        {"name": name, "mesh": mesh(source / "obj_meshes" / f"{name}.ply"), "split": SPLITS[part.split]}
        for part in splits
        for name in np.unique(part.objects).tolist()
    ]


def mesh(path: Path) -> trimesh.Trimesh:
    """The mesh of an object, vertex for vertex. Raises Mistake when it cannot be used."""
    if not path.is_file():
        raise Mistake(f"{path}: there is no such file, and a frame is of that object; put its mesh there")
    return cast(trimesh.Trimesh, meshes.read(path, refuse))  # `refuse` raises where there would be none


def pose(hand: mano.Mano, splits: Sequence[Frames], people: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Vertices [N, 778, 3] and frames of the parts [N, 16, 4, 4] in the frame of each object's mesh, float32."""
    count = sum(len(part.people) for part in splits)
    vertices, joints = np.empty((count, 778, 3), np.float32), np.empty((count, 16, 4, 4), np.float32)
    done = 0
    for part in splits:
        for start in range(0, len(part.people), TOGETHER):
            some = chosen(part, slice(start, start + TOGETHER))
            turns = np.concatenate([some.arrays["global_orient_rhand_rotmat"], some.arrays["fpose_rhand_rotmat"]], 1)
            shape = np.stack([people[person] for person in some.people.tolist()])
            posed = hand.pose(turns, some.arrays["trans_rhand"], shape)
            stands = some.arrays["root_orient_obj_rotmat"][:, 0], some.arrays["trans_obj"]
            here = slice(done, done := done + len(turns))
            vertices[here], joints[here] = into_object(*posed, *stands)
    return vertices, joints


def into_object(
    vertices: Float[np.ndarray, "batch v 3"],
    frames: Float[np.ndarray, "batch 16 4 4"],
    turn: Float[np.ndarray, "batch 3 3"],
    place: Float[np.ndarray, "batch 3"],
) -> tuple[Float[np.ndarray, "batch v 3"], Float[np.ndarray, "batch 16 4 4"]]:
    """Points and frames of the world in the frame of an object that stands there at `rows @ turn + place`."""
    moved = frames.copy()
    moved[..., :3, 3] = (frames[..., :3, 3] - place[:, None]) @ np.swapaxes(turn, 1, 2)
    moved[..., :3, :3] = turn[:, None] @ frames[..., :3, :3]
    return (vertices - place[:, None]) @ np.swapaxes(turn, 1, 2), moved


def nearness(vertices: np.ndarray, meshes: Sequence[trimesh.Trimesh]) -> float:
    """The median, over up to 200 grasps, of the way from the hand's vertices to the object's nearest one, in metres."""
    if not len(vertices):
        return np.inf
    some = np.arange(min(len(meshes), 200)) * len(meshes) // min(len(meshes), 200)
    return float(np.median([KDTree(meshes[i].vertices).query(vertices[i])[0].min() for i in some.tolist()]))
