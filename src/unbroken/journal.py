"""What was measured: journal.jsonl, cut back to what the state vouches for when a run goes on

One JSON object a line. On resume the file is cut back to the length that the checkpoint names, after the bytes up to
there were found to be the same ones; so no record is ever doubled, lost or taken from another history. Fields that are
times stand in an object named `time`, last in the line: all else is equal, byte for byte, in the uninterrupted run.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any

from . import records, shelf
from .lines import Lines

Mark = dict[str, Any]  # {"length": bytes, "sha256": hex of those bytes}


class Journal:
    """An append-only file of records that knows how far a checkpoint vouches for it."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._lines = Lines()
        self._hash, self._length = hashlib.sha256(), 0
        self.cut: dict[str, Any] | None = None  # of what was cut off, the last record's place and time

    def holds(self, mark: Mark) -> bool:
        """Whether the file begins with the very records that a mark vouches for."""
        return _prefix(self.path, mark["length"]).hexdigest() == mark["sha256"]

    def open(self, mark: Mark | None) -> None:
        """Go on after the records of a mark, which the file must hold; without one, from the beginning."""
        length = mark["length"] if mark else 0
        self.cut = records.last(self.path, length)
        self._hash, self._length = _prefix(self.path, length), length
        self._lines.file = open(self.path, "ab", buffering=0)  # noqa: SIM115 (closed by close)
        self._lines.file.truncate(length)

    def write(self, record: Mapping[str, Any]) -> None:
        """Append one record; it counts once a checkpoint vouches for it.

        On a full disk the record waits in memory: mark, which every save asks for, raises until it is written.
        """
        line = json.dumps(record)
        self._hash.update(line.encode() + b"\n")
        self._length += len(line) + 1  # JSON is plain ASCII
        self._lines.append(line)

    def mark(self) -> Mark:
        """What a checkpoint stores to vouch for everything written so far; true once it is synced.

        Raises OSError when the disk does not take it.
        """
        self._lines.drain()
        return {"length": self._length, "sha256": self._hash.hexdigest()}

    def sync(self) -> None:
        """What marks vouch for survives a power cut from here on. Raises OSError."""
        if self._lines.file is not None:
            shelf.sync(self._lines.file)

    def close(self) -> None:
        self._lines.close()


def _prefix(path: str, length: int) -> hashlib._Hash:  # pyright: ignore[reportPrivateUsage]
    """The hash of a file's first bytes; of fewer when it is shorter, which then matches no mark."""
    total = hashlib.sha256()
    if length and os.path.exists(path):
        with open(path, "rb") as file:
            while length and (piece := file.read(min(length, 1 << 20))):
                total.update(piece)
                length -= len(piece)
    return total
