"""The work dir's files: which is the newest whole state, and every rename, delete, sync and lock

The commit of a state is one act, last and visible: written beside, synced, verified, the old one linked to
checkpoint.prev.pt, renamed, the folder synced. Killed anywhere, the folder holds at least one whole state.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from . import checkpoint, listing, lock, sessions, state
from .disk import free, link, made, remove, sync, sync_folder
from .errors import Damaged, Error, Foreign, Hostile, Unwritable
from .places import SNAPSHOT, TEMPORARY, Places
from .position import Position
from .sweep import Sweep

WISHED = "which was asked for"
UNUSABLE = (Damaged, Foreign, Hostile)  # but not Unreadable: a missing permission is no reason to move a file


@dataclass(frozen=True)
class Found:
    """A whole state and where it lies, the path as the user typed its folder; why this one; and the newer ones that
    are not whole, with the reason of each."""

    path: str
    tree: dict[str, Any]
    why: str = "the newest whole state"
    rejected: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def wished(self) -> bool:
        """Whether somebody named it."""
        return self.why == WISHED

    @property
    def position(self) -> Position:
        return Position(self.tree["epoch"], self.tree["batch"], self.tree["step"])


class Shelf(Places):
    """A work dir and all that changes in it."""

    _locked: os.stat_result | None = None  # the lock file while it is held

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        super().__init__(folder)
        self._shards = Sweep(self)
        self.verify: Callable[[str, dict[str, Any]], None] = checkpoint.verify  # of a state's shards

    def put(self, tree: dict[str, Any], best: bool = False) -> None:
        """Make this the newest state, and the best. Raises OSError or Damaged; those before it stay whole then."""
        self._ours()
        fresh = _written(tree, self.checkpoint)
        if os.path.exists(self.checkpoint):
            link(self.checkpoint, self.previous)
        os.replace(fresh, self.checkpoint)
        if best:  # a second name: the next save gives checkpoint.pt another file
            link(self.checkpoint, self.best)
        sync_folder(self.folder)
        self._sweep_shards()

    def put_snapshot(self, tree: dict[str, Any]) -> str:
        """Keep this state for good, as checkpoints/E1000_net.pt: a file of its own, no link to checkpoint.pt, so
        that whatever befalls one of them spares the other."""
        self._ours()
        made(self.snapshots)
        path = self.snapshot(tree["epoch"])
        if _of_another_history(path, tree):
            self.move_behind(path)
        os.replace(_written(tree, path), path)
        sync_folder(self.snapshots)
        return path

    def newest(self) -> Found | None:
        """The newest whole state, or None in a folder that never held one; reads only.

        Raises Damaged when there are states and none is whole.
        """
        damaged: dict[str, str] = {}
        found = self._first_whole([self.checkpoint], damaged) or _later(
            self._first_whole([self.previous], damaged), self._first_whole(self.kept(), damaged)
        )
        if found is None and (damaged or self.damaged()):
            reasons = "; ".join(damaged.values()) or "all were set aside as damaged"
            raise Damaged(f"{self.folder} holds states, but none is whole: {reasons}; nothing was changed")
        return replace(found, rejected=damaged) if found else None

    def set_aside(self, found: Found, say: Callable[[str], None]) -> None:
        """Give what is damaged a new name, so that nothing takes it for a state and nothing is lost."""
        for path, reason in found.rejected.items():
            target = free(path + ".damaged")
            os.replace(path, target)
            say(f"{reason}; set aside as {target}")

    def later(self, step: int) -> list[str]:
        """The states later than a step, and the damaged ones, of which nobody knows."""
        return [path for path in (self.checkpoint, self.previous, self.best, *self.kept()) if _step(path) > step]

    def settle_best(self, epoch: int, now: bool, say: Callable[[str], None]) -> bool:
        """Whether best.pt is the state of that epoch; where `now`, checkpoint.pt is, and gets its name. What is another
        run's or damaged is moved out of the way."""
        if now:
            link(self.checkpoint, self.best)
            sync_folder(self.folder)
        if not os.path.lexists(self.best):
            return False
        try:
            if epoch and checkpoint.read(self.best)["epoch"] == epoch:
                return True
            say(f"{self.best} is not the best of this history: moved to {self.move_behind(self.best)}")
        except UNUSABLE as reason:
            os.replace(self.best, target := free(self.best + ".damaged"))
            say(f"{reason}; set aside as {target}")
        return False

    def move_behind(self, path: str, *, copy: bool = False) -> str:
        """Move (or copy) a file to checkpoints/left-behind/ under a name that nothing has yet."""
        made(self.behind)
        target = free(os.path.join(self.behind, os.path.basename(path)))
        if copy:
            self.copy(path, target)
        else:
            os.replace(path, target)
        sync_folder(self.behind)
        sync_folder(os.path.dirname(path))
        return target

    def copy(self, source: str, target: str) -> None:
        """Copy a file, whole or not at all."""
        fresh = target + TEMPORARY
        try:
            shutil.copyfile(source, fresh)
        except OSError:
            remove(fresh)
            raise
        os.replace(fresh, target)
        sync_folder(os.path.dirname(target))

    def read_record(self) -> dict[str, Any] | None:
        """run.json, or None before the run was born."""
        return sessions.read(self.record)

    def write_record(self, record: dict[str, Any]) -> None:
        """Replace run.json as a whole."""
        fresh = self.record + TEMPORARY
        with open(fresh, "w", encoding="utf-8") as file:
            json.dump(record, file, indent=1)
            file.write("\n")
            sync(file)
        os.replace(fresh, self.record)
        sync_folder(self.folder)

    @contextmanager
    def locked(self, say: Callable[[str], None], patience: float = 0.0) -> Generator[None]:
        """Hold the work dir against a second trainer, and clear away what a killed one left half written. patience:
        seconds to wait for a trainer on another host.

        Raises Occupied with the holder, Unwritable when the folder cannot be made or written.
        """
        try:
            made(self.folder)
        except OSError as reason:
            raise Unwritable(f"the work dir {self.folder} cannot be made: {reason.strerror}") from reason
        with lock.held(self.lock, say, patience):
            self._sweep()
            self._locked = os.stat(self.lock)
            try:
                yield
            finally:
                self._locked = None

    def drop(self, surplus: Callable[[list[int]], list[int]]) -> None:
        """Delete the snapshots of the epochs that a choice among all kept ones names."""
        kept = {int(match[1]): path for path in self.kept() if (match := SNAPSHOT.fullmatch(os.path.basename(path)))}
        for epoch in surplus(list(kept)):
            os.remove(kept[epoch])
        self._sweep_shards()

    def shortage(self, files: int) -> str | None:
        """What to say when the disk has no room for the next save, or for so many more files; None when it has."""
        if not os.path.exists(self.checkpoint):
            return None
        size, free = listing.entry(self.checkpoint).size, shutil.disk_usage(self.folder).free
        beside = 1 if os.path.exists(self.previous) else 2  # the state before this one, and the one being written
        if free < size * (beside + files):
            when = "the next save" if free < size * beside else f"{files} more snapshots"
            return f"Warning: {self.folder} has {free:,} bytes free, a state takes {size:,}: not enough for {when}"
        return None

    def _ours(self) -> None:
        """Refuse to write into a folder that somebody put in place of the one that is locked. Raises OSError."""
        if self._locked and (not os.path.exists(self.lock) or not os.path.samestat(os.stat(self.lock), self._locked)):
            raise OSError(f"{self.folder} is no longer the folder that this run began in: it was moved or replaced")

    def _first_whole(self, paths: list[str], damaged: dict[str, str]) -> Found | None:
        for path in filter(os.path.lexists, paths):
            try:
                found = Found(path, checkpoint.read(path))
                self.verify(path, found.tree)
                return found
            except UNUSABLE as reason:
                damaged[path] = str(reason)
        return None

    def _sweep(self) -> None:
        """What a killed save left behind; only the holder of the lock may judge that nobody writes it."""
        for path in self.names():
            if path.endswith(TEMPORARY):
                remove(path)
        self._sweep_shards()

    def _sweep_shards(self) -> None:
        """What no state speaks of: a killed save's shards, and those of a state that was replaced."""
        for folder in self._shards.surplus():
            shutil.rmtree(folder)


