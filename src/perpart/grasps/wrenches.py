"""Force closure found afresh: what the contacts resist along each axis of force and torque, by linear programs

A contact pushes with at most one unit in all, within a friction cone of 16 edges, anywhere on a soft pad's disk, and
twists. Along every one of the twelve half axes the contacts must be able to resist something: then the origin lies
inside the wrenches' hull, and the grasp is force-closed.
"""

import numpy as np
from jaxtyping import Float
from scipy.optimize import linprog

from perpart.grasps.bodies import Near
from perpart.grasps.filters import APART, FRICTION, PAD

EDGES = 16
RIM = 8  # points on the pad's edge at which it may push


def resisted(near: Near, within: float, reach: float) -> float:
    """The least wrench (force, torque / `reach`) along a half axis that contacts within so many metres resist: in
    shares of the force they may push with in all. 0: not force-closed."""
    points, normals = contacts(near, within)
    if len(points) < 2:
        return 0.0
    wrenches = _wrenches(points, normals, reach)
    axes = np.concatenate([np.eye(6), -np.eye(6)])
    return min(_along(wrenches, axis) for axis in axes)


def contacts(near: Near, within: float) -> tuple[Float[np.ndarray, "n 3"], Float[np.ndarray, "n 3"]]:
    """Where the hand touches, and the normals out of the object there: of each part the nearest surface point, then
    others at least APART from those before."""
    chosen = [(point, part) for part in range(16) for point in _touches(near, part, within)]
    points, parts = np.array(chosen, dtype=np.int64).reshape(-1, 2).T
    return near.points[points], -near.away[points, parts]


def _touches(near: Near, part: int, within: float) -> list[int]:
    gap, chosen = near.gap[:, part], []
    left = np.flatnonzero(gap < within)
    left = left[np.argsort(gap[left], kind="stable")]
    while len(left):
        chosen.append(int(left[0]))
        left = left[np.linalg.norm(near.points[left] - near.points[left[0]], axis=1) > APART]
    return chosen


def _along(wrenches: Float[np.ndarray, "n 6"], axis: Float[np.ndarray, "6"]) -> float:
    """The largest s for which the contacts can bring about s times the axis."""
    n = len(wrenches)
    found = linprog(
        np.r_[np.zeros(n), -1],
        A_eq=np.c_[wrenches.T, -axis], b_eq=np.zeros(6),
        A_ub=np.r_[np.ones(n), 0][None], b_ub=[1],
    )  # fmt: skip
    return float(found.x[-1])


def _wrenches(points: Float[np.ndarray, "n 3"], normals: Float[np.ndarray, "n 3"], reach: float) -> np.ndarray:
    rows = []
    for point, normal in zip(points, normals, strict=True):
        plane = np.linalg.svd(normal[None])[2][1:]  # two directions in the surface
        cone, rim = (_circle(count) @ plane for count in (EDGES, RIM))
        rows += [_wrench(point, FRICTION * way - normal, reach) for way in cone]
        rows += [_wrench(point + PAD * way, -normal, reach) for way in rim]
        twist = np.r_[np.zeros(3), FRICTION * PAD / reach * normal]
        rows += [_wrench(point, -normal, reach) + sign * twist for sign in (1, -1)]
    return np.array(rows)


def _circle(count: int) -> Float[np.ndarray, "count 2"]:
    angle = 2 * np.pi * np.arange(count) / count
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def _wrench(point: np.ndarray, force: np.ndarray, reach: float) -> Float[np.ndarray, "6"]:
    return np.r_[force, np.cross(point, force) / reach]
