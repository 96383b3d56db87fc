"""Painted surfaces as GLB: a mesh with a colour at every vertex, fine enough to show what touches where"""

import numpy as np
import trimesh
from jaxtyping import Float
from numpy.typing import NDArray
from scipy.spatial import KDTree

EDGE = 0.004
"""Metres: edges are halved until they are no longer than this, about the spacing of 2,048 points on a mug."""
MOST = 60_000
"""Triangles from which on edges stay as they are: files of a few megabytes."""
NEAREST = 4
"""Points whose colours a vertex mixes."""


class Canvas:
    """An object, ready to be painted as often as there are samples.

    `points` are its coloured points with normals (m); without a mesh they themselves are shown.
    """

    def __init__(self, points: Float[np.ndarray, "points 6"], mesh: trimesh.Trimesh | None):
        self.mesh = None if mesh is None else fine(mesh)
        self.points = points[:, :3]
        if self.mesh is not None:
            gap, self.near = KDTree(self.points).query(self.mesh.vertices, k=min(NEAREST, len(points)))
            weight = 1 / (gap.reshape(len(gap), -1) + 1e-4)
            self.near, self.weight = self.near.reshape(weight.shape), weight / weight.sum(1, keepdims=True)

    def painted(self, colours: Float[np.ndarray, "points 3"]) -> bytes:
        """The GLB with these colours (sRGB in [0, 1]) at the points."""
        if self.mesh is None:
            return _glb(trimesh.PointCloud(self.points, colors=_bytes(colours)))
        mixed = (self.weight[..., None] * colours[self.near]).sum(1)
        shown = trimesh.Trimesh(self.mesh.vertices, self.mesh.faces, vertex_colors=_bytes(mixed), process=False)
        return _glb(shown)


def fine(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """The same surface with edges short enough to carry colours."""
    bare = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    while len(bare.faces) * 4 <= MOST and bare.edges_unique_length.max() > EDGE:
        long = bare.edges_unique_length[bare.faces_unique_edges].max(1) > EDGE
        vertices, faces = trimesh.remesh.subdivide(bare.vertices, bare.faces, np.flatnonzero(long))[:2]
        bare = trimesh.Trimesh(vertices, faces, process=False)
    return bare


def _bytes(colours: Float[np.ndarray, "points 3"]) -> NDArray:
    """Opaque colours of a byte each."""
    alpha = np.ones((len(colours), 1))
    return np.round(255 * np.concatenate([np.clip(colours, 0, 1), alpha], axis=1)).astype(np.uint8)


def _glb(shape: trimesh.Trimesh | trimesh.PointCloud) -> bytes:
    return trimesh.Scene(shape).export(file_type="glb")  # pyright: ignore[reportReturnType]
