"""What a grasp must be before physics tries it: shallow, touching on enough links, and force-closed

Distances in metres, volumes in cubic metres. The hull of the contact wrenches is the Ferrari-Canny measure (1992).
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.optimize import nnls
from scipy.spatial import ConvexHull, KDTree

from perpart import hand
from perpart.anatomy import CONE_PARTS
from perpart.grasps.closing import BALLS, FIRST
from perpart.hands import Hands, gaps
from perpart.objects.field import Field

DEPTH = 0.002  # m: the deepest a grasp may go in
SEEN = 0.0016  # m: the most of it that balls strung along the cones may show; between them up to 0.4 mm go unseen
VOXEL = 0.001  # m: the edge of the voxels that volumes are counted in
VOLUME = 1e-6  # m³: the most of the object the hand may cover
TOUCH = 0.001  # m: a link this near touches
LINKS, DIGITS = 3, 2  # touching parts, and the digits they must belong to
PASS = 0.003  # m: how far two links of different digits may press into each other, as flesh does
FRICTION = 0.6
EPSILON = 0.01  # of the force of one contact: a grasp that resists less along some axis stands and falls by a contact
PAD = 0.004  # m: a soft pad touches over a disk of this radius, so it can resist twisting and tilting
EDGES = 5  # of the pyramid in a friction cone: inside the cone, so the measure errs on the safe side
APART = 0.012  # m: contacts of a link nearer to each other than this count once
_PARTS = np.array(CONE_PARTS)
_PART_DIGITS = np.array([0, *(1 + part // 3 for part in range(15))])  # 0 is the palm


@dataclass(frozen=True)
class Verdict:
    """What the filters found in n tries. `why` names the first that rejected each, or is empty."""

    why: tuple[str, ...]
    depth: Float[np.ndarray, "n"]
    touching: Bool[np.ndarray, "n 16"]


def judge(field: Field, hands: Hands) -> Verdict:
    """Apply the cheap filters, in this order: depth, links, self (the hand must not pass through itself)."""
    gap = gaps(field, *hands.balls(13)).min(-1)
    depth = np.maximum(-gap.min(-1), 0)
    touching = np.stack([(gap[:, part == _PARTS] < TOUCH).any(-1) for part in range(16)], -1)
    passed = through_itself(hands)
    why = tuple(
        "depth" if deep else "links" if few else "self" if self else ""
        for deep, few, self in zip(depth > SEEN, ~enough(touching), passed > PASS, strict=True)
    )
    return Verdict(why, depth, touching)


def enough(touching: Bool[np.ndarray, "n 16"]) -> Bool[np.ndarray, "n"]:
    """At least three touching links, of at least two digits, with the thumb or the palm among them."""
    digits = np.stack([touching[:, digit == _PART_DIGITS].any(-1) for digit in range(6)], -1)
    return (touching.sum(-1) >= LINKS) & (digits[:, 1:].sum(-1) >= DIGITS) & digits[:, :2].any(-1)


def through_itself(hands: Hands) -> Float[np.ndarray, "n"]:
    """How deep (m) links of different digits press into each other, or outer links into the palm."""
    centres, radii = hands.balls(5, FIRST)
    far = hand.distance(hands.posed, torch.as_tensor(centres.reshape(len(hands), -1, 3)))[0].numpy()
    clear = far.reshape(len(hands), 15, 5, 16) - radii[..., None]
    mine = _PART_DIGITS[1:, None] == _PART_DIGITS  # a digit meets itself at its joints
    inner = np.arange(15) % 3 == 0
    mine[inner, :] |= (_PART_DIGITS == 0) | (np.arange(16) % 3 == 1)  # knuckles sit in the palm, side by side
    mine[:3, 0] = True  # the thumb's metacarpal lies along the thenar
    return -np.where(mine[:, None], np.inf, clear).min((1, 2, 3))


def overlap(skin: KDTree, field: Field, one: Hands) -> float:
    """Volume (m³) one hand shares with the object: the voxels of `skin` inside any ball along the hand's cones."""
    centres, radii = one.balls(25)  # so dense that dips are below 0.1 mm
    deep = gaps(field, centres, radii) < 0
    covered = skin.query_ball_point(centres[deep], radii[deep])
    return len({voxel for some in covered for voxel in some}) * VOXEL**3


