"""Closing a hand on an object: place it, move it in until it touches, bend each digit from its base to its tip

Everything is asked of the object's signed-distance field at balls strung along the hand's cones: a ball of radius
r at c is clear by `field(c) - r`, exactly, whatever the shape of the object.
"""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, Int

from perpart import hand
from perpart.anatomy import LIMITS
from perpart.field import Field
from perpart.preshapes import FLEXIONS, NAMES, PRESHAPES, opened, travels

BALLS = 7  # per cone: 4 to 11 mm apart, so a ball's neighbours overhang it by less than 1 mm
SINK = 0.0006  # m: how deep a closing link presses in, as soft flesh does
STEPS, HALVINGS = 20, 5
BEHIND, ROOM = (0.04, 0.07, 0.1), 0.025  # m: a pinching hand wants this much room so far behind its fingertips
START = 0.16  # m: how far off the hand starts to come in
FIRST = 6  # the first cone that is not the palm's


def close(
    field: Field, kinds: Int[np.ndarray, "n"], spots: Float[np.ndarray, "n choices 6"], extent: Float[np.ndarray, "n 3"],
    bones: Float[np.ndarray, "n bones"], rng: np.random.Generator,
) -> tuple[Float[np.ndarray, "n angles"], Float[np.ndarray, "n 4 4"]]:  # fmt: skip
    """Try n grasps: surface points (m) with outward normals to choose from, and the object's long side (unit) at
    the first. A power grasp takes the first; a precise one the point that can best be reached from somewhere.

    Returns joint angles (radians) and palm frames in the object's frame. A try may fail: the filters judge.
    """
    angles = opened(kinds, rng)
    root, way = _aim(field, kinds, spots, extent, angles, bones, rng)
    root = _come_in(field, kinds, angles, root, way, bones, rng)
    return _bend(field, angles, travels(kinds), root, bones), root


def balls(
    angles: Float[np.ndarray, "n angles"],
    root: Float[np.ndarray, "n 4 4"],
    bones: Float[np.ndarray, "n bones"],
    count: int = BALLS,
) -> tuple[Float[np.ndarray, "n cones count 3"], Float[np.ndarray, "n cones count"]]:
    """Balls strung evenly along every cone of the posed hands: centres and radii (m)."""
    posed = hand.pose(*(torch.as_tensor(array, dtype=torch.float64) for array in (angles, root, bones)))
    share = np.linspace(0, 1, count)[:, None]
    a, b = posed.a.numpy()[:, :, None], posed.b.numpy()[:, :, None]
    ra, rb = posed.ra.numpy()[..., None], posed.rb.numpy()[..., None]
    return a + share * (b - a), ra + share[:, 0] * (rb - ra)


