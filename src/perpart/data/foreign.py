"""Contact maps that somebody has already: brought in from a folder of meshes with arrays beside them

    <object>.ply            its mesh: .ply .obj .stl .glb .off
    <object>.npz or .npy    one file for all grasps of the object, or
    <object>/*.npz or *.npy one file for each grasp, in the order of their names

An .npz holds `contact` [P, 16], or [G, P, 16] for G grasps, in [0, 1] or as bytes with 255 for 1, and may hold
`points` [P, 3], or [P, 6] with outward normals: where contact is told, in the unit and frame of the mesh, and the
same for all grasps of an object. Without points, and in an .npy, which is the contact alone, contact is told at the
mesh's vertices in the order of its file. The sixteen parts come in our order or in MANO's.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import cast
from zipfile import BadZipFile

import numpy as np
import trimesh

from perpart.clouds import MESHES
from perpart.data import folder, meshes
from perpart.data.defects import refuse
from perpart.data.mano import FROM_MANO
from perpart.errors import Mistake

ORDERS = {"ours": np.arange(16), "mano": FROM_MANO}
"""Which of the sixteen channels as they come is each of our parts."""
ARRAYS = (".npz", ".npy")


def bring(source: Path, out: Path, *, unit: str, up: str, order: str, splits: Mapping[str, str]) -> list[str]:
    """Bring contact maps into a data folder of kind "contact". Returns what there is to say of it, line by line.

    `splits` says which split objects are of, by name; those that it does not name are trained on.
    Raises Mistake when a file is missing, cannot be read, or has another shape.
    """
    paths = found(source)
    if strange := sorted(set(splits) - set(paths)):
        raise Mistake(f"{source}: no object is called {strange[0]!r}; there are: {', '.join(paths)}"[:300])
    entries, arrays, object_of = [], {}, []
    for i, (name, path) in enumerate(paths.items()):
        shape = mesh(path)
        contact, points = gathered(source, name, len(shape.vertices))
        arrays[f"contact_{i}"] = contact[..., ORDERS[order]]
        arrays |= {} if points is None else {f"points_{i}": points}
        entries.append({"name": name, "mesh": shape, "split": splits.get(name, "train")})
        object_of += [i] * len(contact)
    arrays["object_of"] = np.array(object_of, np.int32)
    folder.write(out, "contact", entries, arrays, unit=unit, up=up, said={"what": "contact maps"})
    what = f"{len(object_of)} grasps of {len(entries)} objects are in {out}"
    return [f"{what}; lengths are in {unit}, up is {up}, and the parts came in the order {order!r}"]


def found(source: Path) -> dict[str, Path]:
    """The mesh of each object that has one, by name. Raises Mistake when there is none, or two of a name."""
    if not source.is_dir():
        raise Mistake(f"{source}: there is no such folder; give one with a mesh and its contact for each object")
    paths = sorted(path for path in source.iterdir() if path.suffix.lower() in MESHES)
    if not paths:
        raise Mistake(f"{source}: holds no mesh ({' '.join(MESHES)}); one for each object is expected")
    named = {path.stem: path for path in paths}
    for path in paths:
        if named[path.stem] != path:
            raise Mistake(f"{source}: {path.name} and {named[path.stem].name} are of one name; rename one of them")
    return named


def mesh(path: Path) -> trimesh.Trimesh:
    """A mesh, vertex for vertex as in its file. Raises Mistake when it cannot be used."""
    return cast(trimesh.Trimesh, meshes.read(path, refuse))  # `refuse` raises where there would be none


def gathered(source: Path, name: str, vertices: int) -> tuple[np.ndarray, np.ndarray | None]:
    """All contact of an object [G, P, 16], as bytes, and its points [P, 3 or 6] if it has some. Raises Mistake."""
    paths = [source / (name + suffix) for suffix in ARRAYS if (source / (name + suffix)).is_file()]
    if (source / name).is_dir():
        paths += sorted(path for path in (source / name).iterdir() if path.suffix in ARRAYS)
    if not paths:
        raise Mistake(f"{source}: {name} has a mesh and no contact; put {name}.npz beside it, or a folder {name}")
    both = [told(path, vertices) for path in paths]
    points = both[0][1]
    for path, (_, others) in zip(paths, both, strict=True):
        if others is not points and (others is None or points is None or not np.array_equal(others, points)):
            raise Mistake(f"{path}: its points are not those of {paths[0].name}; an object's grasps share their points")
    return np.concatenate([contact for contact, _ in both]), points


def told(path: Path, vertices: int) -> tuple[np.ndarray, np.ndarray | None]:
    """The contact [G, P, 16] of a file, as bytes, and its points [P, 3 or 6] if it has some. Raises Mistake."""
    arrays = opened(path)
    contact, points = arrays["contact"], arrays.get("points")
    if points is not None and (points.ndim != 2 or points.shape[1] not in (3, 6) or not finite(points)):
        raise Mistake(f"{path}: points {points.shape} are no finite [P, 3] or [P, 6]")
    count, where = (vertices, "vertices of its mesh") if points is None else (len(points), "points")
    if contact.ndim not in (2, 3) or contact.shape[-2:] != (count, 16):
        raise Mistake(f"{path}: contact is {contact.shape}; expected [{count}, 16] for its {count} {where}")
    return in_bytes(path, contact).reshape(-1, count, 16), None if points is None else points.astype(np.float32)


def finite(array: np.ndarray) -> bool:
    """Whether it is finite numbers."""
    return array.dtype.kind in "iuf" and bool(np.isfinite(array).all())


def in_bytes(path: Path, contact: np.ndarray) -> np.ndarray:
    """Contact in 255 steps, which is how it is learned. Raises Mistake when it is neither bytes nor in [0, 1]."""
    if contact.dtype == np.uint8:
        return contact
    if contact.dtype.kind not in "biuf" or not ((contact >= 0) & (contact <= 1)).all():
        raise Mistake(f"{path}: contact is neither in [0, 1] nor bytes; divide it by its largest value first")
    return np.rint(255 * contact.astype(np.float32)).astype(np.uint8)


def opened(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a file, none of them a pickle. Raises Mistake."""
    try:
        if path.suffix == ".npy":
            return {"contact": np.load(path, allow_pickle=False)}
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            return {name: file[name] for name in ("contact", "points") if name in file or name == "contact"}
    except (BadZipFile, OSError, ValueError, KeyError, EOFError) as broken:
        raise Mistake(f"{path}: cannot be read ({' '.join(str(broken).split())[:120]})") from None
