"""Surfaces as points with normals: drawn from a mesh, or read from a person's file in metres

Files say no unit, and a hand in millimetres around a mug in metres helps nobody. `read` therefore takes the
unit from the person, or infers it from the size of the thing (objects for a hand have a diagonal of 0.02 to
0.5 m), or refuses.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.spatial import KDTree
from trimesh.triangles import closest_point

from perpart.errors import Mistake

UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001}
METRES, MILLIMETRES = (0.02, 0.5), (20.0, 500.0)  # bounding-box diagonals that leave no doubt
MESHES = (".ply", ".obj", ".stl", ".glb", ".off")
CLOUDS = (".ply", ".npy", ".xyz")
NEIGHBOURS = 16  # of a point, for the normals of a cloud that has none


@dataclass(frozen=True)
class Cloud:
    """What a file held, in metres: points with outward unit normals [n, 6], and the mesh if it was one."""

    points: NDArray  # float64
    mesh: trimesh.Trimesh | None
    unit: str  # the file's: "m", "cm" or "mm"
    said: str  # one sentence on what was read and assumed, for the person

    def sample(self, n: int, rng: np.random.Generator) -> NDArray:
        """n points with normals [n, 6] (m): from the mesh, or drawn from the cloud's own points."""
        if self.mesh is not None:
            return surface(self.mesh, n, rng)
        # Each point as often as possible before any point once more: no hole where the dice were unkind.
        rounds = [rng.permutation(len(self.points)) for _ in range(-(-n // len(self.points)))]
        return self.points[np.concatenate(rounds)[:n]]


def surface(mesh: trimesh.Trimesh, n: int, rng: np.random.Generator) -> NDArray:
    """n points on a mesh, evenly by area, with the outward unit normals of their triangles: [n, 6]."""
    return _placed(mesh, rng.random(n), rng.random((2, n)))


def cover(mesh: trimesh.Trimesh, n: int) -> NDArray:
    """n points on a mesh as `surface` gives them, but spread without clumps and gaps, and always the same ones."""
    count = np.arange(n)[:, None]
    # The plane's additive sequence of lowest known discrepancy: powers of the inverse plastic number (Roberts, 2018).
    return _placed(mesh, (count[:, 0] + 0.5) / n, (count * [0.7548776662466927, 0.5698402909980532] % 1).T)


def _placed(mesh: trimesh.Trimesh, share: NDArray, within: NDArray) -> NDArray:
    """Points and normals at shares [n] in [0, 1) of the area and places [2, n] in [0, 1) within the triangles there."""
    edges = np.cumsum(mesh.area_faces)
    face = np.searchsorted(edges, share * edges[-1], side="right")
    u, v = within[:, :, None]
    u, v = np.where(u + v > 1, (1 - u, 1 - v), (u, v))
    corner = mesh.triangles[np.minimum(face, len(edges) - 1)]
    points = corner[:, 0] + u * (corner[:, 1] - corner[:, 0]) + v * (corner[:, 2] - corner[:, 0])
    normals = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    return np.concatenate([points, normals / np.linalg.norm(normals, axis=1, keepdims=True)], axis=1)


def feet(triangles: NDArray, points: NDArray) -> NDArray:
    """The nearest point [n, 3] of each triangle [n, 3, 3] to its point [n, 3], all in metres.

    trimesh's tolerances are absolute: asked in metres it is off by up to half a millimetre on triangles that small.
    """
    return closest_point(triangles / UNITS["mm"], points / UNITS["mm"]) * UNITS["mm"]


def read(path: str | Path, unit: str | None = None) -> Cloud:
    """Reads a mesh or a point cloud and brings it to metres.

    Meshes: .ply .obj .stl .glb .off. Point clouds: .ply .npy .xyz, with three columns (x y z) or six (and a
    normal); missing normals are estimated from the 16 nearest points and turned away from the middle of the
    cloud, which is right for bodies without deep hollows. `unit` is "m", "cm" or "mm"; without it, a
    bounding-box diagonal of 0.02 to 0.5 means metres, 20 to 500 millimetres.

    Raises `Mistake`: no such file, an unknown suffix, nothing readable in it, values that are not finite,
    fewer than 16 points, or a size that fits no unit.
    """
    path = Path(path)
    if not path.is_file():
        raise Mistake(f"{path}: there is no such file; give a mesh or a point cloud")
    if path.suffix.lower() not in (*MESHES, *CLOUDS):
        known = " ".join(dict.fromkeys((*MESHES, *CLOUDS)))
        raise Mistake(f"{path}: unknown kind of file {path.suffix!r}; known are {known}")
    mesh, points = _content(path)
    bad = np.logical_not(np.isfinite(points).all(axis=1, keepdims=True))
    if bad.any():
        raise Mistake(f"{path}: {_count(bad)} points are not finite; remove them first")
    unit, why = _unit(path, points[:, :3], unit)
    return _in_metres(path, mesh, points, unit, why)


def _in_metres(path: Path, mesh: trimesh.Trimesh | None, points: NDArray, unit: str, why: str) -> Cloud:
    scale = UNITS[unit]
    if mesh is not None:
        mesh.apply_scale(scale)
        points = np.concatenate([mesh.vertices, mesh.vertex_normals], axis=1)
        kind = f"mesh of {len(mesh.faces)} faces"
    else:
        given = points.shape[1] == 6
        normals = points[:, 3:] if given else _normals(points)
        points = np.concatenate([points[:, :3] * scale, normals], axis=1)
        kind = f"cloud of {len(points)} points ({'with' if given else 'estimated'} normals)"
    size = " x ".join(f"{1000 * side:.0f}" for side in np.ptp(points[:, :3], axis=0))
    return Cloud(points, mesh, unit, f"read {path}: a {kind}, {size} mm, taken as {why}")


def _content(path: Path) -> tuple[trimesh.Trimesh | None, NDArray]:
    """The mesh (if it is one) and the points [n, 3 or 6] of a file, as they stand there."""
    suffix = path.suffix.lower()
    if suffix in (".npy", ".xyz"):
        return None, _table(path)
    loaded = _loaded(path)
    mesh = loaded.to_mesh() if isinstance(loaded, trimesh.Scene) and loaded.geometry else loaded
    if isinstance(mesh, trimesh.Trimesh) and len(mesh.faces):
        return _solid(path, mesh), np.asarray(mesh.vertices)
    if isinstance(mesh, trimesh.PointCloud | trimesh.Trimesh) and len(mesh.vertices) and suffix == ".ply":
        return None, _checked(path, _ply_points(mesh))
    raise Mistake(f"{path}: holds neither triangles nor points; export the object as a triangle mesh")


def _loaded(path: Path) -> trimesh.parent.Geometry:
    try:
        return trimesh.load(path, process=False)
    except Exception as error:  # each format's parser fails in its own ways; all of them mean a bad file
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise Mistake(f"{path}: is not a readable {path.suffix.lower()} file ({reason})") from error


def _solid(path: Path, mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """The mesh with closed seams, no empty triangles, and faces that look out where inside has a meaning."""
    if not np.isfinite(mesh.vertices).all():
        return mesh
    mesh = trimesh.Trimesh(mesh.vertices, mesh.faces)  # merges the vertices that a format stores once per face
    mesh.update_faces(mesh.nondegenerate_faces())
    if not len(mesh.faces):
        raise Mistake(f"{path}: all its triangles are empty (no area); export the object again")
    if mesh.is_watertight and mesh.volume < 0:
        mesh.invert()
    return mesh


def _ply_points(cloud: trimesh.PointCloud | trimesh.Trimesh) -> NDArray:
    """Points [n, 3], or [n, 6] where the file has the normals nx ny nz."""
    data = cloud.metadata.get("_ply_raw", {}).get("vertex", {}).get("data", {})
    columns = data if isinstance(data, dict) else data.dtype.names or ()  # text files, binary files
    points = np.asarray(cloud.vertices, dtype=np.float64)
    if not {"nx", "ny", "nz"} <= set(columns):
        return points
    normals = np.stack([np.ravel(data[name]) for name in ("nx", "ny", "nz")], axis=1)
    return np.concatenate([points, normals], axis=1)


def _table(path: Path) -> NDArray:
    if not path.stat().st_size:
        raise Mistake(f"{path}: is empty; give a table of points")
    try:
        binary = path.suffix.lower() == ".npy"
        points = np.load(path, allow_pickle=False) if binary else np.loadtxt(path, ndmin=2)
        points = np.asarray(points, dtype=np.float64)
    except (ValueError, EOFError, OSError) as error:
        raise Mistake(f"{path}: is not a readable table of points ({' '.join(str(error).split())[:120]})") from error
    return _checked(path, points)


def _checked(path: Path, points: NDArray) -> NDArray:
    """Points with unit normals, if the table has the shape of such."""
    if points.ndim != 2 or points.shape[1] not in (3, 6):
        raise Mistake(f"{path}: has the shape {points.shape}; expected [n, 3] points or [n, 6] with normals")
    if len(points) < NEIGHBOURS:
        raise Mistake(f"{path}: {len(points)} points are too few for a surface; give at least {NEIGHBOURS}")
    if points.shape[1] == 3 or not np.isfinite(points).all():
        return points
    length = np.linalg.norm(points[:, 3:], axis=1)
    if (odd := abs(length - 1) > 0.05).any():
        raise Mistake(f"{path}: columns 4 to 6 are no unit normals ({_count(odd)} rows); give x y z alone")
    return np.concatenate([points[:, :3], points[:, 3:] / length[:, None]], axis=1)


def _count(mask: NDArray) -> str:
    return f"{int(mask.sum())} of {len(mask)}"


def _unit(path: Path, points: NDArray, unit: str | None) -> tuple[str, str]:
    """The unit, and how it is known."""
    if np.ptp(points, axis=0).max() == 0:
        raise Mistake(f"{path}: all its points are one; there is no surface to touch")
    if unit is not None:
        if unit not in UNITS:
            raise Mistake(f"{path}: unknown unit {unit!r}; say --unit {' or '.join(UNITS)}")
        return unit, f"{unit} as you said"
    diagonal = float(np.linalg.norm(np.ptp(points, axis=0)))
    for name, (low, high) in (("m", METRES), ("mm", MILLIMETRES)):
        if low <= diagonal <= high:
            return name, f"{name} (its bounding box has a diagonal of {diagonal:.4g})"
    raise Mistake(f"{path}: a bounding box {diagonal:.4g} across fits neither m nor mm; say --unit m, cm or mm")


def _normals(points: NDArray) -> NDArray:
    """Unit normals [n, 3] of a cloud [n, 3]: across the plane of the nearest points, away from the middle."""
    near = points[KDTree(points).query(points, k=NEIGHBOURS)[1]]
    spread = near - near.mean(axis=1, keepdims=True)
    normals = np.linalg.svd(spread, full_matrices=False)[2][:, 2]
    outward = np.einsum("ij,ij->i", normals, points - points.mean(axis=0)) >= 0
    return np.where(outward[:, None], normals, -normals)
