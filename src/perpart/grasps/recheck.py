"""An independent second look at stored grasps: measured by another road than the search's, against the same limits

Penetration comes from mesh booleans and exact distances instead of balls on a grid, force closure from linear programs
with a finer friction cone and contacts of their own, the hold from the physics run again with what those contacts say
touches. The limits are the makers'; what discretisation may add to them stands beside each, with its reason.
"""

from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from perpart.anatomy import LIMITS as RANGES
from perpart.anatomy import limited
from perpart.data import things
from perpart.data.graspset import GraspSet, load
from perpart.errors import Mistake
from perpart.grasps import filters, hold, search, variety
from perpart.grasps.bodies import Body, hand_of
from perpart.grasps.wrenches import resisted
from perpart.objects import Object, build


@dataclass(frozen=True)
class Limit:
    """What one figure of a grasp must keep: at most `bound` (or at least, if `least`), give or take `slack`."""

    what: str
    bound: float
    slack: float
    least: bool = False

    def beyond(self, values: Float[np.ndarray, "n"]) -> np.ndarray:
        """Which values are beyond the limit and its slack."""
        return values < self.bound - self.slack if self.least else values > self.bound + self.slack

    def worst(self, values: Float[np.ndarray, "n"]) -> float:
        """The value nearest to the limit, or furthest beyond it."""
        return float(values.min() if self.least else values.max())


LIMITS = (
    # The search's grid is true to 0.2 mm within 2 mm of the surface; see perpart.objects.field.
    Limit("hand into the object, mm", 2.0, 0.2),
    Limit("object into the hand, mm", 2.0, 0.2),
    # The search counts voxels of 1 mm³; on some 100 mm² of skin half a voxel's layer is 50 mm³.
    Limit("shared volume, mm³", 1000.0, 50.0),
    # A gap of 1 mm touches in the search; here, for its grid's sake again, 1.2 mm.
    Limit("touching parts", 3, 0, least=True),
    Limit("digits touching, with thumb or palm", 2, 0, least=True),
    # By all that touches, at 1.2 mm; more than nothing, as a millionth of the force is a linear program's rounding.
    Limit("wrench resisted along the weakest axis", 1e-6, 0.0, least=True),
    # The same physics: what differs is only which digits squeeze, by the contacts found here.
    Limit("shift, mm", 20.0, 0.0),
    Limit("turn, °", 15.0, 0.0),
    # Angles are stored in single precision, which is 1e-5 degrees here.
    Limit("joint beyond its range, °", 0.0, 1e-4),
    Limit("abduction beyond the bent knuckle's, °", 0.0, 1e-3),
    Limit("near-duplicates on its object", 0.0, 0.0),
)
TOUCH = filters.TOUCH + 0.0002  # m


def check(data: Path | None, sample: int, seed: int) -> bool:
    """Look again at grasps drawn at random, print the table, and say whether all keep the limits.

    Raises Mistake for a sample of less than one grasp, or a set without grasps.
    """
    grasps = load(data)
    if sample < 1 or not len(grasps):
        raise Mistake(f"--sample is {sample} of {len(grasps)} grasps; there must be one at least")
    count = min(sample, len(grasps))
    chosen = np.sort(np.random.default_rng(seed).choice(len(grasps), count, replace=False))
    figures = look(grasps, chosen)
    print(f"{count} of {len(grasps)} grasps, drawn at random (seed {seed})")
    print(table(figures))
    for line in failures(grasps, chosen, figures):
        print(line)
    return not any(limit.beyond(column).any() for limit, column in zip(LIMITS, figures.T, strict=True))


def look(grasps: GraspSet, chosen: Int[np.ndarray, "n"]) -> Float[np.ndarray, "n limits"]:
    """The figures of some grasps, in the order of LIMITS."""
    rows = []
    for thing, mine in groupby(chosen.tolist(), key=lambda g: int(grasps.object_of[g])):
        place = _Place(grasps, thing)
        rows += [place.figures(g) for g in mine]
    return np.array(rows, dtype=np.float64)


def table(figures: Float[np.ndarray, "n limits"]) -> str:
    """A line per limit: what it is, the worst found, and how many are beyond."""
    lines = [f"{'':40s} {'limit':>12s} {'slack':>8s} {'worst':>9s} {'beyond':>7s}"]
    for limit, column in zip(LIMITS, figures.T, strict=True):
        bound = f"{'≥' if limit.least else '≤'} {limit.bound:.4g}" if np.isfinite(limit.bound) else "none"
        beyond = int(limit.beyond(column).sum())
        lines.append(f"{limit.what:40s} {bound:>12s} {abs(limit.slack):8.1g} {limit.worst(column):9.4g} {beyond:7d}")
    return "\n".join(lines)


def failures(grasps: GraspSet, chosen: Int[np.ndarray, "n"], figures: Float[np.ndarray, "n limits"]) -> list[str]:
    """A line per grasp that is beyond a limit."""
    lines = []
    for g, row in zip(chosen, figures, strict=True):
        wrong = [
            f"{limit.what} {value:.4g}"
            for limit, value in zip(LIMITS, row, strict=True)
            if limit.beyond(np.array(value))
        ]
        if wrong:
            called = things.name(grasps.objects[grasps.object_of[g]])
            lines.append(f"grasp {g}, {called}, {grasps.preshapes[grasps.kind[g]]}: {'; '.join(wrong)}")
    return lines


def _rebuilt(thing: things.Thing) -> Object:
    if isinstance(thing, things.Own):
        raise Mistake(f"{thing.name} has no recipe, so nothing tells its mass; try python -m perpart.data check")
    return build(*thing)


class _Place:
    """One object, rebuilt, with all that is asked of it."""

    def __init__(self, grasps: GraspSet, thing: int) -> None:
        self.grasps = grasps
        rebuilt = _rebuilt(grasps.objects[thing])
        self.body, self.bench = Body(rebuilt.mesh), hold.Bench(rebuilt)
        self.mine = np.flatnonzero(grasps.object_of == thing)
        self.twins = variety.same(grasps.angles[self.mine], grasps.root[self.mine], search.SAME).sum(axis=1)

    def figures(self, g: int) -> tuple[float, ...]:
        """The figures of one grasp, in the order of LIMITS."""
        one = hand_of(self.grasps, g)
        near, shared = self.body.near(one), self.body.shared(one)
        touching = near.touching(TOUCH)
        held = self.bench.hold(one, near.touching(filters.TOUCH))
        outside = np.maximum(RANGES[:, 0] - one.angles, one.angles - RANGES[:, 1]).max()
        spread = np.abs(one.angles - limited(one.angles)).max()
        return (
            1e3 * shared.hand_in,
            1e3 * shared.object_in,
            1e9 * shared.volume,
            touching.sum(),
            _digits(touching),
            resisted(near, TOUCH, self.body.reach),
            1e3 * held.shift,
            np.degrees(held.turn),
            max(0.0, np.degrees(outside)),
            np.degrees(spread),
            self.twins[np.flatnonzero(self.mine == g)[0]],
        )


def _digits(touching: np.ndarray) -> int:
    """How many digits touch; 0 unless the thumb or the palm does."""
    digits = touching[1:].reshape(5, 3).max(axis=1)
    return int(digits.sum()) if touching[0] or digits[0] else 0
