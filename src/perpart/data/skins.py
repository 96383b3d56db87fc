"""Grasps as posed skins (kind mesh): a hand's triangles in each grasp, and which part each vertex belongs to

Labels follow the formula of `contact`, with q_k the nearest point of part k's triangles: the triangles near a point
are found by sample points on them, SPACING apart, and measured exactly. A skin has no inside part by part, so the
part of a point is the one whose surface is nearest. Directions want the parts' frames, and are unknown without.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.spatial import KDTree

from perpart import clouds, contact
from perpart.data import labels, order
from perpart.data.defects import Defect, Tell
from perpart.data.folder import Content
from perpart.data.graspset import owners
from perpart.data.source import Source
from perpart.data.things import Placed, Thing
from perpart.threads import single_threaded

SPACING = 0.003
"""Metres between the sample points that lead to the nearest triangle."""
TRIED = 4
"""Sample points whose triangles are measured."""
FAR = contact.FADE[1] + contact.BELOW + SPACING
"""Metres beyond which a part cannot touch."""
HAND = (0.08, 0.35)
"""Metres across that a posed hand measures: a child's fist, a large man's spread hand with its wrist."""


@dataclass(frozen=True)
class Skins(Source):
    """G grasps on a list of objects; grasp g is of `objects[object_of[g]]`. Metres, z up, the object's box centred."""

    objects: tuple[Thing, ...]
    split: tuple[str, ...]
    object_of: Int[np.ndarray, "grasps"]
    vertices: Float[np.ndarray, "grasps vertices 3"]  # float32
    faces: Int[np.ndarray, "faces 3"]
    part: Int[np.ndarray, "vertices"]  # 0 to 15, in the order of anatomy.PARTS
    joints: Float[np.ndarray, "grasps 16 4 4"] | None = None  # float32
    notes: tuple[str, ...] = field(default=(), compare=False)

    def label(
        self,
        grasps: Int[np.ndarray, "chosen"],
        clouds: Float[np.ndarray, "objects points 6"],
        cloud_of: Int[np.ndarray, "chosen"],
    ) -> labels.Labels:
        """Labels of some grasps, each on its object's pool: grasp `grasps[i]` on `clouds[cloud_of[i]]`."""
        shape = (len(grasps), clouds.shape[1])
        kept = np.empty((*shape, 16), np.uint8), np.empty(shape, np.uint8), np.zeros((*shape, 3), np.float16)
        if not len(grasps):
            return kept
        scatter = Scatter.over(self.vertices[grasps[0]], self.faces, self.part)

        def work(row: int) -> None:
            cloud = clouds[cloud_of[row]].astype(np.float64)
            touch, part = scatter.labels(self.vertices[grasps[row]], cloud)
            kept[0][row], kept[1][row] = (touch * 255).round(), part
            if self.joints is not None:
                kept[2][row] = directions(self.joints[grasps[row]], cloud[:, :3], part)

        with single_threaded() as workers, ThreadPoolExecutor(workers) as several:
            list(several.map(work, range(len(grasps))))
        return kept


@dataclass(frozen=True)
class Scatter:
    """Sample points on a skin, told by triangle and weights of its corners, so that they move with any pose."""

    faces: Int[np.ndarray, "faces 3"]
    which: Int[np.ndarray, "samples"]  # the triangle that each sample lies on
    weight: Float[np.ndarray, "samples 3"]
    part: Int[np.ndarray, "samples"]

    @classmethod
    def over(cls, vertices: np.ndarray, faces: np.ndarray, part: np.ndarray) -> "Scatter":
        """Samples about SPACING apart on one pose. A triangle is of the part of most of its corners."""
        corners = vertices[faces].astype(np.float64)
        longest = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=-1).max(1)
        cuts = np.maximum(np.ceil(longest / SPACING).astype(int), 1)
        lattices = {int(n): _lattice(int(n)) for n in np.unique(cuts)}
        which = np.repeat(np.arange(len(faces)), [len(lattices[int(n)]) for n in cuts])
        return cls(faces, which, np.concatenate([lattices[int(n)] for n in cuts]), face_parts(faces, part)[which])

    def labels(
        self, vertices: Float[np.ndarray, "vertices 3"], cloud: Float[np.ndarray, "points 6"]
    ) -> tuple[Float[np.ndarray, "points 16"], Int[np.ndarray, "points"]]:
        """Contact with each part, and the nearest part, at points with normals of one posed skin."""
        corners = vertices[self.faces].astype(np.float64)
        samples = np.einsum("sc,scd->sd", self.weight, corners[self.which])
        away, beside = np.full((len(cloud), 16), np.inf), np.full((len(cloud), 16), np.inf)
        for k in np.unique(self.part):
            mine = np.flatnonzero(self.part == k)
            near, foot = self._feet(corners, samples, mine, cloud[:, :3])
            offset = foot - cloud[near, :3]
            away[near, k], beside[near, k] = np.linalg.norm(offset, axis=1), _gap(offset, cloud[near, 3:])
        touch = contact.falloff(torch.from_numpy(np.minimum(beside, 1.0))).numpy()
        part = away.argmin(1)
        alone = np.isinf(away).all(1)
        part[alone] = self.part[KDTree(samples).query(cloud[alone, :3])[1]] if alone.any() else 0
        return touch, part

    def _feet(
        self, corners: np.ndarray, samples: np.ndarray, mine: np.ndarray, points: np.ndarray
    ) -> tuple[Int[np.ndarray, "near"], Float[np.ndarray, "near 3"]]:
        """The points within FAR of some samples' triangles, and the nearest point there of each."""
        tried = min(TRIED, len(mine))
        gap, found = (
            np.reshape(array, (len(points), tried))
            for array in KDTree(samples[mine]).query(points, k=tried, distance_upper_bound=FAR)
        )
        near = np.flatnonzero(np.isfinite(gap[:, 0]))
        if not len(near):
            return near, np.zeros((0, 3))
        # Beyond the first, a sample may be out of reach: then the first is tried again.
        found = np.where(np.isfinite(gap), found, found[:, :1])[near]
        triangles = self.which[mine[found]].reshape(-1)
        asked = np.repeat(points[near], tried, axis=0)
        feet = clouds.feet(corners[triangles], asked).reshape(len(near), tried, 3)
        best = np.linalg.norm(feet - points[near, None], axis=-1).argmin(1)
        return near, feet[np.arange(len(near)), best]


