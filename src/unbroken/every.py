"""When to save, as a value"""

from __future__ import annotations

from dataclasses import dataclass

from .errors import Misuse


@dataclass(frozen=True)
class Every:
    """Save after every so many epochs, and within an epoch whenever so many minutes have passed since the last save."""

    epochs: int = 1
    minutes: float = 10.0

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.minutes <= 0:
            raise Misuse(f"{self} never saves: epochs is at least 1, minutes more than 0")

    def due_epoch(self, epoch: int) -> bool:
        """Whether a completed epoch is saved."""
        return epoch % self.epochs == 0

    def due_time(self, seconds: float) -> bool:
        """Whether that many seconds without a save are enough."""
        return seconds >= 60.0 * self.minutes
