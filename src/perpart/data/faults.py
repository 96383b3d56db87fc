"""What is wrong with a mesh that can still be used: holes, edges of three faces, empty triangles, crossing walls

Training needs points and normals, which such a mesh has. But where inside has no meaning, no penetration can be
measured and no normal be turned outwards; and hidden walls get points that no hand can touch.
"""

from collections.abc import Iterator

import numpy as np
import trimesh
from jaxtyping import Bool, Float, Int

from perpart.data import meshes

CROSSED = 60_000
"""Triangles up to which walls that cross are looked for; beyond, it is said that nobody looked."""
CHUNK = 4_000_000
"""Pairs of triangles that are held at once."""
HAIR = 1e-7
"""How far within, of an edge's length or a triangle, a crossing must lie to be one."""


def faults(file: trimesh.Trimesh) -> Iterator[tuple[str, str]]:
    """What is wrong with a mesh as it stands in its file, and what to do, one after the other."""
    bare = meshes.empty(file)
    if bare.any():
        yield f"{int(bare.sum())} of {len(bare)} triangles are degenerate (no area)", "remove them"
    mesh = meshes.merged(file)
    _, count = np.unique(mesh.edges_sorted, axis=0, return_counts=True)
    if (count > 2).any():
        yield f"not manifold: {int((count > 2).sum())} edges have three or more faces", "leave two faces at each edge"
    if (count == 1).any():
        yield f"open, not watertight: {int((count == 1).sum())} edges have one face", "close the holes"
    elif mesh.volume < 0:
        yield "its faces look inwards (they are turned when it is read)", "turn them"
    if len(mesh.faces) > CROSSED:
        yield f"not looked for self-intersection: more than {CROSSED:,} faces", "reduce the mesh to have it looked at"
        return
    through = crossings(mesh)
    if through:
        yield f"self-intersecting: {through} edges pass through a face", "unite its bodies into one surface"


def crossings(mesh: trimesh.Trimesh) -> int:
    """How many edges of a mesh pass through the inside of a triangle of it."""
    edges = np.unique(mesh.edges_sorted, axis=0)
    ends, corners = mesh.vertices[edges], mesh.triangles
    boxes = np.stack([ends.min(1), ends.max(1)], 1), np.stack([corners.min(1), corners.max(1)], 1)
    hit = np.zeros(len(edges), bool)
    for edge, face in _near(*boxes):
        # What shares a corner meets there and does not cross.
        apart = ~(edges[edge][:, :, None] == mesh.faces[face][:, None]).any((1, 2))
        there = _through(ends[edge[apart]], corners[face[apart]])
        hit[edge[apart][there]] = True
    return int(hit.sum())


def _near(
    one: Float[np.ndarray, "edges 2 3"], other: Float[np.ndarray, "faces 2 3"]
) -> Iterator[tuple[Int[np.ndarray, "pairs"], Int[np.ndarray, "pairs"]]]:
    """Pairs whose boxes (lower and upper corner) meet, some at a time: faces of like width together, because one wide
    one among them makes all of them look far around."""
    axis = int(np.ptp(other.reshape(-1, 3), axis=0).argmax())
    wide = other[:, 1, axis] - other[:, 0, axis]
    octave = np.floor(np.log2(np.maximum(wide, wide.max() / 64)))
    for size in np.unique(octave):
        for edge, face in _swept(one, other[octave == size], axis):
            yield edge, np.flatnonzero(octave == size)[face]


def _swept(one: np.ndarray, other: np.ndarray, axis: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The same for boxes of like width: sorted along an axis, then compared."""
    order = np.argsort(other[:, 0, axis], kind="stable")
    starts = other[order, 0, axis]
    widest = float((other[:, 1, axis] - other[:, 0, axis]).max())
    first = np.searchsorted(starts, one[:, 0, axis] - widest)
    count = np.searchsorted(starts, one[:, 1, axis], side="right") - first
    for begin, end in _batches(count):
        which = np.repeat(np.arange(begin, end), count[begin:end])
        step = np.arange(len(which)) - np.repeat(np.cumsum(count[begin:end]) - count[begin:end], count[begin:end])
        partner = order[first[which] + step]
        for side in (axis - 1, axis - 2, axis):  # most are out already after the first
            near = (one[which, 0, side] <= other[partner, 1, side]) & (one[which, 1, side] >= other[partner, 0, side])
            which, partner = which[near], partner[near]
        yield which, partner


def _batches(count: Int[np.ndarray, "n"]) -> Iterator[tuple[int, int]]:
    """Runs of rows with about CHUNK pairs each."""
    total, begin = np.cumsum(count), 0
    while begin < len(count):
        done = total[begin - 1] if begin else 0
        end = max(begin + 1, int(np.searchsorted(total, done + CHUNK, side="right")))
        yield begin, end
        begin = end


def _through(ends: Float[np.ndarray, "n 2 3"], corners: Float[np.ndarray, "n 3 3"]) -> Bool[np.ndarray, "n"]:
    """Whether each edge passes through the inside of its triangle (Möller and Trumbore, 1997)."""
    way, start = ends[:, 1] - ends[:, 0], ends[:, 0] - corners[:, 0]
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    across = np.cross(way, b)
    flat = (a * across).sum(1)
    size = np.linalg.norm(way, axis=1) * np.linalg.norm(np.cross(a, b), axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        u = (start * across).sum(1) / flat
        turned = np.cross(start, a)
        v, at = (way * turned).sum(1) / flat, (b * turned).sum(1) / flat
        inside = (u > HAIR) & (v > HAIR) & (u + v < 1 - HAIR) & (at > HAIR) & (at < 1 - HAIR)
    return inside & (abs(flat) > 1e-9 * size)
