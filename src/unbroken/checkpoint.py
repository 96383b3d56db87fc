"""One state on disk: written, synced and read back; verified in content before a value of it is used

A checkpoint is one file by torch.save of plain containers and tensors. `torch.load(path, weights_only=True)` reads it
without this package. A zip's CRC32 finds a flipped byte in the container; the digest inside finds a changed value
whoever wrote the container. torch.load alone finds neither.
"""

from __future__ import annotations

import io
import os
import pickle
import re
import time
import zipfile
import zlib
from typing import Any

import torch

from . import state
from .errors import Damaged, Foreign, Hostile, Missing, Unreadable

FORMAT = 1
FACTS = {"epoch": int, "batch": int, "step": int, "seed": int, "settings": dict, "journal": dict, "kept": dict,
         "parameters": dict}  # fmt: skip
WELL_KNOWN = {"model": "state_dict", "optimizer": "optimizer", "scheduler": "scheduler"}  # name kept: key in the file
RESERVED = {*FACTS, "format", "state_dict", "means", "environment", "saved", "digest"}
PASSING = {"saved", "digest", "environment", "journal", "settings"}  # of a session, not of training: not compared


def write(tree: dict[str, Any], path: str) -> None:
    """Write a tree with its digest to a new file, sync it and read it back.

    Raises OSError when the disk says no, Damaged when what was read is not what was written.
    """
    whole = {"format": FORMAT, **tree, "saved": time.time()}
    whole["digest"] = state.digest(whole)
    _put(whole, path)
    if read(path)["digest"] != whole["digest"]:
        raise Damaged(f"{path} read back differently from what was written: the disk or the memory is failing")


def read(path: str) -> dict[str, Any]:
    """The whole content of a checkpoint, after its container and its digest were verified.

    Raises Missing, Unreadable, Foreign, Damaged or Hostile, each one line that says what was found; never runs code.
    """
    if os.path.islink(path) and not os.path.exists(path):
        raise Unreadable(f"{path} is a link to {os.readlink(path)}, which is not there: is its disk mounted?")
    if not os.path.exists(path):
        raise Missing(f"{path}: there is no such file{_neighbours(path)}")
    if not os.path.isfile(path):
        raise Foreign(f"{path} is not a file; name the file itself, such as {os.path.join(path, 'checkpoint.pt')}")
    _container(path)
    tree = _load(path)
    _kind(path, tree)
    if tree.get("digest") != state.digest({k: v for k, v in tree.items() if k != "digest"}):
        raise Damaged(f"{path} is damaged: its content does not match its digest")
    return tree


def _put(tree: dict[str, Any], path: str) -> None:
    sink = _Sink(path)
    try:
        with io.BufferedWriter(sink, 1 << 20) as file:
            torch.save(tree, file)
            file.flush()
            os.fsync(sink.handle)
    except (OSError, RuntimeError) as reason:
        raise sink.failure or reason from None


class _Sink(io.RawIOBase):
    """A new file that remembers the system's own reason when a write fails: torch's writer only says that one did."""

    def __init__(self, path: str) -> None:
        self.handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        self.failure: OSError | None = None

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        try:
            return os.write(self.handle, data)
        except OSError as failure:
            self.failure = failure
            raise

    def close(self) -> None:
        if not self.closed:
            os.close(self.handle)
        super().close()


def layout(parts: dict[str, Any]) -> dict[str, Any]:
    """Kept parts under the keys of a file: the three that the field knows by name, then the others together."""
    named = {key: parts[name] for name, key in WELL_KNOWN.items() if name in parts}
    return {**named, "kept": {name: part for name, part in parts.items() if name not in WELL_KNOWN}}


def parts(tree: dict[str, Any]) -> dict[str, Any]:
    """Kept parts by their own names; undoes layout."""
    named = {name: tree[key] for name, key in WELL_KNOWN.items() if key in tree}
    return {**named, **tree["kept"]}


def _container(path: str) -> None:
    try:
        with open(path, "rb") as file:
            head = file.read(4)
    except OSError as reason:
        raise Unreadable(f"{path} cannot be read: {reason.strerror}") from reason
    if head[:1] == b"\x80":
        raise Hostile(f"{path} is a bare pickle, which can run code when loaded: refused")
    if head != b"PK\x03\x04":
        raise Foreign(f"{path} is not a checkpoint: it starts with {head!r}, not with a zip's mark")
    try:
        with zipfile.ZipFile(path) as container:
            wrong = container.testzip()
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError) as reason:
        raise Damaged(f"{path} is cut short or damaged: {reason}") from reason
    if wrong is not None:
        raise Damaged(f"{path} is damaged: the bytes of {wrong} do not match their CRC32")


def _load(path: str) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as reason:
        named = re.search(r"GLOBAL ([\w.]+)", str(reason))
        what = f"it asks for {named[1]}" if named else "its pickle holds more than plain values"
        raise Hostile(f"{path} would run code when loaded ({what}): refused") from reason
    except (RuntimeError, KeyError, ValueError, TypeError, AttributeError, EOFError, IndexError) as reason:
        first = (str(reason).splitlines() or [type(reason).__name__])[0]
        raise Foreign(f"{path} is a zip, but torch cannot read it as a checkpoint: {first[:200]}") from reason


def _kind(path: str, tree: Any) -> None:
    if not isinstance(tree, dict) or "format" not in tree:
        weights = isinstance(tree, dict) and any(isinstance(v, torch.Tensor | dict) for v in tree.values())  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
        found = "weights of another program, but no run to go on with" if weights else "no state of a run"
        raise Foreign(f"{path} holds {found}; name a checkpoint.pt or a snapshot that this trainer wrote")
    if not isinstance(tree["format"], int) or tree["format"] > FORMAT:
        raise Foreign(f"{path} has format {tree['format']!r}; this version reads up to {FORMAT}: install a newer one")
    for name, kind in FACTS.items():
        if not isinstance(tree.get(name), kind):  # pyright: ignore[reportUnknownMemberType]
            raise Damaged(f"{path} is damaged: {name} is not {kind.__name__}")


def _neighbours(path: str) -> str:
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        return f", nor a folder {folder}"
    found = sorted(name for name in os.listdir(folder) if name.endswith(".pt"))
    return f"; {folder} holds {', '.join(found[-5:])}" if found else f"; {folder} holds no .pt file"