def skin(field: Field) -> KDTree:
    """Centres (m) of the object's voxels that a grasp within DEPTH can reach: those near the surface."""
    count = np.ceil((np.array(field.values.shape) - 1) * field.cell / VOXEL).astype(int)
    kept = []
    for x in range(count[0]):  # slice by slice: a whole plate at 1 mm would be many millions of points at once
        plane = np.stack(np.meshgrid([x], np.arange(count[1]), np.arange(count[2]), indexing="ij"), -1)
        points = field.origin + (plane.reshape(-1, 3) + 0.5) * VOXEL
        far, _ = field.distance(points)
        kept.append(points[(far < 0) & (far > -DEPTH - VOXEL)])
    return KDTree(np.concatenate(kept))


def closure(field: Field, one: Hands, reach: float) -> float:
    """The Ferrari-Canny measure: the smallest wrench (force, torque / `reach`) that the contacts, each pushing with at
    most one unit, cannot resist. Zero when the grasp is not force-closed. `reach` (m) scales torques, usually
    the largest distance from the object's centre."""
    return _measure(_wrenches(*_contacts(field, one), reach))


def _measure(wrenches: Float[np.ndarray, "n 6"]) -> float:
    """The radius of the largest ball about the origin inside the wrenches' hull; zero if the origin is outside."""
    if len(wrenches) < 7 or np.linalg.matrix_rank(wrenches, tol=1e-6) < 6:
        return 0.0
    if not _around(wrenches):
        return 0.0
    return max(0.0, -float(ConvexHull(wrenches, qhull_options="QJ").equations[:, -1].max()))


def _around(wrenches: Float[np.ndarray, "n 6"]) -> bool:
    """Whether the origin is a mean of the wrenches, with weights: quick to say, and where not, no hull is needed."""
    rows = np.concatenate([wrenches.T, np.ones((1, len(wrenches)))])
    return nnls(rows, np.array([0.0] * 6 + [1.0]))[1] < 1e-9


def _contacts(field: Field, one: Hands) -> tuple[np.ndarray, np.ndarray]:
    """Contact points and outward surface normals: each part's nearest ball, and its others further along."""
    centres, radii = one.balls(BALLS)
    gap = gaps(field, centres, radii)[0]
    chosen = []
    for part in range(16):
        here, near = centres[0, part == _PARTS].reshape(-1, 3), gap[part == _PARTS].ravel()
        mine: list[np.ndarray] = []
        for ball in np.argsort(near, kind="stable")[: int((near < TOUCH).sum())]:
            if all(np.linalg.norm(here[ball] - other) > APART for other in mine):
                mine.append(here[ball])
        chosen += mine
    if not chosen:
        return np.zeros((0, 3)), np.zeros((0, 3))
    far, normal = field.distance(np.array(chosen))
    return np.array(chosen) - far[:, None] * normal, normal.astype(np.float64)


def _wrenches(points: Float[np.ndarray, "n 3"], normals: Float[np.ndarray, "n 3"], reach: float) -> np.ndarray:
    """The corners of each contact's friction pyramid as wrenches, and what a soft pad adds: it may push at its rim,
    and resists a twist both ways."""
    if not len(points):
        return np.zeros((0, 6))
    other = np.eye(3)[np.abs(normals).argmin(-1)]
    side = np.cross(normals, other)
    side /= np.linalg.norm(side, axis=-1, keepdims=True)
    turn = np.linspace(0, 2 * np.pi, EDGES, endpoint=False)[:, None, None]
    tangent = np.cos(turn) * side + np.sin(turn) * np.cross(normals, side)
    pushes = [_wrench(points, FRICTION * way - normals, reach) for way in tangent]
    rim = [PAD * sign * way for sign in (1, -1) for way in (side, np.cross(normals, side))]
    tilts = [_wrench(points + edge, -normals, reach) for edge in rim]
    spin = np.concatenate([np.zeros_like(normals), FRICTION * PAD / reach * normals], -1)
    straight = _wrench(points, -normals, reach)
    return np.concatenate([*pushes, *tilts, straight + spin, straight - spin])


def _wrench(points: Float[np.ndarray, "n 3"], force: Float[np.ndarray, "n 3"], reach: float) -> np.ndarray:
    return np.concatenate([force, np.cross(points, force) / reach], -1)
