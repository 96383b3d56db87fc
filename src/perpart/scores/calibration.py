"""Is a forecast contact worth its number? ECE, Brier score and the reliability curve

Of N forecasts p with outcomes y in [0, 1], sorted into ten bins of equal width by p: the reliability curve is the mean
outcome beside the mean forecast of each bin; expected calibration error is sum over bins of n_b / N * |mean p - mean y|
(Naeini et al., AAAI 2015); the Brier score (1950) is the mean of (p - y)^2. Outcomes may be yes and no, or contact
itself: then a calibrated p is its mean.
"""

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from perpart.scores.levels import PARTS
from perpart.scores.overlap import share, with_all

BINS = 10


@dataclass
class Calibration:
    """Sums per row (an object), part and bin, to be weighed and added as `Overlap`'s counts are."""

    count: Float[np.ndarray, "rows 16 bins"]
    forecast: Float[np.ndarray, "rows 16 bins"]
    outcome: Float[np.ndarray, "rows 16 bins"]
    squares: Float[np.ndarray, "rows 16"]

    @classmethod
    def empty(cls, rows: int = 1) -> Self:
        """Nothing counted yet."""
        shape = (rows, PARTS, BINS)
        return cls(np.zeros(shape), np.zeros(shape), np.zeros(shape), np.zeros(shape[:2]))

    def add(self, forecast: NDArray, outcome: NDArray, row: int = 0) -> None:
        """Count forecasts [points, 16], the same for each of the outcomes [grasps, points, 16], into a row."""
        sums = outcome.sum(0, dtype=np.float64)
        bins = np.minimum((forecast * BINS).astype(np.int64), BINS - 1)
        cell = (bins + BINS * np.arange(PARTS)).ravel()
        grasps, p = len(outcome), forecast.astype(np.float64)
        for store, weights in ((self.count, np.ones(p.shape)), (self.forecast, p), (self.outcome, sums / grasps)):
            summed = np.bincount(cell, weights.ravel(), PARTS * BINS)
            store[row] += grasps * summed.reshape(PARTS, BINS)
        self.squares[row] += np.square(p - outcome, dtype=np.float64).sum((0, 1))

    def weighed(self, weights: Float[np.ndarray, "drawn rows"]) -> "Calibration":
        """New rows, each a weighed sum of these."""
        return Calibration(*(np.tensordot(weights, getattr(self, field.name), 1) for field in fields(self)))

    def ece(self) -> Float[np.ndarray, "rows 17"]:
        """Expected calibration error of each part, and of all parts' forecasts together."""
        gap = np.abs(with_all(self.forecast) - with_all(self.outcome)).sum(-1)
        return share(gap, with_all(self.count).sum(-1))

    def brier(self) -> Float[np.ndarray, "rows 17"]:
        """Mean squared error."""
        return share(with_all(self.squares), with_all(self.count).sum(-1))

    def rate(self) -> Float[np.ndarray, "rows 17"]:
        """Mean outcome."""
        return share(with_all(self.outcome).sum(-1), with_all(self.count).sum(-1))

    def curve(self) -> tuple[NDArray, NDArray, NDArray]:
        """Mean forecast, mean outcome and share of the forecasts [rows, 17, bins]; nan in empty bins."""
        count = with_all(self.count)
        parts = share(with_all(self.forecast), count), share(with_all(self.outcome), count)
        return *parts, share(count, np.broadcast_to(count.sum(-1, keepdims=True), count.shape))
