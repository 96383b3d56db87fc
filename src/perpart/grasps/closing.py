"""Closing a hand on an object: place it, move it in until it touches, bend each digit from its base to its tip"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from perpart.anatomy import LIMITS, limited
from perpart.hands import Hands, gaps
from perpart.objects.field import Field
from perpart.preshapes import ACROSS, FLEXIONS, NAMES, PRESHAPES, Preshape, opened, travels

BALLS = 7  # per cone: 4 to 11 mm apart, so a ball's neighbours overhang it by less than 1 mm
SINK = 0.0006  # m: how deep a closing link presses in, as soft flesh does
STEPS, HALVINGS = 20, 5
WAYS = 8  # to come in from, per spot
BEHIND, ROOM = (0.04, 0.07, 0.1), 0.025  # m: a pinching hand wants this much room so far behind its fingertips
LEVER = 0.15  # m of room that a metre from the middle outweighs
LANES, BESIDE = (0.0, 0.03, 0.06), 0.012  # m: and beside them, so far behind, a digit's breadth
CLOSED, OFF = np.linspace(0, 0.9, 7), 0.01  # shares of the travel; m off that weigh as much as a right angle astray
EARLY = 0.3  # of its travel: so much before it holds, a precise hand comes in
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
    angles, travel = opened(tries.kinds, rng), travels(tries.kinds)
    root, way, closed = _aim(field, tries, angles, rng)
    start = np.maximum(closed - EARLY, 0)[..., None] * travel
    angles[:, FLEXIONS] += start
    root = _come_in(field, tries, Hands.of(angles, root, tries.bones), way, rng)
    return _bend(field, Hands.of(angles, root, tries.bones), travel - start), root


def _aim(
    field: Field, tries: Tries, angles: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Palm frames as if the hand had arrived, the way in (unit, object's frame), and how far each digit of a precise
    hand has closed (a share of its travel) when it holds."""
    root, way, closed = np.zeros((len(tries), 4, 4)), np.zeros((len(tries), 3)), np.zeros((len(tries), 5))
    fine = tries.precise
    if not fine.all():
        root[~fine], way[~fine] = _power(tries[~fine], rng)
    if fine.any():
        root[fine], way[fine], closed[fine] = _precise(field, tries[fine], angles[fine], rng)
    return root, way, closed


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