def face_parts(faces: Int[np.ndarray, "faces 3"], part: Int[np.ndarray, "vertices"]) -> Int[np.ndarray, "faces"]:
    """The part of each triangle: that of two of its corners; of the first, where all three differ."""
    a, b, c = part[faces].T
    return np.where(b == c, b, a).astype(np.int64)


def directions(
    frames: Float[np.ndarray, "16 4 4"], points: Float[np.ndarray, "points 3"], part: Int[np.ndarray, "points"]
) -> Float[np.ndarray, "points 3"]:
    """Unit vectors from the joint of each point's part to the point, in its axes."""
    frame = frames[part].astype(np.float64)
    inside = np.einsum("pji,pj->pi", frame[:, :3, :3], points - frame[:, :3, 3])
    return inside / np.maximum(np.linalg.norm(inside, axis=1, keepdims=True), 1e-12)


def skinned(content: Content, placed: Placed, tell: Tell) -> Skins | None:
    """The skins of a folder, in their objects' frames as we place them; None where they cannot be used, told."""
    object_of = owners(content, placed, tell)
    part = content.array("part", (None,), "iu", tell)
    faces = content.array("faces", (None, 3), "iu", tell)
    if object_of is None or part is None or faces is None:
        return None
    vertices = content.array("vertices", (len(object_of), len(part), 3), "f", tell)
    joints = content.array("joints", (len(object_of), 16, 4, 4), "f", tell) if "joints" in content.arrays else None
    if not _whole(content, faces, part, tell) or vertices is None or None in placed.things:
        return None
    if joints is None and "joints" in content.arrays:
        return None
    vertices, joints = vertices.astype(np.float64), None if joints is None else joints.astype(np.float64)
    for i in np.unique(object_of):
        mine = object_of == i
        vertices[mine] = placed.frames[i].points(vertices[mine])
        if joints is not None:
            joints[mine] = placed.frames[i].poses(joints[mine])
    _hand_sized(content, vertices, tell)
    seems = order.OURS if order.stated(content.said) else order.of_skin(vertices, part)
    if seems != order.OURS:
        tell(Defect(content.numbers, *order.said(seems)))
    given = tuple(thing for thing in placed.things if thing is not None)
    frames = None if joints is None else joints.astype(np.float32)
    return Skins(given, placed.split, object_of, vertices.astype(np.float32), faces, part, frames, placed.notes)


def _lattice(cuts: int) -> Float[np.ndarray, "samples 3"]:
    """Weights of the middles of the triangles that a triangle falls into when its sides are cut so often."""
    i, j = np.meshgrid(np.arange(cuts), np.arange(cuts), indexing="ij")
    upright = np.stack([i + 1 / 3, j + 1 / 3], -1)[i + j < cuts]
    turned = np.stack([i + 2 / 3, j + 2 / 3], -1)[i + j < cuts - 1]
    first = np.concatenate([upright, turned]) / cuts
    return np.concatenate([first, 1 - first.sum(1, keepdims=True)], axis=1)


def _gap(offset: Float[np.ndarray, "n 3"], normals: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n"]:
    """Metres from points, told from each surface point, to the segment that stands for it."""
    along = (offset * normals).sum(1)
    nearest = np.clip(along, -contact.BELOW, contact.ABOVE)
    return np.linalg.norm(offset - nearest[:, None] * normals, axis=1)


def _whole(content: Content, faces: np.ndarray, part: np.ndarray, tell: Tell) -> bool:
    """Whether triangles and parts name what there is; told if not."""
    if not len(faces) or faces.max() >= len(part) or faces.min() < 0:
        tell(Defect(content.numbers, f"faces do not name the {len(part)} vertices", "number vertices from 0"))
        return False
    if part.min() < 0 or part.max() > 15:
        what = f"part runs from {part.min()} to {part.max()}"
        tell(Defect(content.numbers, what, "number the parts 0 palm, 1-3 thumb, 4-6 index, ... 13-15 little"))
        return False
    missing = sorted(set(range(16)) - set(face_parts(faces, part).tolist()))
    if missing:
        what = f"no triangle belongs to the parts {', '.join(map(str, missing))}"
        tell(Defect(content.numbers, what, "they will never touch: give them triangles", fatal=False))
    return True


def _hand_sized(content: Content, vertices: np.ndarray, tell: Tell) -> None:
    across = np.linalg.norm(np.ptp(vertices, axis=1), axis=1)
    if len(across) and not HAND[0] <= np.median(across) <= HAND[1]:
        what = f"mixed units: hands are {across.min():.3g} to {across.max():.3g} m across"
        tell(Defect(content.numbers, what, "give vertices in the unit of the objects' meshes"))
