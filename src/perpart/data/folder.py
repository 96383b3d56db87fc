"""A data folder's files, version 1: read without trusting them, and written

`grasps.json` says what there is, `grasps.npz` holds numbers and nothing else: no pickle is ever loaded, nothing is
unpacked onto the disk. Which arrays there must be depends on the kind: see `graspset`, `maps` and `skins`.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile, ZipInfo

import numpy as np
import trimesh
from trimesh.exchange.ply import export_ply

from perpart.data.defects import Defect, Tell
from perpart.errors import Mistake

FORMAT, VERSION = "perpart-grasps", 1
KINDS = ("angles", "contact", "mesh")
UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001}
UPS = ("z", "y")
LARGEST = {"grasps.json": 2**28, "grasps.npz": 2**36}
"""Bytes of each file, unpacked; more is taken for a mistake or a trap."""
AGAIN = "make it again: a set of grasps with python -m perpart.grasps make, one of your own as you made it"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Content:
    """What the two files say: settled words, the entries of objects as they stand, arrays of finite numbers."""

    folder: Path
    said: dict[str, Any]
    arrays: dict[str, np.ndarray]

    @property
    def words(self) -> str:
        return str(self.folder / "grasps.json")

    @property
    def numbers(self) -> str:
        return str(self.folder / "grasps.npz")

    def array(self, name: str, shape: tuple[int | None, ...], kinds: str, tell: Tell) -> np.ndarray | None:
        """The array of that name, if it has this shape (None: any length) and a type of these numpy kinds."""
        found = self.arrays.get(name)
        if found is None:
            wrong = "is missing"
        elif len(found.shape) != len(shape) or any(n not in (None, m) for n, m in zip(shape, found.shape, strict=True)):
            wrong = f"has shape {list(found.shape)}, not {_shape(shape)}"
        elif found.dtype.kind not in kinds:
            wrong = f"is of type {found.dtype}; wanted are {'whole numbers' if 'f' not in kinds else 'numbers'}"
        elif found.dtype.kind == "f" and not np.isfinite(found).all():
            wrong = f"is not finite in {int((~np.isfinite(found)).sum())} of {found.size} numbers"
        else:
            return found
        tell(Defect(self.numbers, f"{name} {wrong}", "write it again"))
        return None


def read(folder: Path, tell: Tell) -> Content | None:
    """The two files of a folder, as far as they can be used; None where they cannot. Defects are told."""
    said = _words(folder, tell)
    if said is None:
        return None
    arrays = _numbers(folder / "grasps.npz", tell)
    return None if arrays is None else Content(folder, said, arrays)


def write(
    folder: str | Path,
    kind: str,
    objects: Sequence[Mapping[str, Any]],
    arrays: Mapping[str, np.ndarray],
    *,
    unit: str = "m",
    up: str = "z",
    said: Mapping[str, Any] | None = None,
) -> None:
    """Write a data folder of version 1. The same input gives the same bytes.

    Each object is a recipe, {"category", "seed", "split"}, or has a mesh, {"name", "mesh", "split"} and if you like a
    "category": the mesh is a trimesh, or a pair of vertices [V, 3] and faces [F, 3], and goes into
    objects/NAME.ply with its vertices in their order; or it is the path of a file that lies in the folder already.
    `unit` and `up` are those of all lengths here but `bones`. `said`: what else grasps.json shall say.

    Raises Mistake for a name that is no plain file name; the rest is `python -m perpart.data check`'s to judge.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    entries = [_entry(folder, entry) for entry in objects]
    np.savez(folder / "grasps.npz", **arrays)  # pyright: ignore[reportArgumentType]
    head = {"format": FORMAT, "version": VERSION, "kind": kind, "unit": unit, "up": up}
    # Last, because a folder without it is no data folder yet.
    text = json.dumps({**head, **(said or {}), "objects": entries}, indent=1)
    (folder / "grasps.json").write_text(text + "\n", encoding="utf-8")


def _entry(folder: Path, entry: Mapping[str, Any]) -> dict[str, Any]:
    """An object as grasps.json lists it, its mesh written beside."""
    mesh = entry.get("mesh")
    if mesh is None or isinstance(mesh, str):
        return dict(entry)
    if not _NAME.fullmatch(str(entry["name"])):
        raise Mistake(f"write: {entry['name']!r} is no plain file name; use letters, digits, dots, - and _")
    solid = mesh if isinstance(mesh, trimesh.Trimesh) else trimesh.Trimesh(*mesh, process=False)
    path = folder / "objects" / f"{entry['name']}.ply"
    path.parent.mkdir(exist_ok=True)
    # Normals that happen to be computed already would go into the file: the same mesh must give the same bytes.
    path.write_bytes(export_ply(solid, vertex_normal=False, include_attributes=False))
    return {**entry, "mesh": f"objects/{path.name}"}


