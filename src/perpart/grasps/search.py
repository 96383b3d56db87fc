"""The search for grasps on one object: tries in rounds, filters, physics, no near-duplicates, many pre-shapes

Which pre-shapes are tried follows what works on this object, until each has its share. Everything is drawn from
one generator seeded by (seed, category, the object's seed): the search does not know what other objects do.
"""

import zlib
from collections import Counter
from copy import deepcopy
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from perpart import clouds, objects
from perpart.anatomy import draw_bones
from perpart.grasps import filters
from perpart.grasps.closing import Tries, close
from perpart.grasps.hold import Bench
from perpart.hands import Hands
from perpart.objects.field import build
from perpart.preshapes import NAMES

ROUND = 112  # tries at a time
CHOICES = 6  # places to choose from per try
FEW, RATE, PATIENCE = 4, 0.02, 280  # grasps; grasps per try; tries
POOL = 4096  # surface points to come in at
NEIGHBOURHOOD = 0.05  # m: within this the object's long side is looked for
VARIETY = 6  # one pre-shape may fill a sixth of what an object gets, rounded up
SAME = (0.01, np.radians(15), np.radians(8))  # nearer than this in palm place, palm turn and mean joint: a duplicate


@dataclass
class Catch:
    """The grasps found on one object, and why the other tries were rejected."""

    kinds: list[int] = field(default_factory=list)
    angles: list[np.ndarray] = field(default_factory=list)
    root: list[np.ndarray] = field(default_factory=list)
    bones: list[np.ndarray] = field(default_factory=list)
    quality: list[tuple[float, ...]] = field(default_factory=list)
    reasons: Counter = field(default_factory=Counter)
    tried: np.ndarray = field(default_factory=lambda: np.zeros(len(NAMES)))  # per pre-shape
    turns: list[tuple[int, int]] = field(default_factory=list)  # per turn: tries, and grasps they gave

    def add(self, kind: int, one: Hands, quality: tuple[float, ...]) -> None:
        """Keep a grasp."""
        self.kinds.append(kind)
        self.quality.append(quality)
        for name in ("angles", "root", "bones"):
            getattr(self, name).append(getattr(one, name)[0])


def search(category: str, seed: int, wanted: int, rounds: int, draw: int, *before: Catch) -> Catch:
    """Look for `wanted` grasps on the object (category, seed), for at most so many rounds of 112 tries; with what was
    caught before, for what is lacking, with other random numbers."""
    catch = deepcopy(before[0]) if before else Catch()
    tried, caught = catch.reasons.total(), len(catch.kinds)
    rng = np.random.default_rng([draw, zlib.crc32(category.encode()), seed, len(catch.turns)])
    place = _Place(category, seed, rng)
    for _ in range(rounds):
        kinds = _kinds(catch.tried, np.bincount(catch.kinds, minlength=len(NAMES)), wanted, rng)
        np.add.at(catch.tried, kinds, 1)
        _round(place, kinds, wanted, rng, catch)
        if len(catch.kinds) >= wanted or _hopeless(len(catch.kinds) - caught, catch.reasons.total() - tried):
            break
    catch.turns.append((catch.reasons.total() - tried, len(catch.kinds) - caught))
    return catch


def _hopeless(caught: int, tried: float) -> bool:
    """An object so hard to hold is left, with a few grasps, to save time for others."""
    return caught >= FEW and caught < RATE * tried and tried >= PATIENCE


class _Place:
    """The object with all that a try asks of it."""

    def __init__(self, category: str, seed: int, rng: np.random.Generator) -> None:
        thing = objects.build(category, seed)
        self.field, self.bench = build(thing.mesh), Bench(thing)
        self.reach = float(np.linalg.norm(thing.mesh.vertices, axis=1).max())
        self.pool = np.asarray(clouds.surface(thing.mesh, POOL, rng), dtype=np.float64)
        self.skin = filters.skin(self.field)


def _round(place: _Place, kinds: np.ndarray, wanted: int, rng: np.random.Generator, catch: Catch) -> None:
    spots = place.pool[rng.integers(len(place.pool), size=(len(kinds), CHOICES))]
    extent = np.stack([_long_side(place.pool, spot[:3]) for spot in spots[:, 0]])
    # Grasps are stored as float32: judge what will be stored, not a neighbour of it.
    tries = Tries(kinds, spots, extent, _stored(draw_bones(rng, len(kinds))))
    angles, root = close(place.field, tries, rng)
    hands = Hands.of(_stored(angles), _stored(root), tries.bones)
    verdict = filters.judge(place.field, hands)
    for i, why in enumerate(verdict.why):
        if len(catch.kinds) == wanted:
            return
        one = hands[i : i + 1]
        reason, figures = (why, ()) if why else _prove(place, catch, one, verdict.touching[i])
        catch.reasons[reason or "accepted"] += 1
        if not reason:
            catch.add(int(kinds[i]), one, (float(verdict.depth[i]), *figures))


def _stored(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float32).astype(np.float64)


def _prove(place: _Place, catch: Catch, one: Hands, touching: np.ndarray) -> tuple[str, tuple[float, ...]]:
    """The dear filters, cheapest first: what rejects the try, or nothing and its figures."""
    if any(_same(one, *other) for other in zip(catch.angles, catch.root, strict=True)):
        return "duplicate", ()
    epsilon = filters.closure(place.field, one, place.reach)
    if epsilon < filters.EPSILON:
        return "closure", ()
    volume = filters.overlap(place.skin, place.field, one)
    if volume > filters.VOLUME:
        return "volume", ()
    held = place.bench.hold(one, touching)
    return ("" if held.fast else "hold"), (volume, epsilon, held.shift, held.turn)


def _kinds(tried: np.ndarray, caught: np.ndarray, wanted: int, rng: np.random.Generator) -> np.ndarray:
    """Pre-shapes for a round: likelier where they have worked, none beyond its share; the first round tries all."""
    if not tried.any():
        return np.arange(ROUND) % len(NAMES)
    chance = (caught + 1) / (tried + 6) * (caught < -(-wanted // VARIETY))
    return rng.choice(len(NAMES), ROUND, p=chance / chance.sum())


def _long_side(pool: Float[np.ndarray, "points 6"], spot: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3"]:
    """The direction in which the surface around the spot reaches furthest."""
    away = pool[:, :3] - spot
    near = away[np.einsum("ij,ij->i", away, away) < NEIGHBOURHOOD**2]
    return np.linalg.eigh(np.cov(near.T))[1][:, -1]


def _same(one: Hands, angles: np.ndarray, root: np.ndarray) -> bool:
    shift = np.linalg.norm(one.root[0, :3, 3] - root[:3, 3])
    turn = np.arccos(np.clip((np.trace(one.root[0, :3, :3].T @ root[:3, :3]) - 1) / 2, -1, 1))
    return bool(shift < SAME[0] and turn < SAME[1] and np.abs(one.angles[0] - angles).mean() < SAME[2])
