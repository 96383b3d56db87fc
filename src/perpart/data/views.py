"""Fixed looks at an object: some points of its pool each, and their balls, found beforehand

Points that are drawn anew each time have balls that must be found anew each time, in every step. A few looks at every
object, each turned anew whenever it is taken, do as well, and the encoder need not search.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from perpart import balls
from perpart.data import cache

VIEWS = 16
"""Looks at an object that training draws from."""


@dataclass(frozen=True)
class View:
    """One look: which points of the pool, and their balls as `balls.tables` finds them."""

    rows: Int[np.ndarray, "points"]
    near: Int[np.ndarray, "near k"]
    far: Int[np.ndarray, "far k"]

    @classmethod
    def at(
        cls, cloud: Float[np.ndarray, "pool 6"], rows: Int[np.ndarray, "points"], radii: tuple[float, float]
    ) -> "View":
        return cls(rows, *balls.tables(cloud[rows, :3], radii))

    def flat(self) -> Int[np.ndarray, "numbers"]:
        """All of it in a row, to be kept."""
        return np.concatenate([self.rows, self.near.ravel(), self.far.ravel()])

    @classmethod
    def of(cls, flat: Int[np.ndarray, "numbers"], points: int) -> "View":
        """What `flat` made of a view with so many points."""
        near, far = balls.levels(points)
        middle = points + near * min(balls.NEIGHBOURS, points)
        return cls(flat[:points], flat[points:middle].reshape(near, -1), flat[middle:].reshape(far, -1))


def looks(
    clouds: Float[np.ndarray, "objects pool 6"], points: int, many: int | None, radii: tuple[float, float] = balls.RADII
) -> Iterator[tuple[str, Int[np.ndarray, "1 views numbers"]]]:
    """The flat views of one object after the other; None: a single one each, the first points of its pool."""
    told, kind = cache.every(), np.int16 if clouds.shape[1] <= 1 << 15 else np.int32
    for thing, cloud in enumerate(clouds):
        told(f"looks: {thing} of {len(clouds)} objects")
        flat = [View.at(cloud, rows, radii).flat() for rows in drawn(thing, len(cloud), points, many)]
        yield "looks", np.stack(flat)[None].astype(kind)


def drawn(thing: int, pool: int, points: int, many: int | None) -> list[Int[np.ndarray, "points"]]:
    """Which points of the pool each of an object's views has."""
    if many is None:
        return [np.arange(points)]
    rng = np.random.default_rng([thing, pool, points])
    return [rng.permutation(pool)[:points] for _ in range(many)]
