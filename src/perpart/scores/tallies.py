"""From judged objects to figures: what is counted for every guesser, and told with its interval

A tally is fed one object after the other (`add`) and then tells its figures for the resamplings of the objects. To
judge something new - hands fitted to the maps, say - is to write another tally and name it in `evaluate.TALLIES`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Float

from perpart.anatomy import PARTS
from perpart.losses import ACTIVE
from perpart.scores.intervals import Interval, interval
from perpart.scores.judged import Judged
from perpart.scores.levels import TOUCH
from perpart.scores.overlap import Overlap, share, with_all
from perpart.scores.training import Plain

ALL = "all"
NAMES = (*PARTS, ALL)
THRESHOLDS = (0.25, TOUCH, 0.75)
MODEL, NEAREST, REBUILT = "draws", "nearest", "rebuilt"
"""Who guesses in more than one table: the model, and the nearest training object."""


@dataclass(frozen=True)
class Figure:
    """One number: what of whom, for which part, at which threshold (or bin), and its 95 % interval over objects."""

    table: str
    guess: str
    measure: str
    at: float | None
    part: str
    value: float
    low: float
    high: float


class Tally(Protocol):
    """Counts objects, and tells figures of them."""

    def __init__(self, objects: int, plain: Plain): ...

    def add(self, judged: Judged, row: int) -> None:
        """Count an object as number `row`."""
        ...

    def figures(self, weights: Float[np.ndarray, "drawn objects"]) -> Iterator[Figure]:
        """Its figures; `weights` are `intervals.resamplings`."""
        ...


def turns(maps: np.ndarray, count: int) -> np.ndarray:
    """`count` of some maps, each in its turn."""
    return maps[np.arange(count) % max(len(maps), 1)] if len(maps) else maps


def others_mean(real: np.ndarray) -> np.ndarray:
    """For each map the mean of all others; of an only one nobody knows anything, and no touch is guessed."""
    return ((real.sum(0) - real) / max(len(real) - 1, 1)).clip(0.0, 1.0)


def shuffled(judged: Judged) -> np.ndarray:
    """The real maps with every part's map given to another part, by one cycle through all sixteen for each grasp."""
    rng = np.random.default_rng([judged.thing, 16])
    maps = np.empty_like(judged.real)
    for grasp, real in enumerate(judged.real):
        order = rng.permutation(len(PARTS))
        maps[grasp][:, np.roll(order, 1)] = real[:, order]
    return maps


def one_channel(judged: Judged) -> np.ndarray:
    """What one contact channel and a part map can say of the real maps: the largest contact, by the nearest part."""
    nearest = judged.part[..., None] == np.arange(len(PARTS))
    return np.where(nearest, judged.real.max(-1, keepdims=True), 0.0)


GUESSES: dict[str, Callable[[Judged], np.ndarray]] = {
    REBUILT: lambda judged: judged.rebuilt,
    "draw": lambda judged: turns(judged.drawn, len(judged.real)),
    "draws' mean": lambda judged: np.broadcast_to(judged.drawn.mean(0), judged.real.shape),
    NEAREST: lambda judged: turns(judged.nearest, len(judged.real)),
    "nearest's mean": lambda judged: np.broadcast_to(judged.nearest.mean(0), judged.real.shape),
    "another real *": lambda judged: np.roll(judged.real, 1, axis=0) if len(judged.real) > 1 else judged.real[:0],
    "others' mean *": lambda judged: others_mean(judged.real),
    "own mean *": lambda judged: np.broadcast_to(judged.real.mean(0), judged.real.shape),
    "shuffled parts *": shuffled,
    "one channel *": one_channel,
}
"""Who guesses each real grasp; those with a star have seen real grasps of the very object, or the grasp itself."""


