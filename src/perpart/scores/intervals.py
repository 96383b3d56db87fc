"""How far a figure would move with other objects: percentile bootstrap over objects, with a fixed seed

Grasps of one object resemble each other, so objects are drawn, not grasps: n of n with replacement, 1,000 times, and
the figure is recomputed from their counts; its 2.5 and 97.5 percentiles are the interval (Efron & Tibshirani, 1993).
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

DRAWS = 1000


class Interval(NamedTuple):
    """A figure of all objects, and the bounds of its 95 % interval; nan where there is nothing to tell."""

    value: float
    low: float
    high: float


def resamplings(objects: int, draws: int = DRAWS, seed: int = 0) -> Float[np.ndarray, "1+draws objects"]:
    """How often each object is drawn: in row 0 once, then as chance has it."""
    drawn = np.random.default_rng(seed).multinomial(objects, np.full(objects, 1 / objects), draws)
    return np.concatenate([np.ones((1, objects)), drawn])


def interval(figures: Float[np.ndarray, "1+draws"]) -> Interval:
    """Of a figure for each row of `resamplings`: the first is its value, the others tell how it varies."""
    drawn = figures[1:][np.isfinite(figures[1:])]
    if not np.isfinite(figures[0]) or not len(drawn):
        return Interval(*(float("nan"),) * 3)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Interval(float(figures[0]), float(low), float(high))


def means(weights: Float[np.ndarray, "drawn objects"], figures: Float[np.ndarray, "objects"]) -> np.ndarray:
    """The mean over objects of a figure of each, for each row of weights; objects without it (nan) do not count."""
    known = np.isfinite(figures)
    count = weights @ known
    return np.divide(weights @ np.where(known, figures, 0.0), count, out=np.full(len(weights), np.nan), where=count > 0)
