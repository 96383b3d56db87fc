"""Where guessed and true touch overlap: F1, IoU, average precision, part sets, mean absolute error

Hits and misses are counted first, over all grasps of a row, and only then divided: a grasp with a tiny patch weighs as
much as its patch. A row is an object; rows can be weighed and added (`weighed`), so that every score of any resampling
of the objects is a score of the same counts. Scores are [rows, 17]: the sixteen parts, then all of them, which is the
score of all parts' counts together.

With h hits, a false alarms and m misses at a threshold: F1 = 2h / (2h + a + m), IoU = h / (h + a + m). Average
precision is sum over thresholds, from high to low, of (recall now - recall before) * precision now, as scikit-learn's
`average_precision_score` has it. The part sets' score is |A and B| / |A or B| of the sets of parts that touch at least
one point, averaged over grasps (1 where both are empty).
"""

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from perpart.scores.levels import PARTS, STEPS, TOUCH, levels, step


@dataclass
class Overlap:
    """Counts per row, part and step of the guess."""

    touched: Float[np.ndarray, "rows 16 256"]  # values that touch, by the step of their guess
    free: Float[np.ndarray, "rows 16 256"]  # values that do not
    error: Float[np.ndarray, "rows 16"]  # sum of |guess - target|
    alike: Float[np.ndarray, "rows"]  # sum over grasps of the part sets' score
    grasps: Float[np.ndarray, "rows"]

    @classmethod
    def empty(cls, rows: int = 1) -> Self:
        """Nothing counted yet."""
        steps, parts = (rows, PARTS, STEPS + 1), (rows, PARTS)
        return cls(np.zeros(steps), np.zeros(steps), np.zeros(parts), np.zeros(rows), np.zeros(rows))

    def add(self, guess: Tensor | NDArray, target: Tensor | NDArray, row: int = 0) -> None:
        """Count contact maps [grasps, points, 16] in [0, 1] into a row."""
        if len(target) == 0:
            return
        said, true = levels(guess), levels(target) >= step(TOUCH)
        cell = said.reshape(-1, PARTS).astype(np.int64) + (STEPS + 1) * np.arange(PARTS)
        self.touched[row] += histogram(cell[true.reshape(-1, PARTS)])
        self.free[row] += histogram(cell[~true.reshape(-1, PARTS)])
        off = np.abs(np.asarray(guess, np.float64) - np.asarray(target, np.float64))
        self.error[row] += off.reshape(-1, PARTS).sum(0)
        self.alike[row] += jaccard((said >= step(TOUCH)).max(-2), true.max(-2)).sum()
        self.grasps[row] += len(target)

    def weighed(self, weights: Float[np.ndarray, "drawn rows"]) -> "Overlap":
        """New rows, each a weighed sum of these."""
        return Overlap(*(np.tensordot(weights, getattr(self, field.name), 1) for field in fields(self)))

    @property
    def pooled(self) -> "Overlap":
        """All rows as one."""
        return self.weighed(np.ones((1, len(self.grasps))))

    def counts(self, threshold: float = TOUCH) -> tuple[NDArray, NDArray, NDArray]:
        """Hits, false alarms and misses [rows, 17] when guesses from `threshold` on are called touch."""
        first = step(threshold)
        hits = self.touched[:, :, first:].sum(2)
        return with_all(hits), with_all(self.free[:, :, first:].sum(2)), with_all(self.touched.sum(2) - hits)

    def f1(self, threshold: float = TOUCH) -> Float[np.ndarray, "rows 17"]:
        """F1; nan where nothing touches and nothing is guessed."""
        hits, alarms, misses = self.counts(threshold)
        return share(2 * hits, 2 * hits + alarms + misses)

    def iou(self, threshold: float = TOUCH) -> Float[np.ndarray, "rows 17"]:
        """Intersection over union; nan where nothing touches and nothing is guessed."""
        hits, alarms, misses = self.counts(threshold)
        return share(hits, hits + alarms + misses)

    def precision(self) -> Float[np.ndarray, "rows 17"]:
        """Average precision over the 256 steps; nan where nothing touches."""
        touched, free = (with_all(counts)[..., ::-1] for counts in (self.touched, self.free))
        hits = touched.cumsum(-1)
        precision = np.nan_to_num(share(hits, hits + free.cumsum(-1)))
        return share((touched * precision).sum(-1), touched.sum(-1))

    def mae(self) -> Float[np.ndarray, "rows 17"]:
        """Mean absolute error over points."""
        values = (self.touched + self.free).sum(2)
        return share(with_all(self.error), with_all(values))

    def sets(self) -> Float[np.ndarray, "rows"]:
        """The part sets' mean Jaccard index."""
        return share(self.alike, self.grasps)

    def best(self) -> tuple[float, float]:
        """The threshold with the highest F1 over all rows and parts, and that F1: more than an honest guesser knows."""
        touched, free = (counts.sum((0, 1))[::-1].cumsum()[::-1] for counts in (self.touched, self.free))
        scores = np.nan_to_num(share(2 * touched, touched + free + self.touched.sum()))[1:]
        top = int(np.argmax(scores)) + 1
        return top / STEPS, float(scores[top - 1])


def histogram(cells: NDArray) -> NDArray:
    """How often each part's each step occurs [16, 256]."""
    return np.bincount(cells, minlength=PARTS * (STEPS + 1)).reshape(PARTS, STEPS + 1)


def with_all(counts: Float[np.ndarray, "rows 16 *more"]) -> Float[np.ndarray, "rows 17 *more"]:
    """The parts' counts, and behind them their sum."""
    return np.concatenate([counts, counts.sum(1, keepdims=True)], axis=1)


def jaccard(one: NDArray, other: NDArray) -> NDArray:
    """|A and B| / |A or B| of sets given as truth values along the last axis; 1 for two empty sets."""
    either = (one | other).sum(-1)
    return np.where(either > 0, (one & other).sum(-1) / np.maximum(either, 1), 1.0)


def share(part: NDArray, whole: NDArray) -> NDArray:
    """part / whole, and nan for nothing of nothing."""
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) > 0)
