"""Solids to build objects from: one body, and the convex pieces it is made of

A `Solid` keeps two views of one shape: the body (for surfaces and distances) and convex hulls that cover it
(for physics, whose contacts want convex things). Recipes add solids together; whatever is concave by nature
(a wall of a cup, a bent handle) is born with its own hulls, so nobody has to decompose a mesh afterwards. All
lengths here are millimetres, because people know a mug in millimetres; `perpart.objects` turns them into
metres.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from manifold3d import CrossSection, Manifold, OpType
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import PchipInterpolator

SIDES = 48  # of a turned body: 0.2 mm from the true circle at a radius of 80 mm
SECTORS = 16  # of the convex pieces of a turned wall
RINGS = 24  # of the convex pieces of a turned solid


@dataclass(frozen=True)
class Solid:
    """A shape in millimetres, z up: its body and the convex pieces whose union it is (nearly)."""

    body: Manifold
    hulls: tuple[Manifold, ...]

    def __add__(self, other: Solid) -> Solid:
        return joined([self, other])

    def moved(self, x: float = 0, y: float = 0, z: float = 0) -> Solid:
        """The solid shifted by x, y, z millimetres."""
        return self._each(lambda part: part.translate((x, y, z)))

    def turned(self, x: float = 0, y: float = 0, z: float = 0) -> Solid:
        """The solid turned by degrees about the x, then the y, then the z axis through the origin."""
        return self._each(lambda part: part.rotate((x, y, z)))

    def stretched(self, x: float = 1, y: float = 1, z: float = 1) -> Solid:
        """The solid scaled along each axis; convex pieces stay convex. A negative factor mirrors."""
        return self._each(lambda part: part.scale((x, y, z)))

    def mirrored(self) -> Solid:
        """The solid and its mirror image across the plane y = 0, as one."""
        return self + self.stretched(y=-1)

    def carved(self, *tools: Solid) -> Solid:
        """The solid less some small dents, which its pieces overlook: physics does not feel a dimple."""
        return Solid(Manifold.batch_boolean([self.body, *(t.body for t in tools)], OpType.Subtract), self.hulls)

    def _each(self, change) -> Solid:
        return Solid(change(self.body), tuple(change(hull) for hull in self.hulls))


def joined(solids: Iterable[Solid]) -> Solid:
    """The union of solids, with the pieces of all of them."""
    solids = list(solids)
    body = Manifold.batch_boolean([solid.body for solid in solids], OpType.Add)
    return Solid(body, tuple(hull for solid in solids for hull in solid.hulls))


# --- convex things --------------------------------------------------------------------------------


def hull(points: ArrayLike) -> Solid:
    """The convex hull of points [n, 3], its own single piece."""
    body = _hulled(np.asarray(points))
    return Solid(body, (body,))


def box(x: float, y: float, z: float, edge: float = 1.5) -> Solid:
    """A box of outer size x, y, z around the origin, its edges rounded with radius `edge`."""
    edge = min(edge, x / 2.01, y / 2.01, z / 2.01)
    corners = np.array([[i, j, k] for i in (-1, 1) for j in (-1, 1) for k in (-1, 1)])
    centres = corners * (np.array([x, y, z]) / 2 - edge)
    return hull(centres[:, None] + edge * _ball(12)[None])


def ellipsoid(x: float, y: float, z: float, segments: int = 36) -> Solid:
    """An ellipsoid of half axes x, y, z around the origin."""
    return hull(_ball(segments) * [x, y, z])


def prism(outline: ArrayLike, height: float) -> Solid:
    """A convex outline [n, 2] in the x-y plane, drawn up and down by half the height."""
    outline = np.asarray(outline, dtype=np.float64)
    return hull([[x, y, z] for x, y in outline for z in (-height / 2, height / 2)])


def rod(radius: float, length: float, axis: str = "z") -> Solid:
    """A straight cylinder around the origin along one axis."""
    solid = lathe([(radius, -length / 2), (radius, length / 2)])
    return solid.turned(y=90 * (axis == "x"), x=90 * (axis == "y"))


# --- turned things --------------------------------------------------------------------------------


def curve(points: Sequence[tuple[float, float]], steps: int = 28) -> NDArray:
    """A smooth outline [steps, 2] of (radius, height) through points of rising height."""
    radius, height = np.array(points, dtype=np.float64).T
    heights = height[0] + (height[-1] - height[0]) * (1 - np.cos(np.linspace(0, np.pi, steps))) / 2
    return np.stack([PchipInterpolator(height, radius)(heights), heights], axis=1)


def lathe(outline: ArrayLike) -> Solid:
    """A solid of revolution about z from an outline [n, 2] of (radius, height) with rising heights."""
    outline = np.asarray(outline, dtype=np.float64)
    closed = np.concatenate([[[0, outline[0, 1]]], outline, [[0, outline[-1, 1]]]])
    body = CrossSection([closed]).revolve(SIDES)
    return Solid(body, tuple(_turned(outline[i:j]) for i, j in _bulges(outline)))


def shell(outer: ArrayLike, inner: ArrayLike) -> Solid:
    """A wall turned about z, open above and below, between two outlines [n, 2] of equal rising heights."""
    outer, inner = np.asarray(outer, dtype=np.float64), np.asarray(inner, dtype=np.float64)
    body = CrossSection([np.concatenate([outer, inner[::-1]])]).revolve(SIDES)
    return Solid(body, tuple(_wedges(outer, inner)))


def vessel(outline: ArrayLike, wall: float, floor: float) -> Solid:
    """A turned vessel: solid below the height `floor`, above it a wall around a hollow, open at the top."""
    outline = np.asarray(outline, dtype=np.float64)
    radius = np.interp(floor, outline[:, 1], outline[:, 0])
    under = np.concatenate([outline[outline[:, 1] < floor], [[radius, floor]]])
    outer = np.concatenate([[[radius, floor]], outline[outline[:, 1] > floor]])
    # A wall is as thick as it is along its normal, so a slanting one takes more of the radius.
    slope = np.clip(np.gradient(outer[:, 0], outer[:, 1]), -2, 2)
    inner = np.stack([np.maximum(outer[:, 0] - wall * np.hypot(1, slope), 1.0), outer[:, 1]], axis=1)
    closed = np.concatenate([[[0, outline[0, 1]]], under, outer[1:], inner[::-1], [[0, floor]]])
    return Solid(CrossSection([closed]).revolve(SIDES), lathe(under).hulls + tuple(_wedges(outer, inner)))


# --- bent things ----------------------------------------------------------------------------------


def chain(path: ArrayLike, radii: ArrayLike, segments: int = 14) -> Solid:
    """Balls along a path [n, 3], each hulled with the next: a bent handle, a banana.

    `radii` is one radius, one per point [n], or triples of half axes [n, 3] (or [1, 3] for all points).
    """
    path = np.asarray(path, dtype=np.float64)
    radii = np.asarray(radii, dtype=np.float64)
    radii = np.broadcast_to(radii[:, None] if radii.ndim == 1 else radii, path.shape)
    balls = path[:, None] + radii[:, None] * _ball(segments)
    return joined(hull(np.concatenate(pair)) for pair in pairwise(balls))


def ring(radius: float, thickness: float, steps: int = 20) -> Solid:
    """A torus about z: a circle of `radius` drawn with a ball of radius `thickness`."""
    return chain(arc(radius, 0, 360, steps), thickness)


def arc(radius: float, start: float, end: float, steps: int = 10) -> NDArray:
    """Points [steps + 1, 3] of a circle in the x-y plane, from `start` to `end` degrees."""
    angle = np.radians(np.linspace(start, end, steps + 1))
    return radius * np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)


# --- pieces ---------------------------------------------------------------------------------------


def _bulges(outline: NDArray, slack: float = 0.4) -> Iterable[tuple[int, int]]:
    """Cuts an outline into the longest runs whose turned solid is convex up to `slack` millimetres."""
    start = 0
    while start < len(outline) - 1:
        end = start + 2
        while end < len(outline) and _dent(outline[start : end + 1]) < slack:
            end += 1
        yield start, end
        start = end - 1


def _dent(run: NDArray) -> float:
    """How far the deepest point of a run lies inside the convex outline of the others."""
    worst = 0.0
    for k in range(1, len(run) - 1):
        height = run[:, 1]
        left, right = run[:k], run[k + 1 :]
        span = np.maximum(right[None, :, 1] - left[:, None, 1], 1e-9)
        share = (height[k] - left[:, None, 1]) / span
        chord = left[:, None, 0] * (1 - share) + right[None, :, 0] * share
        worst = max(worst, float(np.max(chord) - run[k, 0]))
    return worst


def _turned(run: NDArray) -> Manifold:
    """The convex hull of a turned run, its few sides pushed out until it has the body's cross-section."""
    around = arc(1, 0, 360, RINGS)[:-1] * _evened(RINGS)
    rings = run[:, None, :1] * around[None] + [0, 0, 1] * run[:, None, 1:]
    return _hulled(rings)