def _precise(field: Field, tries: Tries, angles: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Thumb and fingers on two opposite sides, coming in from where there is room: palm frames, the way in, and how
    far each digit has closed."""
    spots, way, width = _reachable(field, tries.spots, rng)
    meet, opening, closed = _meet(tries, angles, width)
    normal = _unit(spots[:, 3:] + 0.12 * rng.standard_normal((len(tries), 3)))
    middle = spots[:, :3] - 0.5 * width[:, None] * spots[:, 3:]
    approach = _unit(np.array([shape.approach for shape in tries.shapes]))
    turn = _basis(normal, way) @ _basis(opening, approach).swapaxes(1, 2)
    return _frames(turn, middle - np.einsum("nij,nj->ni", turn, meet)), way, closed


def _reachable(field: Field, spots: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Per try the point that has room behind it for a hand and is not far from the middle, where the object would turn
    between two fingertips; the way in from there, and the thickness under it."""
    n, choices, ways = *spots.shape[:2], WAYS
    flat = spots.reshape(-1, 6)
    width = _width(field, flat, rng)
    way = rng.standard_normal((len(flat), ways, 3))
    way = _unit(way - (way * flat[:, None, 3:]).sum(-1, keepdims=True) * flat[:, None, 3:])
    lever = np.linalg.norm(flat[:, :3] - 0.5 * width[:, None] * flat[:, 3:], axis=-1)
    worth = np.minimum(_room(field, flat, width, way), ROOM) - LEVER * lever[:, None]  # enough room is enough
    best = worth.reshape(n, choices * ways).argmax(1) + np.arange(n) * choices * ways
    return flat[best // ways], way.reshape(-1, 3)[best], width[best // ways]


def _room(field: Field, spots: np.ndarray, width: np.ndarray, way: np.ndarray) -> Float[np.ndarray, "n ways"]:
    """How much room (m) there is for the hand behind its fingertips, and for thumb and fingers on their two sides."""
    normal, thick = spots[:, None, 3:], width[:, None, None]
    middle = spots[:, None, :3] - 0.5 * thick * normal
    places = [middle - behind * way for behind in BEHIND]
    places += [middle + side * (0.5 * thick + BESIDE) * normal - behind * way for side in (1, -1) for behind in LANES]
    far = field.distance(np.stack(places).reshape(-1, 3))[0].reshape(len(places), *way.shape[:2])
    return np.minimum(far[: len(BEHIND)].min(0), ROOM / BESIDE * far[len(BEHIND) :].min(0))


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


def _meet(tries: Tries, angles: np.ndarray, width: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where between the thumb's tip and what it meets an object so thick is held best: the middle, the way to the
    thumb's tip, and how far (a share of its travel) each digit has closed by then.

    Best: as far apart as the object is thick, and coming towards each other, not past."""
    thumb, fingers = _ways_of_tips(tries, angles)
    apart = thumb.place[:, :, None] - fingers.place[:, None]
    length = np.linalg.norm(apart, axis=-1)
    opening = apart / length[..., None]
    off = np.abs(length - thumb.thick[:, :, None] - fingers.thick[:, None] - width[:, None, None])
    astray = (thumb.way[:, :, None] * opening).sum(-1) - (fingers.way[:, None] * opening).sum(-1)
    best = (off / OFF + astray).reshape(len(tries), -1).argmin(1)
    n, (t, f) = np.arange(len(tries)), np.unravel_index(best, off.shape[1:])
    middle = (thumb.place[n, t] + fingers.place[n, f]) / 2
    return middle, opening[n, t, f], np.stack([CLOSED[t], *[CLOSED[f]] * 4], -1)


@dataclass(frozen=True)
class _Tips:
    """Where the pads that pinch are, how thick (m), and which way (unit) they move, at each share in CLOSED."""

    place: Float[np.ndarray, "n shares 3"]
    thick: Float[np.ndarray, "n shares"]
    way: Float[np.ndarray, "n shares 3"]

    @classmethod
    def of(cls, place: np.ndarray, thick: np.ndarray) -> "_Tips":
        move = np.gradient(place, axis=1)
        return cls(place, thick, move / np.maximum(np.linalg.norm(move, axis=-1, keepdims=True), 1e-3))


def _ways_of_tips(tries: Tries, angles: np.ndarray) -> tuple[_Tips, _Tips]:
    """Of the thumb's tip, and of what it meets: the tips of the fingers in use, or the index finger's side."""
    n, travel = len(tries), travels(tries.kinds)
    used = (travel[:, 1:, :1] > 0).astype(float)
    side = np.array([shape.side for shape in tries.shapes])[:, None]
    rows = []
    for share in CLOSED:
        bent = angles.copy()
        bent[:, FLEXIONS] += share * travel
        centres, radii = Hands.of(limited(bent), np.tile(np.eye(4), (n, 1, 1)), tries.bones).balls(3)
        tips, thick = centres[:, FIRST + 2 :: 3, 2], radii[:, FIRST + 2 :: 3, 2]
        fingers = np.where(side, centres[:, FIRST + 4, 1], (tips[:, 1:] * used).sum(1) / used.sum(1))
        rows.append((tips[:, 0], thick[:, 0], fingers, np.where(side[:, 0], radii[:, FIRST + 4, 1], thick[:, 1])))
    columns = [np.stack(column, 1) for column in zip(*rows, strict=True)]
    return _Tips.of(*columns[:2]), _Tips.of(*columns[2:])


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
            gap = gaps(field, *Hands.of(limited(bent), hands.root, hands.bones).balls(BALLS, FIRST)).min(-1)
            return gap.reshape(-1, 5, 3) < -SINK

        share = _first_touch(
            lambda share, at=touching, go=go: ~(at(share) & _moved(go)).any(-1).ravel(), go[..., 0].size
        )
        beyond = touching(np.minimum(share + 2.0 / STEPS / 2**HALVINGS, 1.0)) & _moved(go)
        angles[:, FLEXIONS] = before + share.reshape(-1, 5, 1) * go
        travel = travel - share.reshape(-1, 5, 1) * go
        stopped = np.flip(np.logical_or.accumulate(np.flip(beyond, -1), -1), -1)
        free &= ~stopped & beyond.any(-1, keepdims=True)
    return limited(angles)  # a finger that bends cannot stay spread


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
