"""What all processes do at the same seam: nobody saves or stops alone"""

from __future__ import annotations

import time
from typing import NamedTuple

from .ranks import World

SHARE = 0.01  # of the time, at most, is spent on asking
LATEST = 1.0  # seconds between two questions, so that a signal is heard in time


class Wish(NamedTuple):
    """code: the exit code of who wants to stop, else 0; save: whether the lead wants to; ago: milliseconds since the
    notice to stop came."""

    code: int = 0
    save: int = 0
    ago: int = 0


class Accord:
    """Asks all processes for their wish every so many batches: an exchange takes about a millisecond, and a signal
    reaches them at different moments. The lead says when to ask next, since clocks differ."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._left, self._passed, self._cost, self._at = 1, 0, 0.0, time.monotonic()

    def due(self, soon: bool = False) -> bool:
        """Whether to ask at this seam; true at the same one in all processes."""
        self._left, self._passed = self._left - 1, self._passed + 1
        return soon or self._left <= 0

    def reached(self, mine: Wish) -> Wish:
        """What all do: stop when one wants to, save when the lead wants to."""
        began = time.monotonic()
        *wish, self._left = self._world.most([*mine, self._batches(began)])
        self._passed, self._at = 0, time.monotonic()
        self._cost = self._at - began
        return Wish(*wish)

    def _batches(self, now: float) -> int:
        """The number of batches until the next question, in the lead's eyes."""
        if not self._world.lead:
            return 0
        each = max((now - self._at) / self._passed, 1e-6)
        return max(1, min(int(LATEST / each), int(self._cost / SHARE / each) + 1))
