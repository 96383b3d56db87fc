"""A disk with a cache: every state in which a folder may be found after a crash, at each point of a trace of calls

What a call did is certain once it was synced: data by fsync of their file, names by fsync of their folder. Whatever was
not may be lost or half there. Data: none, all, all but the first or the last blocks of 4,096 bytes, or blocks drawn at
random; missing ones as they were before, or zeros where the file had grown. Names, in two models: `ordered`, as the
journals of ext4 and XFS commit them: the first so many of the operations, in the whole folder; and `strict`, stricter
than any: each operation by itself, done or not.
"""

import hashlib
import os
import random
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import combinations, product
from pathlib import Path
from typing import Any, NamedTuple

from tests.whole.calls import place

BLOCK = 4096
MANY = 40  # states of one point in the trace, beyond which combinations are drawn and not enumerated
Folder = dict[str, bytes | None]  # path -> content, None for a folder


class Event(NamedTuple):
    """One thing that happened: to which path or which file (an inode number), with what.

    make: path, inode. folder: path. write: inode, offset, data. resize: inode, length. sync: inode. sync folder: path.
    rename, link: path, new path. remove: path. saved: position, told by the loop and not by a call.
    """

    kind: str
    subject: Any
    more: Any = None
    data: bytes = b""


class Recorder:
    """Writes down what `calls.watched` sees, paths as they stand inside the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.events = folder, list[Event]()

    def saved(self, position: tuple[int, int]) -> None:
        """The loop was told that this position is safe."""
        self.events.append(Event("saved", position))

    def __call__(self, name: str, arguments: tuple[Any, ...], do: Callable[..., Any]) -> Any:
        """Make the call, and write down what it did. A call that failed did nothing."""
        subject = arguments[0]
        fresh = name == "open" and not os.path.lexists(subject)
        result = do()
        self.events += [event for event in self._events(name, arguments, result) if fresh or event.kind != "make"]
        return result

    def _events(self, name: str, arguments: tuple[Any, ...], result: Any) -> Iterator[Event]:
        subject = arguments[0]
        if name == "open":
            yield Event("make", self._path(subject), os.fstat(result).st_ino)
            if arguments[1] & os.O_TRUNC:
                yield Event("resize", os.fstat(result).st_ino, 0)
        elif name == "write":
            offset = os.lseek(subject, 0, os.SEEK_CUR) - result
            yield Event("write", os.fstat(subject).st_ino, offset, bytes(arguments[1][:result]))
        elif name == "pwrite":
            yield Event("write", os.fstat(subject).st_ino, arguments[2], bytes(arguments[1][:result]))
        elif name in ("truncate", "ftruncate"):
            yield Event("resize", os.stat(subject).st_ino, arguments[1])
        elif name in ("fsync", "fdatasync"):
            known = os.fstat(subject)
            folder = stat.S_ISDIR(known.st_mode)
            yield Event("sync folder", self._path(subject)) if folder else Event("sync", known.st_ino)
        elif name in ("rename", "replace", "link"):
            kind = "link" if name == "link" else "rename"
            yield Event(kind, self._path(subject), self._path(arguments[1]))
        elif name == "mkdir":
            yield Event("folder", self._path(subject))
        elif name in ("remove", "unlink", "rmdir"):
            yield Event("remove", self._path(subject))
        else:
            raise AssertionError(f"{name} changes the folder in a way that is not recorded")

    def _path(self, subject: Any) -> str:
        return os.path.relpath(place(subject), self.folder)


@dataclass(eq=False)
class File:
    """The bytes of a file: those that are safe, and those that a reader sees now. Some are for people alone, and no
    program reads them again: what a crash makes of those does not matter."""

    matters: bool = True
    safe: bytes = b""
    now: bytes = b""

    def contents(self, draw: random.Random) -> list[bytes]:
        """What it may hold after a crash."""
        if self.safe == self.now or not self.matters:
            return [self.now]
        blocks = range(-(-max(len(self.safe), len(self.now)) // BLOCK))
        dirty = [b for b in blocks if _block(self.safe, b) != _block(self.now, b)]
        drawn = [draw.sample(dirty, draw.randrange(len(dirty) + 1)) for _ in range(3)]
        torn = [dirty[:n] for n in {1, len(dirty) // 2, len(dirty) - 1}] + [dirty[1:], *drawn]
        grown = [self._torn(len(self.now), set(some)) for some in [[], dirty, *torn]]
        short = [self._torn(min(len(self.now), (max(some) + 1) * BLOCK), set(some)) for some in torn if some]
        between = [content for content in dict.fromkeys([*grown, *short]) if content not in (self.safe, self.now)]
        return [self.safe, *between, self.now]

    def _torn(self, length: int, there: set[int]) -> bytes:
        """Of so many bytes, the blocks that reached the disk; the others as they were, or zeros."""
        blocks = range(-(-length // BLOCK))
        whole = b"".join(_block(self.now if b in there else self.safe, b).ljust(BLOCK, b"\0") for b in blocks)
        return whole[:length]


class Change(NamedTuple):
    """What one operation does to names, and in which folders they stand."""

    names: dict[str, File | str | None]  # None: no longer; "folder"
    folders: set[str]


@dataclass
class Disk:
    """A folder on a disk with a cache: replays events, and tells what a crash would leave."""

    names: dict[str, File | str] = field(default_factory=dict)  # as a reader sees them now
    files: dict[int, File] = field(default_factory=dict)  # by inode number
    safe: dict[str, File | str] = field(default_factory=dict)  # what no crash can take
    unsafe: list[Change] = field(default_factory=list)

    def apply(self, event: Event) -> None:
        kind, subject, more = event.kind, event.subject, event.more
        if kind == "make":
            self.files[more] = File(matters=not subject.endswith((".log", ".lock")))
            self._change({subject: self.files[more]})
        elif kind == "folder":
            self._change({subject: "folder"})
        elif kind == "link":
            self._change({more: self.names[subject]})
        elif kind == "rename" and self.names[subject] is not self.names.get(more):  # of one file: does nothing
            self._change({subject: None, more: self.names[subject]})
        elif kind == "remove":
            self._change({subject: None})
        elif kind == "write":
            file, end = self.files[subject], more + len(event.data)
            file.now = file.now[:more].ljust(more, b"\0") + event.data + file.now[end:]
        elif kind == "resize":
            self.files[subject].now = self.files[subject].now[:more].ljust(more, b"\0")
        elif kind == "sync":
            self.files[subject].safe = self.files[subject].now
        elif kind == "sync folder":
            self._sync(subject)

    def now(self) -> Folder:
        """The folder as a reader sees it."""
        return {name: None if isinstance(file, str) else file.now for name, file in self.names.items()}

    def crashes(self, model: str, draw: random.Random) -> Iterator[Folder]:
        """The folders that a crash at this moment may leave."""
        for names in self._orders(model, draw):
            files = list(dict.fromkeys(file for file in names.values() if isinstance(file, File)))
            for contents in _mixed([file.contents(draw) for file in files], draw):
                held = dict(zip(files, contents, strict=True))
                yield {name: None if isinstance(file, str) else held[file] for name, file in names.items()}

    def _change(self, names: dict[str, File | str | None]) -> None:
        _update(self.names, names)
        self.unsafe.append(Change(names, {os.path.dirname(name) or "." for name in names}))

    def _sync(self, folder: str) -> None:
        """The names in a folder are safe, as far as they stand in it alone."""
        for change in self.unsafe:
            change.folders.discard(folder)
        while self.unsafe and not self.unsafe[0].folders:
            _update(self.safe, self.unsafe.pop(0).names)

    def _orders(self, model: str, draw: random.Random) -> Iterator[dict[str, File | str]]:
        """The names that a crash may leave, under a model."""
        certain = {i for i, change in enumerate(self.unsafe) if not change.folders}
        if model == "ordered":
            first = max(certain, default=-1) + 1
            chosen = [set(range(n)) for n in range(first, len(self.unsafe) + 1)]
        else:
            chosen = _subsets([i for i in range(len(self.unsafe)) if i not in certain], draw)
        for some in chosen:
            names = dict(self.safe)
            for i, change in enumerate(self.unsafe):
                if i in some or i in certain:
                    _update(names, change.names)
            yield {name: file for name, file in names.items() if _reachable(name, names)}


def replayed(events: list[Event]) -> Folder:
    """The folder after all events, if nothing is lost."""
    disk = Disk()
    for event in events:
        disk.apply(event)
    return disk.now()


def listing(folder: Path) -> Folder:
    """A real folder in the same terms."""
    paths = sorted(folder.rglob("*"))
    return {str(path.relative_to(folder)): None if path.is_dir() else path.read_bytes() for path in paths}


def materialise(content: Folder, folder: Path) -> Path:
    """Make a real folder of it, in the place of the one that was there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, data in sorted(content.items()):  # folders come before what is in them
        if data is None:
            (folder / name).mkdir()
        else:
            (folder / name).write_bytes(data)
    return folder


