"""Tallies of what is said before a grasp is seen: are the chances right, are draws like real grasps?"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from perpart.choice import grasps
from perpart.data.dataset import thinned
from perpart.scores import sets
from perpart.scores.calibration import BINS, Calibration
from perpart.scores.distance import apart
from perpart.scores.intervals import interval, means
from perpart.scores.judged import Judged
from perpart.scores.levels import TOUCH
from perpart.scores.tallies import ALL, MODEL, NAMES, NEAREST, REBUILT, Figure, per_part, shuffled
from perpart.scores.training import Plain

REAL = "real *"
NAN = float("nan")
HALVINGS = 8
"""How often an object's real grasps are halved at random."""


class Chances:
    """Calibration of forecasts of contact (its mean) and of touch (how often). The others' mean is left out here: for
    each grasp it is another forecast."""

    def __init__(self, objects: int, plain: Plain):
        self.plain, self.objects = plain, objects
        names = (MODEL, "draws' maps", NEAREST, "training's rate")
        self.tallies = {(name, event): Calibration.empty(objects) for name in names for event in ("contact", "touch")}

    def add(self, judged: Judged, row: int) -> None:
        shape = judged.cloud.shape[0], 1
        forecasts = {
            MODEL: (judged.expected, judged.touch),
            "draws' maps": (judged.drawn.mean(0, np.float64), (judged.drawn >= TOUCH).mean(0)),
            NEAREST: (judged.nearest.mean(0, np.float64), (judged.nearest >= TOUCH).mean(0)),
            "training's rate": (np.tile(self.plain.contact, shape), np.tile(self.plain.touch, shape)),
        }
        for name, (contact, touch) in forecasts.items():
            self.tallies[name, "contact"].add(contact, judged.real, row)
            self.tallies[name, "touch"].add(touch, judged.real >= TOUCH, row)

    def figures(self, weights: Float[np.ndarray, "drawn objects"]) -> Iterator[Figure]:
        for (name, event), tally in self.tallies.items():
            drawn, table = tally.weighed(weights), f"chance of {event}"
            yield from per_part(table, name, "ece", None, drawn.ece())
            yield from per_part(table, name, "brier", None, drawn.brier())
            yield from per_part(table, name, "rate", None, drawn.rate())
            if name == MODEL:
                yield from curve(table, tally.weighed(np.ones((1, self.objects))))


def curve(table: str, tally: Calibration) -> Iterator[Figure]:
    """The reliability curve of each part and of all: `at` is where a bin begins."""
    for measure, values in zip(("forecast", "observed", "share"), tally.curve(), strict=True):
        for part, bins in zip(NAMES, values[0], strict=True):
            for begin, value in enumerate(bins):
                yield Figure(table, MODEL, measure, begin / BINS, part, float(value), NAN, NAN)


class Sets:
    """How a set of maps resembles the real ones of its object, by D; everybody is held against the same half of the
    real grasps, in sets as large as that half, over several halvings. What the other half reaches is the ceiling, and
    what it reaches as the model rebuilds it that of any prior. What draws have more than these and the floor is told
    object by object: some objects are hard for all. `grasps` is the share of a pool's maps that are of grasps."""

    MEASURES = ("mmd", "coverage", "1-nna", "diversity", "energy", "grasps")

    def __init__(self, objects: int, plain: Plain):
        self.objects, self.found = objects, {}

    def add(self, judged: Judged, row: int) -> None:
        limit = len(judged.drawn)
        real, rebuilt = (thinned(maps, limit) for maps in (judged.real, judged.rebuilt))
        if len(real) < 4:  # of halves of one, nothing is near or far
            return
        sources = {MODEL: judged.drawn, NEAREST: judged.nearest, "category": judged.kin}
        halved = {REAL: real, REBUILT: rebuilt}
        pools = {**halved, **sources, "shuffled parts *": shuffled(judged)[: len(real)]}
        mean = real.mean(0, keepdims=True)
        for name, pool in {**pools, "own mean *": np.repeat(mean, len(real) // 2, axis=0)}.items():
            if len(pool) > 1:
                scores = likeness(pool, real, np.random.default_rng([judged.thing, HALVINGS]), name in halved)
                scores = np.append(scores, grasps(pool).mean())
                self.found.setdefault(name, np.full((self.objects, len(self.MEASURES)), NAN))[row] = scores

    def figures(self, weights: Float[np.ndarray, "drawn objects"]) -> Iterator[Figure]:
        for name, found in self._compared().items():
            for measure, values in zip(self.MEASURES, found.T, strict=True):
                yield Figure("sets", name, measure, None, ALL, *interval(means(weights, values)))
            yield Figure("sets", name, "objects", None, ALL, float(np.isfinite(found[:, 0]).sum()), NAN, NAN)

    def _compared(self) -> dict[str, Float[np.ndarray, "objects measures"]]:
        """Everybody's figures, and what draws have more than the floor and the ceilings."""
        others = [name for name in (NEAREST, REBUILT, REAL) if name in self.found]
        more = {f"{MODEL} - {name}": self.found[MODEL] - self.found[name] for name in others if MODEL in self.found}
        return {**self.found, **more}


def likeness(pool: np.ndarray, real: np.ndarray, rng: np.random.Generator, same: bool) -> np.ndarray:
    """MMD, coverage, 1-NNA, diversity and energy of a pool against halves of the real maps, averaged over halvings.

    With `same` the pool is the real ones, or one map for each of them: then samples come from the other half.
    """
    every = np.concatenate([pool, real])
    distances, count, scores = apart(every, every), len(real) // 2, []
    for _ in range(HALVINGS):
        order = rng.permutation(len(real))
        half, rest = order[:count], order[count : 2 * count]
        samples = rest if same else rng.permutation(len(pool))[:count]
        reference = len(pool) + half[: len(samples)]
        members = np.concatenate([samples, reference])
        within, cross = distances[np.ix_(members, members)], distances[np.ix_(samples, reference)]
        size = len(samples)
        scores.append([
            sets.matching(cross), sets.coverage(cross), sets.leave_one_out(within, size),
            sets.diversity(within[:size, :size]),
            sets.energy(cross, within[:size, :size], within[size:, size:]),
        ])  # fmt: skip
    return np.mean(scores, axis=0)
