"""One turn through the feed, from wherever the run stands in it

A class and not a generator: a `break` closes a generator in the middle of a batch, and the step would not be counted.
The batch handed out is counted when the reader comes back, through whichever door. So ask for the next one only when it
is done: a prefetcher around the epoch counts batches that nobody trained on. A feed's workers prefetch behind it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from .position import Position


class Epoch:
    """The inner loop. `seam` is called between two batches, `fetch` brings the next one, `after` follows the last."""

    def __init__(
        self,
        position: Position,
        batches: int,
        seam: Callable[[Position], None],
        fetch: Callable[[Position], Any],
        after: Callable[[Position], None],
    ) -> None:
        self.position, self.exhausted = position, False
        self._started = time.monotonic()
        self._batches, self._seam, self._fetch, self._after = batches, seam, fetch, after
        self._out = False

    def __iter__(self) -> Epoch:
        return self

    def __next__(self) -> Any:
        self.settle()
        self._seam(self.position)
        if self.position.batch >= self._batches:
            self.exhausted = True
            self._after(self.position)
            raise StopIteration
        batch = self._fetch(self.position)
        self._out = True
        return batch

    def __len__(self) -> int:
        return self._batches

    def settle(self) -> bool:
        """Count the batch that the reader has in hand, if any, as done; whether there was one."""
        if not self._out:
            return False
        self._out, self.position = False, self.position.after_batch()
        return True

    @property
    def seconds(self) -> float:
        """Since the epoch was begun, or entered again."""
        return time.monotonic() - self._started

    @property
    def number(self) -> int:
        """Epochs completed before this one."""
        return self.position.epoch

    @property
    def step(self) -> int:
        """Batches done since the run began, not counting the one in hand."""
        return self.position.step

    @property
    def progress(self) -> float:
        """Epochs done as a fraction, not counting the batch in hand: what schedules are functions of."""
        return self.position.epoch + self.position.batch / self._batches
