"""The names in a work dir: where its states, its record and what was left behind lie

Knows the names alone and imports no torch, so that whoever only looks at a work dir need not wait for it.
"""

from __future__ import annotations

import os
import re

SNAPSHOT = re.compile(r"E(\d{3,})_net\.pt")
TEMPORARY = ".unbroken-tmp"  # ours alone: files with it are deleted


class Places:
    """The places of a work dir. Paths are joined as text, because users look for the path that they typed."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = folder = os.fspath(folder)
        self.checkpoint = os.path.join(folder, "checkpoint.pt")
        self.previous = os.path.join(folder, "checkpoint.prev.pt")
        self.best = os.path.join(folder, "best.pt")
        self.snapshots = os.path.join(folder, "checkpoints")
        self.behind = os.path.join(self.snapshots, "left-behind")
        self.record = os.path.join(folder, "run.json")
        self.lock = os.path.join(folder, "run.lock")
        self.journal = os.path.join(folder, "journal.jsonl")

    def snapshot(self, epoch: int) -> str:
        """Where the snapshot of an epoch lies."""
        return os.path.join(self.snapshots, f"E{epoch:03d}_net.pt")

    def kept(self) -> list[str]:
        """The snapshots that are there, the latest first."""
        names = os.listdir(self.snapshots) if os.path.isdir(self.snapshots) else []
        found = [(int(match[1]), name) for name in names if (match := SNAPSHOT.fullmatch(name))]
        return [os.path.join(self.snapshots, name) for _, name in sorted(found, reverse=True)]

    def names(self) -> list[str]:
        """Every path in the two folders where states lie."""
        folders = [folder for folder in (self.folder, self.snapshots) if os.path.isdir(folder)]
        return [os.path.join(folder, name) for folder in folders for name in os.listdir(folder)]

    def damaged(self) -> list[str]:
        """The states that were set aside."""
        return [path for path in self.names() if ".pt.damaged" in os.path.basename(path)]

    def states(self) -> list[str]:
        """The states that are there: checkpoint.pt, the one before it, the best, the snapshots from the latest on."""
        paths = (self.checkpoint, self.previous, self.best, *self.kept())
        return [path for path in paths if os.path.lexists(path)]