def fingerprint(folder: Folder) -> bytes:
    total = hashlib.sha256()
    for name, data in sorted(folder.items()):
        total.update(f"{name}\0{'folder' if data is None else hashlib.sha256(data).hexdigest()}\0".encode())
    return total.digest()


def _update(names: dict[str, File | str], changed: dict[str, File | str | None]) -> None:
    for name, file in changed.items():
        if file is None:
            names.pop(name, None)
        else:
            names[name] = file


def _reachable(name: str, names: dict[str, File | str]) -> bool:
    """Whether the folders that it lies in are there: a name in a folder that was lost is lost."""
    above = os.path.dirname(name)
    return not above or (names.get(above) == "folder" and _reachable(above, names))


def _subsets(items: list[int], draw: random.Random) -> list[set[int]]:
    if 2 ** len(items) <= MANY:
        return [set(some) for n in range(len(items) + 1) for some in combinations(items, n)]
    drawn = [{i for i in items if draw.random() < 0.5} for _ in range(MANY)]
    alone = [{i} for i in items] + [set(items) - {i} for i in items]
    return [set(), set(items), *alone, *drawn]


def _mixed(choices: list[list[bytes]], draw: random.Random) -> Iterator[tuple[bytes, ...]]:
    """One content for each file: all combinations, or each file's own while all others are lost, or kept, and some."""
    total = 1
    for some in choices:
        total *= len(some)
    if total <= MANY:
        yield from product(*choices)
        return
    for others in (0, -1):
        for i, some in enumerate(choices):
            for content in some:
                yield tuple(content if i == j else own[others] for j, own in enumerate(choices))
    for _ in range(MANY):
        yield tuple(draw.choice(some) for some in choices)


def _block(data: bytes, number: int) -> bytes:
    return data[number * BLOCK : (number + 1) * BLOCK]