def gaps(field: Field, centres: Float[np.ndarray, "*n 3"], radii: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """How far (m) each ball is clear of the object; negative: how deep it is in."""
    return field.distance(centres.reshape(-1, 3))[0].reshape(radii.shape) - radii


def _aim(field, kinds, spots, extent, angles, bones, rng) -> tuple[np.ndarray, np.ndarray]:
    """Palm frames as if the hand had arrived, and the way in (unit, object's frame)."""
    root, way = np.zeros((len(kinds), 4, 4)), np.zeros((len(kinds), 3))
    shapes = [PRESHAPES[NAMES[kind]] for kind in kinds]
    fine = np.array([shape.precise for shape in shapes])
    if not fine.all():
        some = [shape for shape in shapes if not shape.precise]
        root[~fine], way[~fine] = _power(some, spots[~fine, 0], extent[~fine], bones[~fine], rng)
    if fine.any():
        some = [shape for shape in shapes if shape.precise]
        root[fine], way[fine] = _precise(field, some, kinds[fine], spots[fine], angles[fine], bones[fine], rng)
    return root, way


def _power(shapes, spots, extent, bones, rng) -> tuple[np.ndarray, np.ndarray]:
    """The palm over the spot, its breadth along the object's long side: palm frames, and the way in."""
    n = len(shapes)
    approach, along = (_unit(np.array([getattr(s, name) for s in shapes])) for name in ("approach", "along"))
    normal = _unit(spots[:, 3:] + 0.2 * rng.standard_normal((n, 3)))  # come in some 15 degrees aslant
    aligned = np.where(rng.random((n, 1)) < 0.85, extent, rng.standard_normal((n, 3)))
    aligned = (aligned + 0.2 * rng.standard_normal((n, 3))) * rng.choice([-1.0, 1.0], (n, 1))
    turn = _basis(-normal, aligned) @ _basis(approach, along).swapaxes(1, 2)
    under = np.array([0.072, 0.0, -0.012]) * bones[:, -1:] + rng.standard_normal((n, 3)) * [0.012, 0.012, 0]
    return _frames(turn, spots[:, :3] - np.einsum("nij,nj->ni", turn, under)), -normal


def _precise(field, shapes, kinds, spots, angles, bones, rng) -> tuple[np.ndarray, np.ndarray]:
    """Thumb and fingers on two opposite sides, coming in from where there is room: palm frames, and the way in."""
    spots, way, width = _reachable(field, spots, rng)
    meet, opening = _meet(kinds, angles, bones, width)
    normal = _unit(spots[:, 3:] + 0.12 * rng.standard_normal((len(shapes), 3)))
    middle = spots[:, :3] - 0.5 * width[:, None] * spots[:, 3:]
    approach = _unit(np.array([shape.approach for shape in shapes]))
    turn = _basis(normal, way) @ _basis(opening, approach).swapaxes(1, 2)
    return _frames(turn, middle - np.einsum("nij,nj->ni", turn, meet)), way


def _reachable(field, spots, rng) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Per try the point with the most room behind it for a hand, the way in from there, the thickness under it."""
    n, choices, ways = *spots.shape[:2], 4
    flat = spots.reshape(-1, 6)
    width = _width(field, flat, rng)
    way = rng.standard_normal((len(flat), ways, 3))
    way = _unit(way - (way * flat[:, None, 3:]).sum(-1, keepdims=True) * flat[:, None, 3:])
    middle = flat[:, None, :3] - 0.5 * width[:, None, None] * flat[:, None, 3:]
    behind = middle - way * np.array(BEHIND)[:, None, None, None]
    room = field.distance(behind.reshape(-1, 3))[0].reshape(len(BEHIND), n, choices * ways).min(0)
    best = np.minimum(room, ROOM).argmax(1) + np.arange(n) * choices * ways  # enough is enough: the first such
    return flat[best // ways], way.reshape(-1, 3)[best], width[best // ways]


def _width(field: Field, spots: Float[np.ndarray, "n 6"], rng: np.random.Generator) -> Float[np.ndarray, "n"]:
    """How thick (m) the object is under each spot, straight in, 0.1 at most: for half of them the first wall only,
    as one picks a bowl by its rim, for the others all the way through."""
    depth = np.linspace(0.002, 0.1, 50)
    points = spots[:, None, :3] - depth[:, None] * spots[:, None, 3:]
    out = field.distance(points.reshape(-1, 3))[0].reshape(len(spots), -1) > 0
    first, last = out.argmax(1), len(depth) - (~out[:, ::-1]).argmax(1)
    whole = np.where(last < len(depth), last, first)
    chosen = np.where(rng.random(len(spots)) < 0.5, first, whole)
    return depth[np.where(out.any(1), chosen, len(depth) - 1)]


def _meet(kinds, angles, bones, width) -> tuple[Float[np.ndarray, "n 3"], Float[np.ndarray, "n 3"]]:
    """Where between the thumb's tip and the fingers' an object so thick would be, and the way to the thumb's."""
    used = (travels(kinds)[:, 1:, :1] > 0).astype(float)
    best, found = np.full(len(kinds), np.inf), np.zeros((2, len(kinds), 3))
    for share in np.linspace(0, 0.7, 8):
        part = angles.copy()
        part[:, FLEXIONS] += share * travels(kinds)
        centres, radii = balls(part, np.tile(np.eye(4), (len(kinds), 1, 1)), bones, 2)
        tips, thick = centres[:, FIRST + 2 :: 3, 1], radii[:, FIRST + 2 :: 3, 1]
        fingers = (tips[:, 1:] * used).sum(1) / used.sum(1)
        apart = tips[:, 0] - fingers
        off = np.abs(np.linalg.norm(apart, axis=-1) - 2 * thick.mean(1) - width)
        better = off < best
        best = np.where(better, off, best)
        found[:, better] = np.stack([(tips[:, 0] + fingers) / 2, apart])[:, better]
    return found[0], _unit(found[1])


def _frames(turn: Float[np.ndarray, "n 3 3"], origin: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 4 4"]:
    root = np.tile(np.eye(4), (len(turn), 1, 1))
    root[:, :3, :3], root[:, :3, 3] = turn, origin
    return root


def _come_in(field, kinds, angles, root, way, bones, rng) -> Float[np.ndarray, "n 4 4"]:
    """Move in from START until something touches; a precise hand stops with the spot a little past its grip."""
    precise = np.array([PRESHAPES[NAMES[kind]].precise for kind in kinds])
    deepest = START + np.where(precise, rng.uniform(-0.006, 0.008, len(kinds)), 0.06)
    centres, radii = balls(angles, root, bones)

    def clear(share: np.ndarray) -> np.ndarray:
        moved = (share * deepest - START)[:, None] * way
        return gaps(field, centres + moved[:, None, None], radii).min((1, 2)) > -SINK

    share = _first_touch(clear, len(kinds), 40)
    root = root.copy()
    root[:, :3, 3] += (share * deepest - START)[:, None] * way
    return root


def _bend(field, angles, travel, root, bones) -> Float[np.ndarray, "n angles"]:
    """Three rounds: all free joints of a digit close together; where a link touches, it and all before it stop."""
    angles, free = angles.copy(), np.ones(travel.shape, bool)
    limit = LIMITS[FLEXIONS, 1]
    for _ in range(3):
        before = angles[:, FLEXIONS]
        go = np.where(free, np.minimum(travel, limit - before), 0.0)

        def touching(share: np.ndarray, before=before, go=go) -> np.ndarray:
            bent = angles.copy()
            bent[:, FLEXIONS] = before + share.reshape(-1, 5, 1) * go
            centres, radii = balls(bent, root, bones)
            gap = gaps(field, centres[:, FIRST:], radii[:, FIRST:]).min(-1)
            return gap.reshape(-1, 5, 3) < -SINK

        share = _first_touch(
            lambda share, at=touching, go=go: ~(at(share) & _moved(go)).any(-1).ravel(), go[..., 0].size
        )
        beyond = touching(np.minimum(share + 2.0 / STEPS / 2**HALVINGS, 1.0)) & _moved(go)
        angles[:, FLEXIONS] = before + share.reshape(-1, 5, 1) * go
        travel = travel - share.reshape(-1, 5, 1) * go
        stopped = np.flip(np.logical_or.accumulate(np.flip(beyond, -1), -1), -1)
        free &= ~stopped & beyond.any(-1, keepdims=True)
    return angles


def _moved(go: Float[np.ndarray, "n 5 3"]) -> np.ndarray:
    """Which links move: those at and beyond a joint that still turns."""
    return np.logical_or.accumulate(go > 0, -1)


def _first_touch(
    clear: Callable[[np.ndarray], np.ndarray], count: int, steps: int = STEPS
) -> Float[np.ndarray, "count"]:
    """The largest share of a way in [0, 1] that is clear from the start on: coarse steps, then bisection."""
    low, still = np.zeros(count), np.ones(count, bool)
    for step in range(1, steps + 1):
        still &= clear(np.where(still, step / steps, low))
        low = np.where(still, step / steps, low)
    high = np.where(still, 1.0, low + 1 / steps)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        free = clear(middle)
        low, high = np.where(free, middle, low), np.where(free, high, middle)
    return low


def _basis(first: Float[np.ndarray, "n 3"], second: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3 3"]:
    """Right-handed frames: the first column along `first`, the second as near to `second` as can be."""
    second = _unit(second - (second * first).sum(-1, keepdims=True) * first)
    return np.stack([first, second, np.cross(first, second)], -1)


def _unit(vectors: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
