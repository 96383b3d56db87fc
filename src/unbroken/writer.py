"""When states are saved, and what becomes of a save that fails"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from .errors import Damaged, Unwritable
from .every import Every
from .position import Position
from .shelf import Shelf

FAILURES = (OSError, RuntimeError, Damaged)  # torch.save says RuntimeError when its file cannot grow


class Writer:
    """Puts states on the shelf. A save that fails does not end training: the state before it is whole, the failure is
    said, and the next save tries again."""

    def __init__(self, shelf: Shelf, when: Every, snapshot_every: int, say: Callable[[str], None]) -> None:
        self.failed = False  # the last save did
        self._shelf, self._when, self._snapshot_every, self._say = shelf, when, snapshot_every, say
        self._at, self._saved = time.monotonic(), Position()

    def first(self, tree: dict[str, Any]) -> None:
        """At once, so that a disk that cannot hold a state is known before an epoch was spent. Raises Unwritable."""
        try:
            self._shelf.put(tree)
        except FAILURES as reason:
            raise Unwritable(f"no state can be saved in {self._shelf.folder}: {reason}") from reason

    def save(self, position: Position, tree: Callable[[], dict[str, Any]]) -> None:
        """Save this position, unless it is saved."""
        if self._saved == position and not self.failed:
            return
        otherwise = f"this state could not be saved: {self._shelf.checkpoint} still holds the one before it, the next "
        self.failed = not self._tried(lambda: self._shelf.put(tree()), otherwise + "save tries again")
        self._at, self._saved = time.monotonic(), position

    def commit(self, position: Position, tree: Callable[[], dict[str, Any]], last: bool) -> None:
        """Save a completed epoch where that is due, and keep it for good where that is."""
        kept = position.epoch % self._snapshot_every == 0
        if kept:  # before checkpoint.pt: whoever is killed in between comes back and writes both
            otherwise = f"{self._shelf.snapshot(position.epoch)} could not be kept"
            self._tried(lambda: self._shelf.put_snapshot(tree()), otherwise)
        if kept or last or self._when.due_epoch(position.epoch):
            self.save(position, tree)

    def overdue(self) -> bool:
        """Whether a save is due in the middle of an epoch."""
        return self._when.due_time(time.monotonic() - self._at)

    def _tried(self, put: Callable[[], object], otherwise: str) -> bool:
        try:
            put()
        except FAILURES as reason:
            self._say(f"Warning: {otherwise}; training goes on ({reason})")
            return False
        return True
