"""A judged object that is invented: what each guesser says of it is known beforehand"""

from dataclasses import replace

import numpy as np

from perpart.scores.judged import Judged
from perpart.scores.training import Plain

PLAIN = Plain(np.full(16, 0.05), np.full(16, 0.02), np.tile([0.0, 0.0, 1.0], (16, 1)))


def invented(thing: int = 0, grasps: int = 6, points: int = 40) -> Judged:
    """Each grasp touches ten points with two parts, drawn from the same few for the model and the training set."""
    rng = np.random.default_rng(thing)

    def maps(count: int) -> np.ndarray:
        found = np.zeros((count, points, 16), np.float32)
        for grasp in found:
            parts, rows = rng.choice(4, 2, replace=False), rng.choice(points, 10, replace=False)
            grasp[np.ix_(rows, parts)] = 1.0
        return found

    real = maps(grasps)
    upward = np.tile(np.float32([0, 0, 1]), (grasps, points, 1))
    return Judged(
        thing, np.arange(grasps), np.zeros((points, 6), np.float32), real, real.argmax(-1), upward,
        rebuilt=real.copy(), towards=upward.copy(), mu=rng.normal(size=(grasps, 3)), logvar=np.zeros((grasps, 3)),
        drawn=maps(8), expected=maps(8).mean(0), touch=(maps(8) >= 0.5).mean(0), nearest=maps(8), kin=maps(0),
    )  # fmt: skip


def changed(judged: Judged, **fields: np.ndarray) -> Judged:
    """The same object with some maps replaced."""
    return replace(judged, **fields)
