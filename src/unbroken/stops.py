"""When a job stops: at random with a mean time between, at recorded moments, or as public figures tell

A synchronous job stops when any of its nodes does: with independent nodes its mean time between stops is a node's
divided by their number.
"""

from __future__ import annotations

import math
import os
from bisect import bisect_right
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .errors import Missing, Misuse

Moments = NDArray[np.float64]
HOUR, DAY = 3600.0, 86400.0


@dataclass(frozen=True)
class Figure:
    """A public figure: the seconds between two stops of one node, at its worst and at its best, and who says so."""

    worst: float
    best: float
    source: str


PUBLIC = {
    "spot-v100": Figure(
        1.36 * HOUR, 3.20 * HOUR,
        "p3.2xlarge (one V100) held per loss in four zones of AWS, 177 h from 2023-04-22: github.com/skypilot-org/"
        "spot-traces, preemption/1-node/aws-04-22-2023, of Wu et al., Can't Be Late (NSDI 2024)",
    ),
    "llama3": Figure(
        54 * DAY * 16384 / 419, 54 * DAY * 16384 / 419,
        "419 unexpected interruptions in 54 days on 16,384 GPUs: The Llama 3 Herd of Models (arXiv 2407.21783), "
        "section 3.3.4; a node is one GPU",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Stops:
    """How often a job stops: mean seconds between; and, where they were recorded, the moments, which are played again
    in their order from a random place on, around and around. noticed: the share of the stops that come with notice."""

    mean: float
    noticed: float = 0.0
    recorded: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not 0 < self.mean < math.inf or not 0 <= self.noticed <= 1:
            raise Misuse(f"a stop every {self.mean:g} s, {self.noticed:g} of them noticed: more than 0, and 0 to 1")

    def moments(self, draw: np.random.Generator, number: int) -> tuple[Moments, NDArray[np.bool_]]:
        """So many moments, in seconds since the job was begun, and which of them come with notice."""
        gaps = self._again(draw, number) if self.recorded else draw.exponential(self.mean, number)
        return np.cumsum(gaps), draw.random(number) < self.noticed

    def _again(self, draw: np.random.Generator, number: int) -> Moments:
        """Gaps between the recorded moments, beginning at a random one between two of them."""
        start = draw.uniform(0.0, self.recorded[-1])
        first = bisect_right(self.recorded, start)
        gaps = np.diff(np.array(self.recorded), prepend=0.0)
        again = gaps[np.arange(first, first + number) % len(gaps)]
        again[0] = self.recorded[first] - start
        return again


def recorded(path: str) -> tuple[float, ...]:
    """The moments in a file, one number of seconds a line, since the recording began. Raises Missing and Misuse."""
    if not os.path.isfile(path):
        raise Missing(f"--trace {path}: neither a file nor one of {', '.join(PUBLIC)}")
    try:
        with open(path, encoding="utf-8") as file:
            moments = tuple(sorted(float(line) for line in file if line.strip()))
    except ValueError as reason:
        raise Misuse(f"{path}: one number of seconds a line, since the recording began ({reason})") from reason
    if not moments or not moments[0] >= 0 or not 0 < moments[-1] < math.inf:
        raise Misuse(f"{path}: it names no stop later than 0 seconds, or one before it")
    return moments