class Touching:
    """Where parts touch: F1, IoU, average precision, MAE and part sets of every guesser."""

    def __init__(self, objects: int, plain: Plain):
        self.overlaps = {name: Overlap.empty(objects) for name in GUESSES}

    def add(self, judged: Judged, row: int) -> None:
        for name, guess in GUESSES.items():
            maps = guess(judged)
            self.overlaps[name].add(maps, judged.real[: len(maps)], row)

    def figures(self, weights: Float[np.ndarray, "drawn objects"]) -> Iterator[Figure]:
        for name, overlap in self.overlaps.items():
            drawn = overlap.weighed(weights)
            for at in THRESHOLDS:
                yield from per_part("touch", name, "f1", at, drawn.f1(at))
                yield from per_part("touch", name, "iou", at, drawn.iou(at))
            yield from per_part("touch", name, "precision", None, drawn.precision())
            yield from per_part("touch", name, "mae", None, drawn.mae())
            yield Figure("touch", name, "part sets", TOUCH, ALL, *interval(drawn.sets()))
            best, _ = overlap.best()
            yield from per_part("touch", name, "best f1", best, drawn.f1(best))


class Directions:
    """How many degrees the direction is off where there is contact, by the part that is nearest there; points whose
    direction is not known do not count. Beside it: always the part's mean direction in training."""

    def __init__(self, objects: int, plain: Plain):
        self.plain, self.points = plain, np.zeros((objects, len(PARTS)))
        self.degrees = {name: np.zeros((objects, len(PARTS))) for name in (REBUILT, "training's mean")}

    def add(self, judged: Judged, row: int) -> None:
        known = (judged.real.max(-1) >= TOUCH) & (np.linalg.norm(judged.direction, axis=-1) > 0.5)
        part, true = judged.part[known], judged.direction[known].astype(np.float64)
        self.points[row] += np.bincount(part, minlength=len(PARTS))
        for name, guess in ((REBUILT, judged.towards[known]), ("training's mean", self.plain.direction[part])):
            # Half floats are unit only to a thousandth: lengths are divided out.
            length = np.linalg.norm(true, axis=-1) * np.linalg.norm(guess, axis=-1)
            cosine = share((true * guess).sum(-1), length)
            degrees = np.degrees(np.arccos(np.nan_to_num(cosine).clip(-1.0, 1.0)))
            self.degrees[name][row] += np.bincount(part, degrees, len(PARTS))

    def figures(self, weights: Float[np.ndarray, "drawn objects"]) -> Iterator[Figure]:
        points = with_all(weights @ self.points)
        for name, degrees in self.degrees.items():
            yield from per_part("direction", name, "degrees", TOUCH, share(with_all(weights @ degrees), points))


class Latents:
    """Is the latent used? How many units tell the grasps apart (Burda et al., ICLR 2016), and the nats from the prior
    to the posterior of a grasp."""

    def __init__(self, objects: int, plain: Plain):
        self.grasps, self.nats = np.zeros(objects), np.zeros(objects)
        self.moments: dict[int, np.ndarray] = {}

    def add(self, judged: Judged, row: int) -> None:
        mu, logvar = judged.mu.astype(np.float64), judged.logvar.astype(np.float64)
        self.grasps[row] = len(mu)
        self.nats[row] = 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar).sum()
        self.moments[row] = np.stack([mu.sum(0), (mu**2).sum(0)])

    def figures(self, weights: Float[np.ndarray, "drawn objects"]) -> Iterator[Figure]:
        moments = np.stack([self.moments[row] for row in range(len(self.grasps))])
        grasps = weights @ self.grasps
        mean, square = np.moveaxis(np.tensordot(weights, moments, 1) / grasps[:, None, None], 1, 0)
        active = (square - mean**2 > ACTIVE).sum(-1).astype(np.float64)
        yield Figure("latent", REBUILT, "active", None, ALL, *interval(active))
        yield Figure("latent", REBUILT, "nats", None, ALL, *interval(weights @ self.nats / grasps))


def per_part(
    table: str, guess: str, measure: str, at: float | None, scores: Float[np.ndarray, "drawn 17"]
) -> Iterator[Figure]:
    """A figure for each part and for all."""
    for part, drawn in zip(NAMES, scores.T, strict=True):
        found: Interval = interval(drawn)
        yield Figure(table, guess, measure, at, part, *found)
