"""Every number of a journal as a curve over steps, thinned so that a page can hold it, peaks and all"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .records import Record, numbers

OWN = ("at", "epoch", "step", "time")
ROOM = 70_000  # points in a page: at about 20 bytes each they stay below 2 MB
LEAST = 20  # points of a curve, however many curves there are


@dataclass(frozen=True)
class Curve:
    """One number over steps. at: taken at a `step`, or of an `epoch`. A value is None where it was not finite."""

    at: str
    path: str
    steps: tuple[int, ...]
    values: tuple[float | None, ...]

    @property
    def name(self) -> str:
        """As TensorBoard calls it: step/train/loss."""
        return f"{self.at}/{self.path}"

    def summary(self) -> dict[str, Any]:
        """First, last, least and greatest value and where; how many are not finite."""
        known = [(value, step) for step, value in zip(self.steps, self.values, strict=True) if value is not None]
        told: dict[str, Any] = {"points": len(self.steps), "not_finite": len(self.steps) - len(known)}
        if known:
            least, greatest = min(known), max(known, key=lambda pair: pair[0])
            told |= {"first": known[0][0], "last": known[-1][0], "last_step": known[-1][1]}
            told |= {"min": least[0], "min_step": least[1], "max": greatest[0], "max_step": greatest[1]}
        return told


def curves(journal: Iterable[Record]) -> list[Curve]:
    """A curve for each number, in the order of their first record. A number that stands alone is in the records of
    steps and of epochs alike: its curve is that of the steps, where there is one."""
    found: dict[tuple[str, str], tuple[list[int], list[float | None]]] = {}
    for record in journal:
        for path, value in numbers({name: value for name, value in record.items() if name not in OWN}):
            steps, values = found.setdefault((record["at"], path), ([], []))
            steps.append(record["step"])
            values.append(float(value) if math.isfinite(value) else None)
    doubled = {key for key in found if key[0] == "epoch" and "/" not in key[1] and ("step", key[1]) in found}
    return [Curve(*key, tuple(xs), tuple(ys)) for key, (xs, ys) in found.items() if key not in doubled]


def plain(found: Mapping[str, list[Curve]]) -> dict[str, list[dict[str, Any]]]:
    """The curves of several runs for a page: thinned, to six digits."""
    many = sum(map(len, found.values()))
    most = max(LEAST, ROOM // many) if many else 0
    return {run: [_plain(curve, most) for curve in each] for run, each in found.items()}


def _plain(curve: Curve, most: int) -> dict[str, Any]:
    kept = list(thinned(curve.values, most))
    digits = [None if (y := curve.values[i]) is None else float(f"{y:.6g}") for i in kept]
    return {"at": curve.at, "path": curve.path, "x": [curve.steps[i] for i in kept], "y": digits}


def thinned(values: tuple[float | None, ...], most: int) -> Iterator[int]:
    """Which points to keep: the first and the last one, and of each stretch between its least, its greatest, and one
    that is not finite."""
    if len(values) <= most:
        yield from range(len(values))
        return
    parts = max(1, (most - 2) // 3)
    bounds = [1 + i * (len(values) - 2) // parts for i in range(parts + 1)]
    yield 0
    for start, end in itertools.pairwise(bounds):
        yield from sorted(_of_note(values, start, end))
    yield len(values) - 1


def _of_note(values: tuple[float | None, ...], start: int, end: int) -> set[int]:
    known = [(value, i) for i in range(start, end) if (value := values[i]) is not None]
    gone = {i for i in range(start, end) if values[i] is None}
    return {*(pick(known)[1] for pick in (min, max) if known), *sorted(gone)[:1]}
