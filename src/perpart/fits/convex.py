"""A person's mesh as convex pieces for physics: cut in the middle where its hull holds most that is not it"""

import heapq

import numpy as np
import trimesh
from manifold3d import Manifold, Mesh
from numpy.typing import NDArray

MOST = 128
"""Pieces; physics asks each of them."""
SPARE = 1e-7
"""m³ of air that a piece's hull may hold: a tenth of a cubic centimetre, a fingertip is three."""


def hulls(mesh: trimesh.Trimesh, most: int = MOST) -> tuple[NDArray, ...]:
    """The corners [n, 3] of convex pieces that cover a watertight mesh, and little beside it."""
    whole = Manifold(Mesh(mesh.vertices.astype(np.float32), mesh.faces.astype(np.uint32)))
    queue: list[tuple[float, int, Manifold]] = []
    count = 0
    for part in whole.decompose():
        heapq.heappush(queue, (-_air(part), count := count + 1, part))
    while queue and len(queue) < most and -queue[0][0] > SPARE:
        _, _, worst = heapq.heappop(queue)
        for half in _halves(worst):
            heapq.heappush(queue, (-_air(half), count := count + 1, half))
    return tuple(part.hull().to_mesh().vert_properties[:, :3].astype(np.float64) for _, _, part in sorted(queue))


def _air(part: Manifold) -> float:
    return part.hull().volume() - part.volume()


def _halves(part: Manifold) -> list[Manifold]:
    """Cut across the longest side, and apart where the halves fall apart."""
    low, high = np.array(part.bounding_box()).reshape(2, 3)
    axis = int((high - low).argmax())
    halves = part.split_by_plane(tuple(np.eye(3)[axis]), float((low + high)[axis] / 2))
    return [piece for half in halves for piece in half.decompose() if piece.volume() > 0]
