"""One state on disk: written, synced and read back; verified in content before a value of it is used

A checkpoint is one file by torch.save of plain containers and tensors. `torch.load(path, weights_only=True)` reads it
without this package, and looks at no checksum. The digest inside finds a changed value, whoever wrote the container.
"""

from __future__ import annotations

import io
import os
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch

from . import container, manifest, outline, state
from .errors import Damaged, Error, Unreadable
from .outline import FACTS, FORMAT, SHARDED

WELL_KNOWN = {"model": "state_dict", "optimizer": "optimizer", "scheduler": "scheduler"}  # name kept: key in the file
RESERVED = {*FACTS, "format", "shards", "state_dict"}
MADE = {"format", "shards", "saved", "digest"}  # of a file, not of the state in it
TOGETHER = 1 << 24  # bytes that one call writes
PASSING = {"saved", "digest", "environment", "journal", "settings"}  # of a session, not of training: not compared


def write(tree: dict[str, Any], path: str) -> None:
    """Write a tree with its digest to a new file, sync it and read it back.

    Raises OSError when the disk says no, Damaged when what was read is not what was written.
    """
    given = {key: value for key, value in tree.items() if key not in ("format", "digest")}
    whole = {"format": SHARDED if "shards" in tree else FORMAT, **given, "saved": time.time()}
    with _Sink(path) as sink, ThreadPoolExecutor(1, "unbroken-beside") as beside:
        digested = beside.submit(state.digest, whole)  # hashing needs the processor, writing the memory and the disk
        place = secrets.token_hex(32)  # where the digest will stand: nothing else in the file reads so
        _save({**whole, "digest": place}, sink)
        digest = digested.result()
        sink.amend(container.amended(path, place.encode(), digest.encode()))
        synced = beside.submit(os.fsync, sink.handle)
        same = read(path)["digest"] == digest
        synced.result()
    if not same:
        raise Damaged(f"{path} read back differently from what was written: the disk or the memory is failing")


def read(path: str) -> dict[str, Any]:
    """The whole content of a checkpoint, after its digest was verified.

    Tensors are mapped from the file, not copied: while they are used it may be renamed or deleted, but not written to.
    Raises Missing, Unreadable, Foreign, Damaged or Hostile, each one line that says what was found; never runs code.
    """
    while True:
        file = _identity(path)
        try:
            return _read(path)
        except Error:
            if _identity(path) == file:
                raise  # or else it was replaced while it was read: a look at a run that is saving


def _read(path: str) -> dict[str, Any]:
    outline.read(path)  # first, and without torch: it trusts what it is given
    _look(path)
    try:
        tree = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (RuntimeError, OSError) as reason:
        raise Unreadable(f"{path} cannot be mapped into memory: {str(reason).splitlines()[0]}") from reason
    if tree.get("digest") != state.digest({k: v for k, v in tree.items() if k != "digest"}):
        raise Damaged(f"{path} is damaged: its content does not match its digest")
    return tree


def _identity(path: str) -> tuple[int, ...] | None:
    """Tells a file from the one that had its name before."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def load(path: str) -> dict[str, Any]:
    """The whole content of a checkpoint, verified, in memory of its own; of a sharded one with its tensors, as if one
    process had saved it. Raises what read raises."""
    return state.snapshot(whole(path))


def whole(path: str) -> dict[str, Any]:
    """As read; a sharded state with its tensors, verified, in as much memory as they take."""
    tree = read(path)
    if (found := manifest.of(tree)) is None:
        return tree
    from . import shards, slices  # noqa: PLC0415 (takes long, and few states need it)

    verify(path, tree)
    folder = manifest.place(path, found)
    opened = manifest.opened({key: value for key, value in tree.items() if key not in MADE}, found)
    filled = slices.filled(opened, None, lambda wanted: shards.read(folder, found, wanted))
    filled = {"format": FORMAT, **filled, "saved": tree["saved"]}
    return {**filled, "digest": state.digest(filled)}


def verify(path: str, tree: dict[str, Any]) -> None:
    """Compare the shards of a state, where it has any, with what it says of them. Raises Damaged or Unreadable."""
    if (found := manifest.of(tree)) is not None:
        manifest.check(path, found)


def _look(path: str) -> None:
    """Read every byte once. A sector that the disk cannot read is an error here; where the file is mapped, it would
    end the process."""
    try:
        with open(path, "rb", buffering=0) as file:
            piece = bytearray(1 << 20)
            while file.readinto(piece):
                pass
    except OSError as reason:
        raise Unreadable(f"{path} cannot be read: {reason.strerror}") from reason


def _save(tree: dict[str, Any], sink: _Sink) -> None:
    """torch writes its zip in many small pieces: they are gathered before the system is called."""
    file = io.BufferedWriter(sink, 1 << 20)
    try:
        torch.save(tree, file)
        file.flush()
    except (OSError, RuntimeError) as reason:
        raise sink.failure or reason from None
    file.detach()


class _Sink(io.RawIOBase):
    """A new file that remembers the system's own reason when a write fails: torch's writer only says that one did."""

    def __init__(self, path: str) -> None:
        self.handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        self.failure: OSError | None = None
        self._end = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        try:
            written = os.write(self.handle, data[:TOGETHER])
            if hasattr(os, "posix_fadvise"):  # Linux: the disk begins with these bytes now, and not at the sync
                os.posix_fadvise(self.handle, self._end, written, os.POSIX_FADV_DONTNEED)
            self._end += written
            return written
        except OSError as failure:
            self.failure = failure
            raise

    def amend(self, changes: list[tuple[int, bytes]]) -> None:
        """Write over what stands at these places."""
        for place, data in changes:
            os.pwrite(self.handle, data, place)

    def close(self) -> None:
        if not self.closed:
            os.close(self.handle)
        super().close()


def training(tree: dict[str, Any]) -> dict[str, Any]:
    """What of a state belongs to training, and not to a session: neither does the name of its shards' folder."""
    shards = {"shards": {**tree["shards"], "folder": ""}} if "shards" in tree else {}
    return {k: v for k, v in {**tree, **shards}.items() if k not in PASSING}


def layout(parts: dict[str, Any]) -> dict[str, Any]:
    """Kept parts under the keys of a file: the three that the field knows by name, then the others together."""
    named = {key: parts[name] for name, key in WELL_KNOWN.items() if name in parts}
    return {**named, "kept": {name: part for name, part in parts.items() if name not in WELL_KNOWN}}


def parts(tree: dict[str, Any]) -> dict[str, Any]:
    """Kept parts by their own names; undoes layout."""
    named = {name: tree[key] for name, key in WELL_KNOWN.items() if key in tree}
    return {**named, **tree["kept"]}
