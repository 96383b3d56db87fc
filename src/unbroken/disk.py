"""Files and names that survive a power cut: sync, link, make folders, find a free name, remove"""

from __future__ import annotations

import os
from typing import IO, Any

from .places import TEMPORARY


def sync(file: IO[Any]) -> None:
    """What was written to this file survives a power cut from here on."""
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: str) -> None:
    """The names in this folder survive a power cut from here on: without it a rename may be lost."""
    handle = os.open(folder or ".", os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def made(folder: str) -> None:
    """Make a folder, and those above it, so that their names survive a power cut."""
    if folder and not os.path.isdir(folder):
        above = os.path.dirname(folder.rstrip("/"))
        made(above)
        os.makedirs(folder, exist_ok=True)
        sync_folder(above)


def link(old: str, new: str) -> None:
    """A second name for a file, replacing what had that name in one act."""
    fresh = new + TEMPORARY
    remove(fresh)
    os.link(old, fresh)
    os.replace(fresh, new)
    remove(fresh)  # which is still there if `new` was a name of the same file: such a rename does nothing


def free(path: str) -> str:
    names = (path if n == 1 else f"{path}-{n}" for n in range(1, 1_000_000))
    return next(name for name in names if not os.path.lexists(name))


def remove(path: str) -> None:
    if os.path.lexists(path):
        os.remove(path)
