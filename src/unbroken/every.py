"""When to save, as a value"""

from __future__ import annotations

from dataclasses import dataclass

from .errors import Misuse

SOON = 30.0  # seconds into a session: its first save within an epoch, whose cost decides about the next ones
LEAST = 10.0  # seconds: who loses less does not notice, and disks wear
SHARE = 0.1  # of the time at most, something is being written beside the training


@dataclass(frozen=True)
class Cost:
    """What a save took: seconds in which training stood still, and seconds until it was durable."""

    stall: float
    total: float


@dataclass(frozen=True)
class Every:
    """Save after every so many epochs; and within an epoch as often as training stands still for less than `stall` of
    the time (0.01: one per cent), at most `minutes` apart.

    background: hash, write and verify beside the training, which stands still for the copy alone. False makes it wait
    until the state is on the disk.
    """

    epochs: int = 1
    minutes: float = 10.0
    stall: float = 0.01
    background: bool = True

    def __post_init__(self) -> None:
        if self.epochs < 1 or not self.minutes > 0:
            raise Misuse(f"{self} never saves: epochs is at least 1, minutes more than 0")
        if not 0 < self.stall <= 1:
            raise Misuse(f"{self}: stall is a share of the time, more than 0 and at most 1")

    def due_epoch(self, epoch: int) -> bool:
        """Whether a completed epoch is saved."""
        return epoch % self.epochs == 0

    def due_time(self, seconds: float, cost: Cost | None) -> bool:
        """Whether that many seconds without a save are enough, given what the last one cost."""
        return seconds >= self.apart(cost)

    def apart(self, cost: Cost | None) -> float:
        """The seconds between two saves within an epoch, given what the last one cost."""
        budget = max(cost.stall / self.stall, cost.total / SHARE, LEAST) if cost else SOON
        return min(budget, 60.0 * self.minutes)
