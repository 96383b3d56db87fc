"""Which folders of shards nothing needs any more: those that no state in the work dir speaks of"""

from __future__ import annotations

import os

from . import manifest, outline
from .errors import Error
from .places import Places

SHARDS = "shards"


class Sweep:
    """Finds the folders that may go. Damaged states count, too: what is set aside is kept with its shards. Where one
    of those no longer says which are its own, all that was there stays."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._known: dict[tuple[int, ...], str | None] = {}  # which shards a file speaks of, once read
        self._spared = set[str]()

    def surplus(self) -> list[str]:
        """The folders that no state speaks of."""
        above = os.path.join(self._places.folder, SHARDS)
        if not os.path.isdir(above):
            return []
        needed, there = set[str | None](), {f"{SHARDS}/{name}" for name in os.listdir(above)}
        for path in self._states():
            try:
                needed.add(self._needed(path))
            except Error:
                self._spared = self._spared or there
        return [os.path.join(self._places.folder, name) for name in sorted(there - needed - self._spared)]

    def _states(self) -> list[str]:
        folders = [self._places.folder, self._places.snapshots, self._places.behind]
        paths = [os.path.join(f, name) for f in folders if os.path.isdir(f) for name in os.listdir(f)]
        return [path for path in paths if ".pt" in os.path.basename(path) and os.path.isfile(path)]

    def _needed(self, path: str) -> str | None:
        told = os.stat(path)
        key = told.st_dev, told.st_ino, told.st_size, told.st_mtime_ns
        if key not in self._known:
            found = manifest.of(outline.read(path))
            self._known[key] = found.folder if found else None
        return self._known[key]
