"""A text file that grows by lines; on a full disk they wait in memory, and none is lost or doubled"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import BinaryIO


class Lines:
    """Appends to a file, which the caller has opened for appending in binary mode and without a buffer."""

    def __init__(self) -> None:
        self.file: BinaryIO | None = None
        self._waiting = b""

    def append(self, line: str) -> None:
        """Write a line, or keep it until there is a file and room."""
        self._waiting += line.encode(errors="surrogateescape") + b"\n"  # a path need not be text
        with suppress(OSError):
            self.drain()

    def drain(self) -> None:
        """Write what waits. Raises OSError when the disk does not take all of it; the rest goes on waiting."""
        while self.file is not None and self._waiting:
            self._waiting = self._waiting[os.write(self.file.fileno(), self._waiting) :]

    def close(self) -> None:
        """Write what can still be written, and let go of the file."""
        if self.file is not None:
            with suppress(OSError):
                self.drain()
            self.file.close()
            self.file = None
