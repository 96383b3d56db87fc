"""A data set of grasps: which objects, how they are split, how hands hold them; and its two files

A data folder holds `grasps.npz` (arrays, no pickles) and `grasps.json` (what they mean and how they were made). Only
poses and the objects' recipes are stored; points and contact labels are computed from them.
"""

import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from jaxtyping import Float, Int

from perpart import contact
from perpart.anatomy import ANGLES, BONES
from perpart.data import labels
from perpart.data.fingerprints import fingerprint
from perpart.errors import Mistake
from perpart.preshapes import NAMES

QUALITY: tuple[str, ...] = ("depth", "volume", "epsilon", "shift", "turn")  # m, m³, 1, m, rad
SPLITS = ("train", "valid", "test")
WIDTHS = {"angles": (len(ANGLES),), "root": (4, 4), "bones": (len(BONES),), "quality": (len(QUALITY),)}


@dataclass(frozen=True)
class GraspSet:
    """G grasps on a list of objects; grasp g is of `objects[object_of[g]]`."""

    objects: tuple[tuple[str, int], ...]  # (category, seed), as perpart.objects.build takes them
    split: tuple[str, ...]  # per object: "train", "valid" or "test"
    object_of: Int[np.ndarray, "grasps"]
    angles: Float[np.ndarray, "grasps angles"]  # float32, radians, in the order of hand.ANGLES
    root: Float[np.ndarray, "grasps 4 4"]  # float32, the palm's frame in the object's frame, metres
    bones: Float[np.ndarray, "grasps bones"]  # float32, metres, in the order of hand.BONES
    kind: Int[np.ndarray, "grasps"]  # which of `preshapes`
    quality: Float[np.ndarray, "grasps figures"]  # float32, in the order of `figures`
    preshapes: tuple[str, ...] = NAMES
    figures: tuple[str, ...] = QUALITY  # m, m³, 1, m, rad

    def __len__(self) -> int:
        return len(self.object_of)

    def of(self, split: str) -> Int[np.ndarray, "chosen"]:
        """The indices of the grasps of a split. Raises Mistake for a name that is not a split."""
        if split not in SPLITS:
            raise Mistake(f"no split is called {split!r}; there are: {', '.join(SPLITS)}")
        return np.flatnonzero(np.array([name == split for name in self.split])[self.object_of])

    def cloud(self, thing: int, points: int) -> Float[np.ndarray, "points 6"]:
        """The pool of an object: surface points (m) with outward normals, always the same ones."""
        return labels.pool(self.objects[thing], points)

    def label(
        self,
        grasps: Int[np.ndarray, "chosen"],
        clouds: Float[np.ndarray, "objects points 6"],
        cloud_of: Int[np.ndarray, "chosen"],
    ) -> labels.Labels:
        """Labels of some grasps, each on its object's pool: grasp `grasps[i]` on `clouds[cloud_of[i]]`."""
        return labels.label([self.angles[grasps], self.root[grasps], self.bones[grasps]], clouds, cloud_of)

    def fingerprint(self) -> str:
        """A digest of all that the set says: equal exactly when the data are."""
        return fingerprint(self)


def load(path: str | Path | None = None) -> GraspSet:
    """Read a data folder; None: the set shipped with the package.

    Raises Mistake when a file is missing or is not what `make` writes.
    """
    folder = Path(path) if path is not None else Path(str(resources.files("perpart") / "shipped"))
    said, arrays = _read(folder)
    if said["angles"] != list(ANGLES) or said["bones"] != list(BONES):
        raise Mistake(f"grasps: {folder} is of another hand; make the data again with this version")
    try:
        objects = tuple((str(entry["category"]), int(entry["seed"])) for entry in said["objects"])
        split = tuple(str(entry["split"]) for entry in said["objects"])
    except (KeyError, TypeError, ValueError) as broken:
        raise Mistake(f"grasps: {folder / 'grasps.json'}: objects want category, seed and split ({broken})") from None
    _check(folder, arrays, len(objects))
    return GraspSet(objects, split, **arrays, preshapes=tuple(said["preshapes"]), figures=tuple(said["figures"]))


def save(graspset: GraspSet, folder: Path, made: dict[str, Any]) -> None:
    """Write a data folder; `made` says how the set came to be. The same set gives the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {name: getattr(graspset, name) for name in ("object_of", "kind", *WIDTHS)}
    np.savez(folder / "grasps.npz", **arrays)
    said = {
        "what": "poses of a right hand that holds an object; see perpart.hand and perpart.objects",
        "unit": "metres and radians",
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
        "objects": [
            {"category": category, "seed": seed, "split": split}
            for (category, seed), split in zip(graspset.objects, graspset.split, strict=True)
        ],
    }
    (folder / "grasps.json").write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    try:
        said = json.loads((folder / "grasps.json").read_text(encoding="utf-8"))
        with (folder / "grasps.npz").open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            arrays = {name: file[name] for name in ("object_of", "kind", *WIDTHS)}
        return {name: said[name] for name in ("angles", "bones", "objects", "preshapes", "figures")}, arrays
    except FileNotFoundError as missing:
        raise Mistake(f"grasps: {missing.filename} is missing; make it with python -m perpart.grasps make") from None
    except (BadZipFile, OSError, ValueError, KeyError, TypeError, EOFError) as broken:
        raise Mistake(f"grasps: {folder} cannot be read ({broken}); make it again") from None


def _check(folder: Path, arrays: dict[str, np.ndarray], objects: int) -> None:
    count = len(arrays["object_of"])
    for name, array in arrays.items():
        if array.shape != (count, *WIDTHS.get(name, ())):
            raise Mistake(f"grasps: {folder / 'grasps.npz'}: {name} has shape {array.shape}; make the data again")
        if array.dtype.kind not in "iuf" or not np.isfinite(array).all():
            raise Mistake(f"grasps: {folder / 'grasps.npz'}: {name} is not finite numbers; make the data again")
    if count and not 0 <= arrays["object_of"].min() <= arrays["object_of"].max() < objects:
        raise Mistake(f"grasps: {folder}: a grasp is of an object that grasps.json does not list; make the data again")
