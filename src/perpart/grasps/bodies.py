"""A hand and an object as solids, for measures that owe nothing to the search: mesh booleans and exact distances

The search looks at balls on a grid of signed distances. Here every round cone is the hull of two finely faceted balls,
the object is its own mesh, what they share is cut out by mesh booleans, and distances are to triangles and to cones.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int
from manifold3d import Manifold, Mesh, OpType
from scipy.spatial import KDTree
from trimesh import Trimesh

from perpart import hand
from perpart.clouds import cover, feet
from perpart.data.graspset import GraspSet
from perpart.hands import Hands

FACETS = 48  # around a ball: the facets of a finger's, 10 mm thick, lie within 0.02 mm of its surface
SPACING = 0.0005  # m: between the points of an object's surface that are held against the hand
FINE = 0.0003  # m: the longest edge of the shared solid, whose corners are measured
NEAR = 0.003  # m: what is further from the hand than this is not asked about
CANDIDATES = 12  # triangles that may be a point's nearest: those of the nearest surface points


def hand_of(grasps: GraspSet, g: int) -> Hands:
    """The hand of one grasp, in double precision."""
    return Hands.of(*(array[g : g + 1].astype(np.float64) for array in (grasps.angles, grasps.root, grasps.bones)))


@dataclass(frozen=True)
class Shared:
    """What hand and object have in common: its volume (m³), how deep (m) the hand's surface is in the object, and the
    object's surface in the hand."""

    volume: float
    hand_in: float
    object_in: float


@dataclass(frozen=True)
class Near:
    """The object's surface near a hand: points (m), how far (m) each part is from them, and the unit vector away from
    it: the normal of a contact there. An edge has no normal of its own, a finger has one everywhere."""

    points: Float[np.ndarray, "n 3"]
    gap: Float[np.ndarray, "n 16"]
    away: Float[np.ndarray, "n 16 3"]

    def touching(self, within: float) -> np.ndarray:
        """Which parts [16] are so near."""
        return self.gap.min(axis=0, initial=np.inf) < within


class Body:
    """An object as a solid, as a dense cloud of surface points, and as triangles to measure distances to."""

    def __init__(self, mesh: Trimesh) -> None:
        self.mesh = mesh
        self.solid = Manifold(Mesh(mesh.vertices.astype(np.float32), mesh.faces.astype(np.uint32)))

    @cached_property
    def points(self) -> Float[np.ndarray, "n 3"]:
        """Points all over the surface."""
        return cover(self.mesh, int(self.mesh.area / SPACING**2))[:, :3]

    @cached_property
    def reach(self) -> float:
        """The largest distance (m) from the object's centre."""
        return float(np.linalg.norm(self.mesh.vertices, axis=1).max())

    def near(self, one: Hands) -> Near:
        """The surface points that may touch the hand, against each of its parts."""
        centres, radii = (ends.reshape(-1, *ends.shape[3:]) for ends in one.balls(25))
        found = self._points_tree.query_ball_point(centres, radii + NEAR)
        points = self.points[np.unique(np.concatenate([np.asarray(some, dtype=np.int64) for some in found]))]
        gap, away = hand.distance(one.posed, torch.as_tensor(points[None]))
        return Near(points, gap[0].numpy(), away[0].numpy())

    def shared(self, one: Hands) -> Shared:
        """Cut out what the hand has in common with the object."""
        common = self.solid ^ flesh(one.posed)
        if common.is_empty():
            return Shared(0.0, 0.0, 0.0)
        corners = common.refine_to_length(FINE).to_mesh().vert_properties[:, :3].astype(np.float64)
        into_hand = -hand.distance(one.posed, torch.as_tensor(corners[None]))[0].min()
        return Shared(float(common.volume()), float(self.away(corners).max()), float(into_hand))

    def away(self, points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n"]:
        """Distance (m) to the surface, whichever side: to the triangles of the nearest surface points, exactly."""
        _, nearest = self._points_tree.query(points, k=CANDIDATES)
        triangles = self.mesh.triangles[self._faces[nearest]].reshape(-1, 3, 3)
        asked = np.repeat(points, CANDIDATES, axis=0)
        gap = np.linalg.norm(feet(triangles, asked) - asked, axis=1)
        return gap.reshape(-1, CANDIDATES).min(axis=1)

    @cached_property
    def _points_tree(self) -> KDTree:
        return KDTree(self.points)

    @cached_property
    def _faces(self) -> Int[np.ndarray, "n"]:
        """The triangle that each surface point lies on: `cover` goes through them in order, by area."""
        edges = np.cumsum(self.mesh.area_faces)
        share = (np.arange(len(self.points)) + 0.5) / len(self.points)
        return np.minimum(np.searchsorted(edges, share * edges[-1], side="right"), len(edges) - 1)


def flesh(posed: hand.Posed) -> Manifold:
    """The hand as one solid."""
    ends = (end[0].double().numpy() for end in (posed.a, posed.b, posed.ra, posed.rb))
    return Manifold.batch_boolean([_cone(*cone) for cone in zip(*ends, strict=True)], OpType.Add)


def _cone(a: np.ndarray, b: np.ndarray, ra: float, rb: float) -> Manifold:
    balls = [Manifold.sphere(float(radius), FACETS).translate(tuple(at)) for at, radius in ((a, ra), (b, rb))]
    return Manifold.batch_hull(balls)
