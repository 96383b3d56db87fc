"""A surface to colour: an object's mesh cut finely enough for its points' values, and light enough to be drawn"""

from dataclasses import dataclass

import numpy as np
import trimesh
from jaxtyping import Float, Int
from manifold3d import Error, Manifold, Mesh
from scipy.spatial import KDTree
from trimesh.graph import smooth_shade

from perpart.canvas import NORMAL

NEAREST = 4  # points whose values reach a corner
CREASE = np.radians(35)  # edges sharper than this are drawn sharp
FACES = 40_000  # triangles of an object's own mesh that are drawn; of finer ones, as many as describe its shape
COLLAPSED = 0.0015  # metres up to which edges are collapsed; beyond, that no longer makes less of a mesh
FINEST = 60_000  # triangles from which on none is cut


@dataclass(frozen=True)
class Surface:
    """Triangles with smooth normals, and whose values each corner shows: points and their weights."""

    corners: Float[np.ndarray, "corners 6"]
    faces: Int[np.ndarray, "faces 3"]
    near: Int[np.ndarray, "corners 4"]
    weight: Float[np.ndarray, "corners 4"]


def surface(mesh: trimesh.Trimesh, points: Float[np.ndarray, "points 6"]) -> Surface:
    """A mesh (m) as it is drawn, its edges no longer than eight tenths of how far points lie apart."""
    spacing = float(np.sqrt(mesh.area / len(points)))
    corners, faces = refined(*shaded(lighter(mesh, FACES, spacing / 20)), 0.8 * spacing)
    near, weight = _carried(points, corners)
    return Surface(corners, faces, near, weight)


def lighter(mesh: trimesh.Trimesh, most: int, tolerance: float) -> trimesh.Trimesh:
    """A mesh of `most` faces at most, moved by as little as that takes, `tolerance` (m) to begin with.

    Edges of a closed mesh are collapsed; where that moves too much, or the mesh is open, corners are moved together.
    """
    if len(mesh.faces) <= most:
        return mesh
    solid = Manifold(Mesh(mesh.vertices.astype(np.float32), mesh.faces.astype(np.uint32)))
    while len(mesh.faces) > most:
        closed = solid.status() == Error.NoError and tolerance < COLLAPSED
        mesh = _simplified(solid, tolerance) if closed else _snapped(mesh, tolerance)
        tolerance *= 1.5
    return mesh


def _simplified(solid: Manifold, tolerance: float) -> trimesh.Trimesh:
    arrays = solid.simplify(tolerance).to_mesh()
    return trimesh.Trimesh(arrays.vert_properties[:, :3], arrays.tri_verts.astype(np.int64), process=False)


def _snapped(mesh: trimesh.Trimesh, cell: float) -> trimesh.Trimesh:
    """A mesh whose corners are moved together within the cells of a grid: works for any triangles."""
    _, inverse = np.unique(np.floor(mesh.vertices / cell).astype(np.int64), axis=0, return_inverse=True)
    inverse = inverse.ravel()
    count = np.bincount(inverse)
    corners = np.stack([np.bincount(inverse, mesh.vertices[:, i]) / count for i in range(3)], axis=1)
    faces = inverse[mesh.faces]
    whole = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
    return trimesh.Trimesh(corners, faces[whole], process=False)


def shaded(mesh: trimesh.Trimesh) -> tuple[Float[np.ndarray, "corners 6"], Int[np.ndarray, "faces 3"]]:
    """Corners with normals that are smooth but across creases, where a corner stands once for each side."""
    smooth = smooth_shade(mesh, angle=CREASE, facet_minarea=None)
    return np.concatenate([smooth.vertices, smooth.vertex_normals], axis=1), np.asarray(smooth.faces)


def refined(
    corners: Float[np.ndarray, "corners 6"], faces: Int[np.ndarray, "faces 3"], longest: float
) -> tuple[Float[np.ndarray, "more 6"], Int[np.ndarray, "finer 3"]]:
    """The same surface with no edge longer than `longest` (m), as far as FINEST triangles allow.

    Whether an edge is halved depends on its length alone, so both triangles at it agree and no gap opens.
    """
    while len(faces) < FINEST:
        sides = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]], axis=2).reshape(-1, 2)
        edges, which = np.unique(sides, axis=0, return_inverse=True)
        ends = corners[edges]
        halved = np.linalg.norm(ends[:, 0, :3] - ends[:, 1, :3], axis=1) > longest
        if not halved.any():
            break
        middle = np.where(halved, len(corners) + np.cumsum(halved) - 1, -1)
        between = ends[halved].mean(axis=1)
        between[:, 3:] /= np.linalg.norm(between[:, 3:], axis=1, keepdims=True) + 1e-12
        corners = np.concatenate([corners, between])
        faces = _cut(faces, middle[which.ravel()].reshape(-1, 3))
    return corners, faces


def _cut(faces: Int[np.ndarray, "faces 3"], middle: Int[np.ndarray, "faces 3"]) -> Int[np.ndarray, "more 3"]:
    """Triangles cut at the middles of their sides ab, bc, ca; -1 for a side that stays whole."""
    halved = middle >= 0
    count = halved.sum(axis=1)
    # Turned so that of one halved side it is ab, and of two the whole one is ca.
    first = np.where(count == 1, halved.argmax(axis=1), np.where(count == 2, (halved.argmin(axis=1) + 1) % 3, 0))
    turn = (first[:, None] + np.arange(3)) % 3
    (a, b, c), (ab, bc, ca) = (np.take_along_axis(array, turn, axis=1).T for array in (faces, middle))
    cuts = {
        0: [(a, b, c)],
        1: [(a, ab, c), (ab, b, c)],
        2: [(ab, b, bc), (a, ab, bc), (a, bc, c)],
        3: [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)],
    }
    return np.concatenate(
        [np.stack([corner[count == k] for corner in cut], axis=1) for k, found in cuts.items() for cut in found]
    )


def _carried(
    points: Float[np.ndarray, "points 6"], corners: Float[np.ndarray, "corners 6"]
) -> tuple[Int[np.ndarray, "corners 4"], Float[np.ndarray, "corners 4"]]:
    """The points nearest to each corner on its side of the surface, nearest first, and how much each counts.

    The next one beyond them counts nothing, and they the less the nearer they are to that: no value jumps.
    """
    scale = np.array([1, 1, 1, NORMAL, NORMAL, NORMAL])
    gap, near = KDTree(points * scale).query(corners * scale, k=NEAREST + 1)
    weight = (1 - gap[:, :-1] / gap[:, -1:]) ** 2 + 1e-6
    return np.asarray(near)[:, :-1], weight / weight.sum(axis=1, keepdims=True)
