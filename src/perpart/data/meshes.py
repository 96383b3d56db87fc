"""A person's mesh file, read without trusting it: it lies in the folder, is a mesh, and of a size to work with

Files are parsed from memory, so that one cannot name another one (an OBJ's materials) for us to open.
"""

import io
from pathlib import Path, PurePosixPath

import numpy as np
import trimesh

from perpart.clouds import MESHES
from perpart.data.defects import Defect, Tell

LARGEST = 2**28
"""Bytes of a mesh file; more is taken for a scan that nobody has reduced."""
FACES = 1_000_000
"""Triangles of a mesh."""
TINY = 1e-16
"""The area, of the squared diagonal, up to which a triangle is empty."""


def find(folder: Path, name: object, where: str, tell: Tell) -> Path | None:
    """The file of a mesh that grasps.json names, which must lie in the folder itself, links followed."""
    wrong = _hostile(folder, name)
    if wrong:
        return tell(Defect(where, f"mesh {name!r} {wrong}", "name a file below the data folder"))
    path = folder / str(name)
    if not path.is_file():
        return tell(Defect(str(path), f"is missing ({where} names it)", "put the mesh there"))
    if path.suffix.lower() not in MESHES:
        return tell(Defect(str(path), "is of an unknown kind", f"convert it to one of {' '.join(MESHES)}"))
    if path.stat().st_size > LARGEST:
        return tell(Defect(str(path), f"has {path.stat().st_size:,} bytes, more than {LARGEST:,}", "reduce the mesh"))
    return path


def read(path: Path, tell: Tell) -> trimesh.Trimesh | None:
    """The triangles of a file with its vertices in their order, as they stand there; None where it cannot be used."""
    suffix = path.suffix.lower().removeprefix(".")
    try:
        loaded = trimesh.load(
            io.BytesIO(path.read_bytes()), file_type=suffix, process=False, maintain_order=True, skip_materials=True
        )
        mesh = loaded.to_mesh() if isinstance(loaded, trimesh.Scene) and loaded.geometry else loaded
    except Exception as error:  # each format's parser fails in its own ways; all of them mean a bad file
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        return tell(Defect(str(path), f"cannot be read as {suffix} ({reason})", "export the mesh again"))
    if not isinstance(mesh, trimesh.Trimesh) or not len(mesh.faces):
        return tell(Defect(str(path), "holds no triangles", "export the object as a triangle mesh"))
    wrong = _unusable(mesh)
    return tell(Defect(str(path), *wrong)) if wrong else mesh


def empty(mesh: trimesh.Trimesh) -> np.ndarray:
    """Which triangles have no area, to rounding."""
    return mesh.area_faces <= TINY * max(float(mesh.scale) ** 2, 1e-300)


def solid(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """The mesh with its seams closed, and faces that look out where inside has a meaning."""
    mesh = merged(mesh)
    if mesh.is_watertight and mesh.volume < 0:
        mesh.invert()
    return mesh


def merged(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """The mesh with one vertex where a format stores one per face, and no triangle that has a corner twice."""
    mesh = trimesh.Trimesh(mesh.vertices, mesh.faces)
    a, b, c = mesh.faces.T
    mesh.update_faces((a != b) & (b != c) & (c != a))  # slivers stay: without them the surface would have cracks
    mesh.remove_unreferenced_vertices()
    return mesh


def _hostile(folder: Path, name: object) -> str:
    """Why this is no path into the folder; empty if it is one."""
    if not isinstance(name, str) or not name or "\0" in name:
        return "is no path"
    pure = PurePosixPath(name)
    if pure.is_absolute() or "\\" in name or ":" in name:
        return "is not relative to the folder"
    if ".." in pure.parts or not (folder / name).resolve().is_relative_to(folder.resolve()):
        return "leads out of the folder"
    return ""


def _unusable(mesh: trimesh.Trimesh) -> tuple[str, str] | None:
    """What forbids any use of a mesh, and what to do."""
    bad = int((~np.isfinite(mesh.vertices).all(1)).sum())
    if bad:
        return f"{bad} of {len(mesh.vertices)} vertices are not finite", "remove them and export the mesh again"
    if len(mesh.faces) > FACES:
        return f"has {len(mesh.faces):,} faces, more than {FACES:,}", "reduce the mesh"
    if mesh.faces.min() < 0 or mesh.faces.max() >= len(mesh.vertices):
        return "a face names a vertex that is not there", "export the mesh again"
    if empty(mesh).all():
        return "all its triangles are empty (no area)", "export the mesh again"
    return None
