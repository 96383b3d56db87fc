"""Where a run stands: epochs completed, batches done within the epoch, steps in all"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Position:
    """The whole place in the data, as three integers; everything else about it is computed from them.

    epoch: epochs completed (1 after the first); batch: batches done in the epoch under way;
    step: batches done since the run began.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0

    def __post_init__(self) -> None:
        if min(self.epoch, self.batch, self.step) < 0:
            raise ValueError(f"a position cannot be negative: {self}")

    def after_batch(self) -> Position:
        """One batch further in the same epoch."""
        return Position(self.epoch, self.batch + 1, self.step + 1)

    def after_epoch(self) -> Position:
        """The epoch is committed; the next one starts at its first batch."""
        return Position(self.epoch + 1, 0, self.step)