def put(tree: dict[str, Any], path: str) -> None:
    """Write a state to a file of any name, whole or not at all. Raises Unwritable."""
    try:
        made(os.path.dirname(path))
        os.replace(_written(tree, path), path)
        sync_folder(os.path.dirname(path))
    except (OSError, RuntimeError) as reason:
        raise Unwritable(f"{path} cannot be written: {reason}") from reason


def _written(tree: dict[str, Any], path: str) -> str:
    """Write a state beside its place."""
    fresh = path + TEMPORARY
    remove(fresh)
    try:
        checkpoint.write(tree, fresh)
    except (OSError, RuntimeError, Error):
        remove(fresh)  # room for the next try
        raise
    return fresh


def _later(a: Found | None, b: Found | None) -> Found | None:
    return max((f for f in (a, b) if f), key=lambda f: f.tree["step"], default=None)


def _step(path: str) -> float:
    """The step of a state; a damaged one counts as later than any, so that it never hides what is chosen."""
    try:
        return checkpoint.read(path)["step"] if os.path.exists(path) else -1
    except UNUSABLE:
        return float("inf")


def _of_another_history(path: str, tree: dict[str, Any]) -> bool:
    """Whether a snapshot is there that this state must not replace: one of another content. A run that was killed
    between a snapshot and its checkpoint.pt comes back to the very same one."""
    if not os.path.exists(path):
        return False
    try:
        there = checkpoint.read(path)
    except UNUSABLE:
        return True
    return state.difference(checkpoint.training(there), checkpoint.training({**there, **tree})) is not None
