"""Which snapshots are kept for good, as a value"""

from __future__ import annotations

from dataclasses import dataclass

from .errors import Misuse


@dataclass(frozen=True)
class Keep:
    """Keep the state of each epoch whose number is a multiple of `every`; of these the `latest` so many, or all.

    best: also keep, as best.pt, the state of the epoch that logged the highest value under this name, such as
    "valid.score" of `run.log(valid={"score": …})`; with `lower`, the lowest. The first of equals stays.

    An older snapshot goes only after the newer one is whole on the disk.
    """

    every: int = 1000
    latest: int | None = None
    best: str | None = None
    lower: bool = False

    def __post_init__(self) -> None:
        if self.every < 1 or (self.latest is not None and self.latest < 1):
            raise Misuse(f"{self}: every and latest are at least 1 (latest=None keeps all)")

    def due(self, epoch: int) -> bool:
        """Whether a completed epoch is kept."""
        return epoch % self.every == 0

    def surplus(self, epochs: list[int]) -> list[int]:
        """Of the kept epochs, those that may go."""
        return sorted(epochs)[: -self.latest] if self.latest else []

    def number(self, done: int, epochs: int) -> int:
        """How many more files a run needs that has done so many of its epochs."""
        coming = epochs // self.every - done // self.every
        return min(coming, self.latest) if self.latest else coming
