"""What a sharded state says of its shards: folder, files with hashes, and whose tensors lie there

Knows words, sizes and hashes alone and imports no torch, so that whoever only looks at a work dir need not wait for it.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, cast

from .errors import Damaged, Unreadable

FOLDER = re.compile(r"shards/[A-Za-z0-9][A-Za-z0-9-]{0,99}")
METADATA = ".metadata"
FILE = re.compile(r"__\d{1,9}_0\.distcp|\.metadata")
HASH = re.compile(r"[0-9a-f]{64}")
PIECE = 1 << 20  # bytes that are read at a time
THREADS = 4

At = tuple[str | int, ...]


@dataclass(frozen=True)
class Absent:
    """Stands in a tree for a tensor that lies in shards. at: the keys that lead to it. dim: along which it was cut;
    None for one that was whole in every process."""

    name: str
    at: At
    dtype: str
    shape: tuple[int, ...]
    dim: int | None

    def told(self) -> dict[str, Any]:
        """As the state says it."""
        return {"at": list(self.at), "dtype": self.dtype, "shape": list(self.shape), "dim": self.dim}


@dataclass(frozen=True)
class Manifest:
    """folder: where the files are, seen from the work dir. files: bytes and SHA-256 of each."""

    folder: str
    files: dict[str, tuple[int, str]]
    tensors: dict[str, Absent]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(size for size, _ in self.files.values())


def of(tree: dict[str, Any]) -> Manifest | None:
    """The shards of a state; None where it has none. Raises ValueError for one that does not add up."""
    told = tree.get("shards")
    if told is None:
        return None
    if not isinstance(told, dict) or set(cast(dict[Any, Any], told)) != {"folder", "files", "tensors"}:
        raise ValueError("it does not say where its shards are")
    said = cast(dict[str, Any], told)
    folder, files, tensors = said["folder"], said["files"], said["tensors"]
    if type(folder) is not str or not FOLDER.fullmatch(folder):
        raise ValueError(f"its shards are in {folder!r:.80}, which is no place for them")
    if type(files) is not dict or type(tensors) is not dict:
        raise ValueError("its shards are not listed")
    known = dict(map(_file, cast(dict[Any, Any], files).items()))
    if METADATA not in known:
        raise ValueError("its shards have no .metadata")
    return Manifest(folder, known, dict(map(_tensor, cast(dict[Any, Any], tensors).items())))


def opened(tree: Any, manifest: Manifest | None) -> Any:
    """The tree with an Absent for every tensor in shards. Raises ValueError where one has no place in it."""
    if manifest is None:
        return tree
    absent = {tensor.at: tensor for tensor in manifest.tensors.values()}

    def leaf(value: Any, at: At) -> Any:
        if at not in absent:
            return value
        if value is not None:
            raise ValueError(f"it holds {'.'.join(map(str, at))} twice")
        return absent.pop(at)

    whole = walked(tree, leaf)
    if absent:
        raise ValueError(f"its shards hold {next(iter(absent.values())).name}, for which it has no place")
    return whole


def walked(tree: Any, leaf: Callable[[Any, At], Any], at: At = ()) -> Any:
    """The same tree with what `leaf` makes of each leaf and the keys that lead to it."""
    if isinstance(tree, dict):
        return {key: walked(value, leaf, (*at, key)) for key, value in cast(dict[Any, Any], tree).items()}
    if type(tree) in (list, tuple):
        values = cast(list[Any], tree)
        return type(values)(walked(value, leaf, (*at, place)) for place, value in enumerate(values))
    return leaf(tree, at)


def place(path: str, manifest: Manifest) -> str:
    """The folder of a state's shards: in the state's own folder or in one of the two above it. Raises Damaged."""
    here = os.path.dirname(path)
    for above in ("", os.pardir, os.path.join(os.pardir, os.pardir)):
        folder = os.path.normpath(os.path.join(here, above, manifest.folder))
        if os.path.isdir(folder):
            return folder
    raise Damaged(f"{path} is damaged: its shards, {manifest.folder}, are not there")


def look(path: str, manifest: Manifest) -> None:
    """See whether all shards of a state are there, as long as it says. Raises Damaged."""
    folder = place(path, manifest)
    sizes = ((os.path.join(folder, name), size) for name, (size, _) in manifest.files.items())
    if first := next(filter(None, (_missing(file, size) for file, size in sizes)), None):
        raise Damaged(f"{path} is damaged: {first}")


def check(path: str, manifest: Manifest, files: Iterable[str] | None = None) -> None:
    """Compare the shards of a state with its word, or only these files of them. Raises Damaged or Unreadable."""
    folder = place(path, manifest)

    def wrong(name: str) -> str | None:
        return _wrong(os.path.join(folder, name), *manifest.files[name])

    with ThreadPoolExecutor(THREADS) as pool:
        found = pool.map(wrong, manifest.files if files is None else files)
        if first := next(filter(None, found), None):
            raise Damaged(f"{path} is damaged: {first}")


def hashed(path: str) -> tuple[int, str]:
    """The bytes of a file and their SHA-256. Raises OSError."""
    total = hashlib.sha256()
    with open(path, "rb") as file:
        for piece in _pieces(file):
            total.update(piece)
        return file.tell(), total.hexdigest()


def _pieces(file: Any) -> Iterator[bytes]:
    while piece := file.read(PIECE):
        yield piece


def _wrong(path: str, size: int, digest: str) -> str | None:
    if wrong := _missing(path, size):
        return wrong
    try:
        found = hashed(path)
    except OSError as reason:
        raise Unreadable(f"{path} cannot be read: {reason.strerror}") from reason
    return None if found == (size, digest) else f"its shard {path} does not match its hash"


def _missing(path: str, size: int) -> str | None:
    if not os.path.isfile(path):
        return f"its shard {path} is missing"
    there = os.path.getsize(path)
    return None if there == size else f"its shard {path} has {there} bytes instead of {size}"


def _file(item: tuple[Any, Any]) -> tuple[str, tuple[int, str]]:
    match item:
        case (str() as name, [int() as size, str() as digest]) if FILE.fullmatch(name) and HASH.fullmatch(digest):
            return name, (size, digest)
        case _:
            raise ValueError(f"it lists {str(item[0])[:80]!r} among its shards")


def _tensor(item: tuple[Any, Any]) -> tuple[str, Absent]:
    match item:
        case (str() as name, {"at": [*at], "dtype": str() as dtype, "shape": [*shape], "dim": int() | None as dim}):
            if all(type(n) is int and n >= 0 for n in shape) and all(type(key) in (str, int) for key in at):
                return name, Absent(name, tuple(at), dtype, tuple(shape), dim)
        case _:
            pass
    raise ValueError(f"it describes {str(item[0])[:80]!r} in its shards in a way that is not known")
