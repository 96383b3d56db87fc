"""Grasps that hold: the data set, its files, and the command that makes it

    python -m perpart.grasps make --out DIR --grasps 2400 --seed 0 --jobs 2
    python -m perpart.grasps describe [--data DIR]

A data folder holds `grasps.npz` (arrays, no pickles) and `grasps.json` (what they mean and how they were made). Only
poses and the objects' recipes are stored; points and contact labels are computed from them.
"""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import tyro
from jaxtyping import Float, Int

from perpart import contact, making
from perpart.anatomy import ANGLES, BONES
from perpart.errors import Mistake
from perpart.preshapes import NAMES
from perpart.search import QUALITY

SPLITS = ("train", "valid", "test")
_WIDTHS = {"angles": (len(ANGLES),), "root": (4, 4), "bones": (len(BONES),), "quality": (len(QUALITY),)}


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


def load(path: str | Path | None = None) -> GraspSet:
    """Read a data folder; None: the set shipped with the package.

    Raises Mistake when a file is missing or is not what `make` writes.
    """
    folder = Path(path) if path is not None else Path(str(resources.files("perpart") / "data"))
    said, arrays = _read(folder)
    if said["angles"] != list(ANGLES) or said["bones"] != list(BONES):
        raise Mistake(f"grasps: {folder} is of another hand; make the data again with this version")
    objects = tuple((str(entry["category"]), int(entry["seed"])) for entry in said["objects"])
    split = tuple(str(entry["split"]) for entry in said["objects"])
    _check(folder, arrays, len(objects))
    return GraspSet(objects, split, **arrays, preshapes=tuple(said["preshapes"]), figures=tuple(said["figures"]))


def save(graspset: GraspSet, folder: Path, made: dict[str, Any]) -> None:
    """Write a data folder; `made` says how the set came to be. The same set gives the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {name: getattr(graspset, name) for name in ("object_of", "kind", *_WIDTHS)}
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


def make(
    out: Path,
    *,
    grasps: int = 2400,
    seed: int = 0,
    jobs: int = 1,
    instances: int = 3,
    categories: tuple[str, ...] = (),
    rounds: int = 4,
) -> None:
    """Make a data set of grasps that hold.

    Args:
        out: the folder to write grasps.npz and grasps.json into.
        grasps: how many to look for; where an object is hard to hold there will be fewer, and it is said.
        seed: draws everything; the same seed gives the same bytes, whatever the number of jobs.
        jobs: processes.
        instances: objects of each category; the last one of a category that is not held out is for validation.
        categories: which categories; all of them if none is named.
        rounds: after so many rounds of 112 tries an object is left with what it has.
    """
    plan = making.plan(categories, instances, grasps, seed)
    catches = making.run(plan, rounds, seed, jobs)
    command = f"python -m perpart.grasps make --out DIR --grasps {grasps} --seed {seed} --instances {instances}"
    command += f" --rounds {rounds}" + "".join(f" --categories {' '.join(categories)}" if categories else "")
    graspset = GraspSet(
        tuple((task.category, task.seed) for task in plan),
        tuple(task.split for task in plan),
        np.repeat(np.arange(len(plan)), [len(catch.kinds) for catch in catches]).astype(np.int32),
        *(_stack(catches, name, width) for name, width in list(_WIDTHS.items())[:3]),
        kind=np.array([kind for catch in catches for kind in catch.kinds], dtype=np.int16),
        quality=_stack(catches, "quality", _WIDTHS["quality"]),
    )
    save(graspset, out, {"command": command} | making.account(catches))
    describe(out)


def describe(data: Path | None = None) -> None:
    """Say what a data folder holds: grasps by split and pre-shape, and how good they are.

    Args:
        data: the folder; the set shipped with the package if none is named.
    """
    found = load(data)
    print(f"{len(found)} grasps on {len(found.objects)} objects of {len({c for c, _ in found.objects})} categories")
    for split in SPLITS:
        print(f"  {split:6s} {len(found.of(split)):5d} grasps on {found.split.count(split)} objects")
    for name, count in Counter(found.preshapes[kind] for kind in found.kind).most_common():
        print(f"  {name:18s} {count:5d}")
    for name, column in zip(found.figures, found.quality.T, strict=True):
        print(f"  {name:8s} median {np.median(column):.3g}, largest {column.max():.3g}")


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line. A Mistake is told in one line and ends with exit code 2."""
    try:
        tyro.extras.subcommand_cli_from_dict({"make": make, "describe": describe}, args=arguments)
    except Mistake as mistake:
        print(f"perpart.grasps: {mistake}", file=sys.stderr)
        raise SystemExit(2) from None


def _stack(catches: Sequence[Any], name: str, width: tuple[int, ...]) -> np.ndarray:
    rows = [row for catch in catches for row in getattr(catch, name)]
    return np.array(rows, dtype=np.float32).reshape(-1, *width)


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    try:
        said = json.loads((folder / "grasps.json").read_text(encoding="utf-8"))
        with (folder / "grasps.npz").open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            return said, {name: file[name] for name in ("object_of", "kind", *_WIDTHS)}
    except FileNotFoundError as missing:
        raise Mistake(f"grasps: {missing.filename} is missing; make it with python -m perpart.grasps make") from None
    except (BadZipFile, ValueError, KeyError, EOFError) as broken:
        raise Mistake(f"grasps: {folder} cannot be read ({broken}); make it again") from None


def _check(folder: Path, arrays: dict[str, np.ndarray], objects: int) -> None:
    count = len(arrays["object_of"])
    for name, array in arrays.items():
        if array.shape != (count, *_WIDTHS.get(name, ())):
            raise Mistake(f"grasps: {folder / 'grasps.npz'}: {name} has shape {array.shape}; make the data again")
    if count and not 0 <= arrays["object_of"].min() <= arrays["object_of"].max() < objects:
        raise Mistake(f"grasps: {folder}: a grasp is of an object that grasps.json does not list; make the data again")


if __name__ == "__main__":
    main()