def _words(folder: Path, tell: Tell) -> dict[str, Any] | None:
    path = folder / "grasps.json"
    if not folder.is_dir():
        why = "is a file" if folder.exists() else "there is no such folder"
        return tell(Defect(str(folder), why, "give a folder that holds grasps"))
    wrong = _unreadable(path)
    if wrong:
        return tell(Defect(str(path), *wrong))
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError, OSError) as broken:
        return tell(Defect(str(path), f"cannot be read ({broken})", AGAIN))
    for defect in _unfit(str(path), said):
        tell(defect)
        return None
    return said


def _unfit(where: str, said: Any) -> Iterator[Defect]:
    """Why this is no grasps.json of a kind and version that is known; the first reason is enough."""
    if not isinstance(said, dict) or not isinstance(said.get("objects"), list):
        yield Defect(where, "holds no list of objects", AGAIN)
    elif "version" not in said:
        yield Defect(where, "is from before data folders had a version", AGAIN)
    elif said.get("format") != FORMAT or said["version"] != VERSION:
        found = f"format {said.get('format')!r} of version {said['version']!r}"
        yield Defect(where, f"is of {found}; this program reads {FORMAT!r} of version {VERSION}", "write it as that")
    elif said.get("kind") not in KINDS:
        yield Defect(where, f"is of kind {said.get('kind')!r}", f"say one of {', '.join(KINDS)}")
    elif said.get("unit") not in (None, *UNITS):
        yield Defect(where, f"says unit {said['unit']!r}", f"say one of {', '.join(UNITS)}")
    elif said.get("up") not in (None, *UPS):
        yield Defect(where, f"says up {said['up']!r}", f"say one of {', '.join(UPS)}")


def _numbers(path: Path, tell: Tell) -> dict[str, np.ndarray] | None:
    wrong = _unreadable(path)
    if wrong:
        return tell(Defect(str(path), *wrong))
    try:
        with ZipFile(path) as zipped:
            return dict(_arrays(zipped, str(path), tell))
    except (BadZipFile, OSError, ValueError, EOFError, NotImplementedError, RuntimeError) as broken:
        return tell(Defect(str(path), f"cannot be read ({broken})", AGAIN))


def _unreadable(path: Path) -> tuple[str, str] | None:
    """What is wrong with a file before it is opened, and what to do."""
    if not path.is_file():
        return "is missing", AGAIN
    if path.stat().st_size > LARGEST[path.name]:
        return f"has {path.stat().st_size:,} bytes, more than {LARGEST[path.name]:,}", "make several folders of it"
    return None


def _arrays(zipped: ZipFile, where: str, tell: Tell) -> Iterator[tuple[str, np.ndarray]]:
    """The arrays of an archive. What is no plain array is told and left alone; nothing is ever unpacked."""
    members = zipped.infolist()
    if sum(info.file_size for info in members) > LARGEST["grasps.npz"]:
        return tell(
            Defect(where, f"unpacks to more than {LARGEST['grasps.npz']:,} bytes", "make several folders of it")
        )
    if len({info.filename for info in members}) < len(members):
        return tell(Defect(where, "holds two arrays of one name", "write it again"))
    for info in members:
        name = info.filename.removesuffix(".npy")
        wrong = _odd(zipped, info)
        if wrong:
            tell(Defect(where, f"{info.filename!r} {wrong}", "write it again with numpy.savez"))
            continue
        with zipped.open(info) as file:
            yield name, np.lib.format.read_array(file, allow_pickle=False)


def _odd(zipped: ZipFile, info: ZipInfo) -> str:
    """Why a member of the archive is no array of plain numbers; empty if it is one."""
    if not re.fullmatch(r"\w+\.npy", info.filename, re.ASCII):
        return "is no name of an array (hostile archives have such names)"
    with zipped.open(info) as file:
        try:
            reader = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
            shape, _, dtype = reader[np.lib.format.read_magic(file)](file)
        except (ValueError, KeyError) as broken:
            return f"is no array of numbers ({broken})"
        if dtype.hasobject:
            return "holds Python objects, a pickle, which is never loaded"
        if dtype.kind not in "biuf":
            return f"is of type {dtype}, no numbers"
        held, claimed = info.file_size - file.tell(), int(np.prod(shape, dtype=object)) * dtype.itemsize
    return "" if held == claimed else f"claims {claimed:,} bytes and holds {held:,}"


def _shape(wanted: tuple[int | None, ...]) -> str:
    return "[" + ", ".join("any" if n is None else str(n) for n in wanted) + "]"