def _wedges(outer: NDArray, inner: NDArray, slack: float = 0.5) -> Iterable[Manifold]:
    """The convex wedges of a turned wall: sectors around, straight stretches along the height."""
    corners = arc(1, 0, 360, SECTORS) * _evened(SECTORS)
    for low, high in _stretches(outer, inner, slack):
        quad = np.stack([outer[low], outer[high], inner[low], inner[high]])
        for pair in pairwise(corners):
            points = quad[None, :, :1] * np.stack(pair)[:, None] + [0, 0, 1] * quad[None, :, 1:]
            yield _hulled(points)


def _stretches(outer: NDArray, inner: NDArray, slack: float) -> Iterable[tuple[int, int]]:
    start = 0
    while start < len(outer) - 1:
        end = start + 1
        while end + 1 < len(outer) and max(_bend(o[start : end + 2]) for o in (outer, inner)) < slack:
            end += 1
        yield start, end
        start = end


def _bend(run: NDArray) -> float:
    """How far a run of (radius, height) strays from the straight line between its ends."""
    share = (run[:, 1] - run[0, 1]) / max(run[-1, 1] - run[0, 1], 1e-9)
    return float(np.max(np.abs(run[:, 0] - run[0, 0] - share * (run[-1, 0] - run[0, 0]))))


def _hulled(points: NDArray) -> Manifold:
    corners: Any = np.ascontiguousarray(points, dtype=np.float64).reshape(-1, 3)
    return Manifold.hull_points(corners)


def _evened(sides: int) -> float:
    """The factor on a polygon's radius that gives it the area of the body's polygon."""
    return float(np.sqrt(SIDES * np.sin(2 * np.pi / SIDES) / (sides * np.sin(2 * np.pi / sides))))


@cache
def _ball(segments: int) -> NDArray:
    """Points of a unit sphere: `segments` around, half as many from pole to pole."""
    around = arc(1, 0, 360, segments)[:-1]
    tilt = np.linspace(-np.pi / 2, np.pi / 2, segments // 2 + 1)[:, None, None]
    return np.unique(np.round(around * np.cos(tilt) + [0, 0, 1] * np.sin(tilt), 12).reshape(-1, 3), axis=0)
