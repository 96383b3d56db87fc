"""Closing a hand on an object: place it, move it in until it touches, bend each digit from its base to its tip"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from perpart.anatomy import LIMITS
from perpart.hands import Hands, gaps
from perpart.objects.field import Field
from perpart.preshapes import ACROSS, FLEXIONS, NAMES, PRESHAPES, Preshape, opened, travels

BALLS = 7  # per cone: 4 to 11 mm apart, so a ball's neighbours overhang it by less than 1 mm
SINK = 0.0006  # m: how deep a closing link presses in, as soft flesh does
STEPS, HALVINGS = 20, 5
BEHIND, ROOM = (0.04, 0.07, 0.1), 0.025  # m: a pinching hand wants this much room so far behind its fingertips
START = 0.16  # m: how far off the hand starts to come in
FIRST = 6  # the first cone that is not the palm's


@dataclass(frozen=True)
class Tries:
    """n tries on one object: which pre-shape, where, and with what hand.

    `spots` are surface points (m) with outward normals to choose from: a power grasp takes the first, a precise one
    that which can best be reached. `extent` is the object's long side (unit) at the first.
    """

    kinds: Int[np.ndarray, "n"]
    spots: Float[np.ndarray, "n choices 6"]
    extent: Float[np.ndarray, "n 3"]
    bones: Float[np.ndarray, "n bones"]

    def __len__(self) -> int:
        return len(self.kinds)

    def __getitem__(self, which: np.ndarray) -> "Tries":
        return Tries(self.kinds[which], self.spots[which], self.extent[which], self.bones[which])

    @property
    def shapes(self) -> list[Preshape]:
        """The pre-shape of each try."""
        return [PRESHAPES[NAMES[kind]] for kind in self.kinds]

    @property
    def precise(self) -> Bool[np.ndarray, "n"]:
        """Which tries use the fingertips."""
        return np.array([shape.precise for shape in self.shapes])


def close(
    field: Field, tries: Tries, rng: np.random.Generator
) -> tuple[Float[np.ndarray, "n angles"], Float[np.ndarray, "n 4 4"]]:
    """Carry out tries. Returns joint angles (radians) and palm frames in the object's frame. A try may fail: the
    filters judge."""
    angles = opened(tries.kinds, rng)
    root, way = _aim(field, tries, angles, rng)
    root = _come_in(field, tries, Hands.of(angles, root, tries.bones), way, rng)
    return _bend(field, Hands.of(angles, root, tries.bones), travels(tries.kinds)), root


def _aim(field: Field, tries: Tries, angles: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Palm frames as if the hand had arrived, and the way in (unit, object's frame)."""
    root, way = np.zeros((len(tries), 4, 4)), np.zeros((len(tries), 3))
    fine = tries.precise
    if not fine.all():
        root[~fine], way[~fine] = _power(tries[~fine], rng)
    if fine.any():
        root[fine], way[fine] = _precise(field, tries[fine], angles[fine], rng)
    return root, way


def _power(tries: Tries, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The palm over the spot, its breadth along the object's long side: palm frames, and the way in."""
    n, spots = len(tries), tries.spots[:, 0]
    approach = _unit(np.array([shape.approach for shape in tries.shapes]))
    normal = _unit(spots[:, 3:] + 0.2 * rng.standard_normal((n, 3)))  # come in some 15 degrees aslant
    aligned = np.where(rng.random((n, 1)) < 0.85, tries.extent, rng.standard_normal((n, 3)))
    aligned = (aligned + 0.2 * rng.standard_normal((n, 3))) * rng.choice([-1.0, 1.0], (n, 1))
    turn = _basis(-normal, aligned) @ _basis(approach, np.tile(ACROSS, (n, 1))).swapaxes(1, 2)
    under = np.array([0.072, 0.0, -0.012]) * tries.bones[:, -1:]
    under = under + rng.standard_normal((n, 3)) * [0.012, 0.012, 0]
    return _frames(turn, spots[:, :3] - np.einsum("nij,nj->ni", turn, under)), -normal


def _precise(field: Field, tries: Tries, angles: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Thumb and fingers on two opposite sides, coming in from where there is room: palm frames, and the way in."""
    spots, way, width = _reachable(field, tries.spots, rng)
    meet, opening = _meet(tries, angles, width)
    normal = _unit(spots[:, 3:] + 0.12 * rng.standard_normal((len(tries), 3)))
    middle = spots[:, :3] - 0.5 * width[:, None] * spots[:, 3:]
    approach = _unit(np.array([shape.approach for shape in tries.shapes]))
    turn = _basis(normal, way) @ _basis(opening, approach).swapaxes(1, 2)
    return _frames(turn, middle - np.einsum("nij,nj->ni", turn, meet)), way


def _reachable(field: Field, spots: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
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


def _meet(
    tries: Tries, angles: np.ndarray, width: np.ndarray
) -> tuple[Float[np.ndarray, "n 3"], Float[np.ndarray, "n 3"]]:
    """Where between the thumb's tip and the fingers' an object so thick would be, and the way to the thumb's."""
    n, travel = len(tries), travels(tries.kinds)
    used = (travel[:, 1:, :1] > 0).astype(float)
    best, found = np.full(n, np.inf), np.zeros((2, n, 3))
    for share in np.linspace(0, 0.7, 8):
        part = angles.copy()
        part[:, FLEXIONS] += share * travel
        centres, radii = Hands.of(part, np.tile(np.eye(4), (n, 1, 1)), tries.bones).balls(2)
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


def _come_in(
    field: Field, tries: Tries, hands: Hands, way: np.ndarray, rng: np.random.Generator
) -> Float[np.ndarray, "n 4 4"]:
    """Move in from START until something touches; a precise hand stops with the spot a little past its grip."""
    deepest = START + np.where(tries.precise, rng.uniform(-0.006, 0.008, len(tries)), 0.06)
    centres, radii = hands.balls(BALLS)

    def clear(share: np.ndarray) -> np.ndarray:
        moved = (share * deepest - START)[:, None] * way
        return gaps(field, centres + moved[:, None, None], radii).min((1, 2)) > -SINK

    share = _first_touch(clear, len(tries), 40)
    root = hands.root.copy()
    root[:, :3, 3] += (share * deepest - START)[:, None] * way
    return root


def _bend(field: Field, hands: Hands, travel: Float[np.ndarray, "n 5 3"]) -> Float[np.ndarray, "n angles"]:
    """Three rounds: all free joints of a digit close together; where a link touches, it and all before it stop."""
    angles, free = hands.angles.copy(), np.ones(travel.shape, bool)
    limit = LIMITS[FLEXIONS, 1]
    for _ in range(3):
        before = angles[:, FLEXIONS]
        go = np.where(free, np.minimum(travel, limit - before), 0.0)

        def touching(share: np.ndarray, before=before, go=go) -> np.ndarray:
            bent = angles.copy()
            bent[:, FLEXIONS] = before + share.reshape(-1, 5, 1) * go
            gap = gaps(field, *Hands.of(bent, hands.root, hands.bones).balls(BALLS, FIRST)).min(-1)
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
