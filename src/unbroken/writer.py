"""Saving: a copy at the seam, all else in the background; and what becomes of a save that fails

One save is under way at a time. A state that is due meanwhile waits, and a newer one takes its place: it is copied at
the first seam where the writer is free. Host memory holds one copy of the state and no more.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, NamedTuple

from .buffers import Buffers
from .errors import Error, Misuse, Unwritable
from .every import Cost, Every
from .keep import Keep
from .position import Position
from .shelf import Shelf
from .spent import Spent

FAILURES = (OSError, RuntimeError, Error)  # torch.save says RuntimeError when its file cannot grow
Tree = Callable[[], dict[str, Any]]


class Outcome(NamedTuple):
    """What became of one save: whether checkpoint.pt holds it, and what went wrong."""

    saved: bool
    warnings: list[str]
    seconds: float


class Writer:
    """Puts states on the shelf. A save that fails does not end training: the state before it is whole, the failure is
    said at the next seam, and the next save tries again.

    settle: makes durable what a state vouches for (the journal), before the state itself is.
    """

    def __init__(
        self, shelf: Shelf, when: Every, keep: Keep, say: Callable[[str], None], settle: Callable[[], None]
    ) -> None:
        self.saved: Position | None = None  # durable, as far as the loop has been told
        self.failed = False  # the last save did
        self.cost: Cost | None = None  # of the last save
        self.folder = shelf.folder
        self.spent = Spent()  # by this session's saves, for who plans the next one
        self._shelf, self._when, self._keep, self._say, self._settle = shelf, when, keep, say, settle
        self._buffers, self._owner = Buffers(), os.getpid()
        self.complete: Callable[[dict[str, Any]], None] = lambda tree: None  # adds what is known only in the background
        self._thread = ThreadPoolExecutor(1, "unbroken-writer")
        self._under_way: Future[Outcome] | None = None
        self._taken, self._stall = Position(), 0.0  # of the state under way, or of the last one
        self._waiting, self._at, self._epochs = False, time.monotonic(), 0

    def first(self, position: Position, tree: Tree, there: bool) -> None:
        """Begin with this state; unless it is there, put it on the disk at once, so that one that cannot hold it is
        known before an epoch was spent. The buffers are taken here, not at the first seam. Raises Unwritable."""
        try:
            copied = self._buffers.copy(tree())
            if not there:
                self._settle()
                self.complete(copied)
                self._shelf.put(copied)
        except Misuse:  # a part whose state is not plain: no disk is at fault
            raise
        except FAILURES as reason:
            raise Unwritable(f"no state can be saved in {self._shelf.folder}: {reason}") from reason
        self.saved = self._taken = position

    def foresee(self, done: int, epochs: int) -> None:
        """Say it now if the disk has no room for the saves and the snapshots that are to come; and again after the
        first save, since a state of birth has no optimizer's memory yet."""
        self._epochs = epochs
        if shortage := self._shelf.shortage(self._keep.number(done, epochs)):
            self._say(shortage)

    def overdue(self) -> bool:
        """Whether a save is due in the middle of an epoch, and can be begun."""
        self._collect()
        if self._under_way is not None:
            return False
        return self._waiting or self._when.due_time(time.monotonic() - self._at, self.cost)

    def save(self, position: Position, tree: Tree) -> None:
        """Begin to save this position, unless it is saved; called where `overdue` says so."""
        if position != self._taken or self.failed:
            self._begin(position, tree, kept=False)

    def commit(self, position: Position, tree: Tree, last: bool, best: bool = False) -> None:
        """Save a completed epoch where that is due, and keep it for good, or as the best, where that is."""
        kept = self._keep.due(position.epoch)
        if kept or last or best:
            self.wait()  # this very state is wanted, not a newer one
            self._begin(position, tree, kept, best)
        elif self._when.due_epoch(position.epoch):
            self._waiting = True
            if self.overdue():
                self._begin(position, tree, kept)

    def finish(self, position: Position, tree: Tree, within: float | None = None) -> None:
        """Make this position durable within so many seconds; what does not fit in is not begun."""
        end = None if within is None else time.monotonic() + within
        self.wait(within)
        left = None if end is None else max(0.0, end - time.monotonic())
        fits = left is None or self.cost is None or self.cost.total <= left
        if self._under_way is None and fits and (position != self._taken or self.failed):
            self._begin(position, tree, kept=False)
            self.wait(left)

    def beside(self, act: Callable[[], None]) -> None:
        """In a process that does not lead: do its part of a save in the background."""
        self.wait()
        self._under_way = self._thread.submit(lambda: act() or Outcome(False, [], 0.0))

    def wait(self, within: float | None = None) -> None:
        """Until nothing is under way, or so many seconds."""
        if self._under_way is not None and os.getpid() == self._owner:  # a forked child has no such thread
            wait([self._under_way], within)
            self._collect()

    def standing(self, done: Position, batches: int) -> str:
        """What is done when a run stops, and what of it is safe."""
        where = f"{done.epoch} epochs and {done.batch} of {batches} batches are done"
        if self.saved == done:
            return f"{where}, saved in {self._shelf.checkpoint}; the same command goes on"
        if self.failed or self.saved is None:
            return f"{where}, but they could not be saved"
        return (
            f"{where}, but there was no time to save them: {self._shelf.checkpoint} holds {self.saved.epoch} epochs "
            f"and {self.saved.batch} batches, from where the same command goes on"
        )

    def close(self) -> None:
        """Let the save under way come to its end."""
        self.wait()
        self._thread.shutdown(wait=os.getpid() == self._owner)

    def _begin(self, position: Position, tree: Tree, kept: bool, best: bool = False) -> None:
        if os.getpid() != self._owner:
            return
        self._at = began = time.monotonic()
        self._waiting = False
        snapshot = self._shelf.snapshot(position.epoch) if kept else ""
        try:
            copied, self._taken = self._buffers.copy(tree()), position
        except OSError as reason:  # the journal that it vouches for
            self.failed = True
            self._say(self._otherwise(reason, snapshot))
            return
        self._stall = time.monotonic() - began
        self._under_way = self._thread.submit(self._written, copied, snapshot, best)
        if not self._when.background:
            self.wait()

    def _collect(self) -> None:
        """Hear what became of the save under way, once it has ended."""
        if self._under_way is None or not self._under_way.done():
            return
        job, self._under_way = self._under_way, None
        outcome = job.result()
        for warning in outcome.warnings:
            self._say(warning)
        self.failed = not outcome.saved
        if outcome.saved:
            if self.cost is None:
                self.foresee(self._taken.epoch, self._epochs)
            self.saved, self.cost = self._taken, Cost(self._stall, self._stall + outcome.seconds)
            stood, beside = (0.0, outcome.seconds) if self._when.background else (outcome.seconds, 0.0)
            self.spent.add(self._stall + stood, beside)

    # ---- in the background

    def _written(self, tree: dict[str, Any], snapshot: str, best: bool) -> Outcome:
        began, warnings = time.monotonic(), list[str]()
        try:
            self._settle()
            self.complete(tree)
            if snapshot:  # before checkpoint.pt: whoever is killed in between comes back and writes both
                warnings += self._kept(tree, snapshot)
                snapshot = ""
            self._shelf.put(tree, best)
        except FAILURES as reason:
            return Outcome(False, [*warnings, self._otherwise(reason, snapshot)], time.monotonic() - began)
        return Outcome(True, warnings, time.monotonic() - began)

    def _kept(self, tree: dict[str, Any], path: str) -> list[str]:
        try:
            self._shelf.put_snapshot(tree)
        except FAILURES as reason:
            return [f"Warning: {path} could not be kept; training goes on ({reason})"]
        try:
            self._shelf.drop(self._keep.surplus)
        except OSError as reason:
            return [f"Warning: an older snapshot could not be deleted; training goes on ({reason})"]
        return []

    def _otherwise(self, reason: BaseException, snapshot: str) -> str:
        lost = f", {snapshot} is not kept" if snapshot else ""
        return (
            f"Warning: this state could not be saved{lost}: {self._shelf.checkpoint} still holds the one before it, "
            f"the next save tries again; training goes on ({reason})"
        )
