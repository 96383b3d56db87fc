"""Arrays computed once and kept in a file: mapped, checked, and computed again when not whole

A file holds arrays one behind the other, then a JSON text that says what they are, what they were computed from (the
key) and their checksum, then 20 bytes: the text's length, its checksum, a magic word. It is written beside, synced and
renamed: a build that was killed leaves nothing under the name that is looked for. Nothing in it is ever unpickled.
Whoever wants the same file at the same time waits for the one who builds it. To delete such files is always safe.
"""

import json
import mmap
import os
import sys
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from filelock import FileLock, Timeout

MAGIC = b"perpart1"
TAIL = 20  # bytes behind the text: 8 of its length, 4 of its checksum, the magic word
AT_ONCE = 1 << 22  # bytes read at once to be checked
OFTEN = 10.0  # seconds between two lines about a long build

Chunks = Iterable[tuple[str, np.ndarray]]
"""Named pieces of arrays; those of one name follow each other and are joined along their first axis."""
Say = Callable[[str], None]


class Damaged(Exception):
    """A file is not what was written, or was computed from something else."""


def aside(line: str) -> None:
    """Say a line where it does not mix with results."""
    print(line, file=sys.stderr, flush=True)


def places(beside: str | Path | None) -> tuple[Path, ...]:
    """Where files may be kept: beside the data, which may be read-only or a part of the package, or with the user."""
    known = os.environ.get("XDG_CACHE_HOME", "")
    user = Path(known) if os.path.isabs(known) else Path.home() / ".cache"
    return (*([Path(beside) / "cache"] if beside is not None else []), user / "perpart")


def kept(
    folders: Sequence[Path], name: str, key: str, build: Callable[[], Chunks], say: Say = aside
) -> Mapping[str, np.ndarray]:
    """The arrays that `build` gives, from the first folder that has them; else built, in the first that takes them.

    No folder, or none that can be written: they are held in memory. `key` names all that they are computed from.
    """
    path = f"{name}-{key[:20]}.cache"
    for folder in folders:
        if found := _found(folder / path, key, say):
            return found
    for folder in folders:
        try:
            return _alone(folder / path, key, build, say)
        except (OSError, NotImplementedError) as reason:  # the latter where a file system knows no locks
            say(f"{name}: cannot be kept in {folder}: {getattr(reason, 'strerror', None) or reason}")
    return _joined(build())


class Kept(Mapping[str, np.ndarray]):
    """The arrays of a file, mapped: a page is read when it is looked at, and all who look share it.

    Raises Damaged, and FileNotFoundError where there is none. What is pickled is the path: a worker maps it anew.
    """

    def __init__(self, path: Path):
        self.path = path
        with path.open("rb") as file:
            self.said = _text(file)
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._arrays = {name: self._array(*where) for name, where in self.said["arrays"].items()}

    def _array(self, kind: str, shape: list[int], start: int) -> np.ndarray:
        return np.frombuffer(self._bytes, np.dtype(kind), int(np.prod(shape)), start).reshape(shape)

    def __getitem__(self, name: str) -> np.ndarray:
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def __reduce__(self) -> tuple[type, tuple[Path]]:
        return Kept, (self.path,)


def _found(path: Path, key: str, say: Say) -> Kept | None:
    """The file, whole and of this key; None where there is none, or, said, another one."""
    try:
        return _checked(path, key)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (Damaged, OSError) as reason:
        say(f"{path}: {reason}; computed again")
        return None


def _checked(path: Path, key: str) -> Kept:
    found = Kept(path)
    if found.said["key"] != key:
        raise Damaged("is of other data")
    with path.open("rb") as file:
        if _sum(file, found.said["size"]) != found.said["sum"]:
            raise Damaged("is damaged (its checksum differs)")
    return found


def _sum(file: BinaryIO, size: int) -> int:
    total, left = 0, size
    while left and (piece := file.read(min(AT_ONCE, left))):
        total, left = zlib.crc32(piece, total), left - len(piece)
    return total


def _text(file: BinaryIO) -> dict[str, Any]:
    """What the file says of itself. Raises Damaged where it does not end as it should."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - TAIL))
    tail = file.read()
    length, total = (int.from_bytes(part, "little") for part in (tail[:8], tail[8:12]))
    if tail[12:] != MAGIC or length > size - TAIL:
        raise Damaged("is cut short, or not a file of ours")
    file.seek(size - TAIL - length)
    text = file.read(length)
    if zlib.crc32(text) != total or (said := json.loads(text))["size"] != size - TAIL - length:
        raise Damaged("is damaged (its description's checksum differs)")
    return said


def _alone(path: Path, key: str, build: Callable[[], Chunks], say: Say) -> Kept:
    """Build the file while nobody else does; who finds somebody at it waits, and takes what he made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _turn(FileLock(path.with_suffix(".lock")), partial(say, f"{path}: another process computes it; waiting")):
        return _found(path, key, lambda line: None) or _built(path, key, build, say)


def _turn(lock: FileLock, wait: Callable[[], None]) -> Any:
    """The lock, taken, to be let go by `with`."""
    try:
        return lock.acquire(timeout=0)
    except Timeout:
        wait()
        return lock.acquire()


def _built(path: Path, key: str, build: Callable[[], Chunks], say: Say) -> Kept:
    began, beside = time.monotonic(), path.with_suffix(".building")
    try:
        with beside.open("wb") as file:
            _write(file, key, build())
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)  # half of it only takes space
    _sync(path.parent)
    say(f"{path}: computed in {time.monotonic() - began:.1f} s, {path.stat().st_size / 1e6:.1f} MB")
    return _checked(path, key)


def _write(file: BinaryIO, key: str, chunks: Chunks) -> None:
    arrays, total = dict[str, tuple[str, list[int], int]](), 0
    for name, chunk in chunks:
        kind, shape, _ = arrays.setdefault(name, (chunk.dtype.str, [0, *chunk.shape[1:]], file.tell()))
        if (kind, shape[1:], name) != (chunk.dtype.str, list(chunk.shape[1:]), list(arrays)[-1]):
            raise ValueError(f"{name}: its pieces differ in kind or do not follow each other")
        shape[0] += len(chunk)
        total = zlib.crc32(content := chunk.tobytes(), total)
        file.write(content)
    text = json.dumps({"key": key, "size": file.tell(), "sum": total, "arrays": arrays}).encode()
    file.write(text + len(text).to_bytes(8, "little") + zlib.crc32(text).to_bytes(4, "little") + MAGIC)


def _joined(chunks: Chunks) -> dict[str, np.ndarray]:
    pieces = dict[str, list[np.ndarray]]()
    for name, chunk in chunks:
        pieces.setdefault(name, []).append(chunk)
    return {name: np.concatenate(some) for name, some in pieces.items()}


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def every(seconds: float = OFTEN, say: Say = aside) -> Say:
    """Says of the lines that it is given one every so many seconds, the first of them only then."""
    return partial(_seldom, [time.monotonic()], seconds, say)


def _seldom(last: list[float], seconds: float, say: Say, line: str) -> None:
    if time.monotonic() - last[0] >= seconds:
        last[0] = time.monotonic()
        say(line)
