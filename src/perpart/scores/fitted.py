"""A tally of grasps: our hand fitted to draws, to carried, rebuilt and real maps, and judged as a hand

All fits are from contact alone, for maps that are carried over from another object have no directions.
"""

from collections.abc import Iterator
from dataclasses import fields

import numpy as np
from jaxtyping import Float

from perpart.data.dataset import thinned
from perpart.data.graspset import GraspSet
from perpart.data.source import Source
from perpart.fits import solve
from perpart.fits.asked import Maps
from perpart.fits.trials import Place, Worth, of
from perpart.hands import Hands
from perpart.scores.clusters import features, spread
from perpart.scores.intervals import interval, means
from perpart.scores.judged import Judged
from perpart.scores.tallies import ALL, MODEL, NEAREST, REBUILT, Figure

TABLE = "grasps"
REAL, TRUE = "real maps *", "real hands *"
MEASURES = tuple(field.name for field in fields(Worth))
NAN = float("nan")


class Grasps:
    """Fits at most `most` hands an object to the draws, to the nearest training object's maps, to rebuilt and to real
    maps of the same grasps (the ceiling), and judges these and the real hands of them."""

    def __init__(self, objects: int, source: Source, most: int, seed: int):
        self.objects, self.source, self.most, self.seed = objects, source, most, seed
        self.found: dict[str, np.ndarray] = {}
        self.poses: dict[str, list[np.ndarray]] = {}

    def add(self, judged: Judged, row: int) -> None:
        """Fit and judge on one object."""
        place = Place(of(self.source.objects[judged.thing]))
        grasps, real, rebuilt = (thinned(of_all, self.most) for of_all in (judged.grasps, judged.real, judged.rebuilt))
        asked = {MODEL: judged.drawn[: self.most], NEAREST: judged.nearest[: self.most], REBUILT: rebuilt, REAL: real}
        for name, contact in asked.items():
            maps = Maps(judged.cloud, contact)
            fits = solve.fitted(maps, place.ground, self.seed)
            self._note(name, row, Hands.of(fits.angles, fits.root, fits.bones), maps, place)
        if isinstance(self.source, GraspSet):
            arrays = (self.source.angles, self.source.root, self.source.bones)
            true = Hands.of(*(array[grasps].astype(np.float64) for array in arrays))
            self._note(TRUE, row, true, Maps(judged.cloud, real), place)

    def _note(self, name: str, row: int, hands: Hands, maps: Maps, place: Place) -> None:
        worth = place.worth(hands, maps)
        mine = self.found.setdefault(name, np.full((self.objects, len(MEASURES)), NAN))
        mine[row] = [_mean(getattr(worth, measure)) for measure in MEASURES]
        self.poses.setdefault(name, []).append(features(hands.angles, hands.root))

    def figures(self, weights: Float[np.ndarray, "drawn objects"]) -> Iterator[Figure]:
        """The mean over objects of every figure of `Worth`; over all hands, how varied they are."""
        for name, found in self.found.items():
            for measure, values in zip(MEASURES, found.T, strict=True):
                yield Figure(TABLE, name, measure, None, ALL, *interval(means(weights, values)))
            poses = np.concatenate(self.poses[name])
            for measure, value in zip(("entropy", "cluster size"), spread(poses), strict=True):
                yield Figure(TABLE, name, measure, None, ALL, value, NAN, NAN)
            yield Figure(TABLE, name, "hands", None, ALL, float(len(poses)), NAN, NAN)


def _mean(values: Float[np.ndarray, "hands"]) -> float:
    """Of what is known."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else NAN
