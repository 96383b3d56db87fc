"""What lies in a work dir, and what a state holds: told from outlines alone, without a wait for torch"""

from __future__ import annotations

import argparse
import json
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from . import manifest, outline
from .errors import Error, Missing
from .manifest import Absent, At
from .outline import Outline
from .places import Places

PARTS = {"state_dict": "model", "optimizer": "optimizer", "scheduler": "scheduler", "kept": "kept"}
ALIKE = 8  # leaves of one kind that are still told one by one
BESIDE = ("settings", "environment", "means", "journal", "parameters")


@dataclass(frozen=True)
class Entry:
    """One state: where the run stood, when it was saved (seconds since 1970), its size in bytes; of one that is not
    complete, what is wrong with it. Complete is a file of which all adds up; its values are not looked at."""

    path: str
    size: int
    epoch: int | None = None
    batch: int | None = None
    step: int | None = None
    saved: float | None = None
    wrong: str | None = None


def states(paths: list[str]) -> list[str]:
    """The states that paths name: a work dir's, or the file itself. Raises Missing for a path that has none."""
    found: list[str] = []
    for path in paths:
        here = Places(path).states() if os.path.isdir(path) else [path]
        if not here or not os.path.lexists(path):
            raise Missing(_nothing(path))
        found += here
    return found


def _nothing(path: str) -> str:
    """Why a path has no state, and where the next ones are."""
    if not os.path.isdir(path):
        return f"{path}: there is no such file or folder"
    below = [one.path for one in os.scandir(path) if one.is_dir() and Places(one.path).states()]
    return f"{path} holds no state" + (f"; try {' '.join(sorted(below)[:3])}" if below else "")


def newest(path: str) -> str:
    """The file that a path names: of a work dir its newest state. Raises Missing."""
    return states([path])[0]


def entry(path: str) -> Entry:
    """What a file tells of itself."""
    size = os.path.getsize(path) if os.path.exists(path) else 0
    try:
        tree = outline.read(path)
        if (shards := manifest.of(tree)) is not None:
            manifest.look(path, shards)
            size += shards.size
    except Error as reason:
        return Entry(path, size, wrong=str(reason))
    return Entry(path, size, tree["epoch"], tree["batch"], tree["step"], tree["saved"])


def lines(entries: list[Entry], paths: list[str]) -> Iterator[str]:
    """A line for each state, and what else there is to say of them."""
    yield from columns([_cells(entry) for entry in entries])
    yield from [entry.wrong for entry in entries if entry.wrong] + _aside(paths)
    if any(entry.wrong is None for entry in entries):
        yield "complete: nothing is missing; whether the values are those that were saved, `verify` tells"


def show(options: argparse.Namespace) -> int:
    """Print what each state holds: its parts and their tensors, its settings and its environment."""
    paths = [newest(path) for path in options.paths]
    trees = {path: _tree(path) for path in paths}
    if options.json:
        print(json.dumps({path: _plain(tree) for path, tree in trees.items()}, indent=1))
        return 0
    for path, tree in trees.items():
        print("  ".join(_cells(entry(path))))
        for line in _contents(tree):
            print(line)
    return 0


def _tree(path: str) -> dict[str, Any]:
    """What a state holds, with outlines of the tensors in its shards."""
    tree = outline.read(path)

    def leaf(value: Any, at: At) -> Any:
        return Outline(value.dtype, value.shape, (), 0, "shards") if isinstance(value, Absent) else value

    return manifest.walked(manifest.opened(tree, manifest.of(tree)), leaf) if "shards" in tree else tree


def _contents(tree: dict[str, Any]) -> Iterator[str]:
    for key in [*PARTS, *BESIDE]:
        if not tree.get(key):
            continue
        leaves = list(_leaves(tree[key]))
        tensors = [leaf for _, leaf in leaves if isinstance(leaf, Outline)]
        amount = f": {_count(len(tensors), 'tensor')}, {_bytes(sum(t.size for t in tensors))}" if tensors else ""
        yield f"{PARTS.get(key, key)}{amount}"
        yield from columns([["", path.lstrip("."), *cells] for path, *cells in _folded(leaves)])


def _leaves(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf with its path, in the order of the file."""
    if isinstance(tree, dict):
        for key, value in cast(dict[Any, Any], tree).items():
            simple = isinstance(key, str) and key.isidentifier()
            yield from _leaves(value, f"{path}.{key}" if simple else f"{path}[{key!r}]")
    elif isinstance(tree, list | tuple) and not isinstance(tree, Outline):
        for place, value in enumerate(cast(list[Any], tree)):
            yield from _leaves(value, f"{path}[{place}]")
    else:
        yield path, tree


def _folded(leaves: list[tuple[str, Any]]) -> list[tuple[str, str, str]]:
    """A row for each leaf, but one for all of many that only their places in lists tell apart, such as an optimizer's
    moments: its path, the first of them, and how many there are; --json tells every one."""
    alike: dict[str, list[tuple[str, Any]]] = {}
    for path, leaf in leaves:
        alike.setdefault(re.sub(r"\[\d+\]", "[*]", path), []).append((path, leaf))
    rows: list[tuple[str, str, str]] = []
    for pattern, many in alike.items():
        if len(many) > ALIKE:
            rows.append((pattern, _told(many[0][1]), f"and {len(many) - 1} more"))
        else:
            rows += [(path, _told(leaf), "") for path, leaf in many]
    return rows


def _told(leaf: Any) -> str:
    return f"{leaf.dtype} {list(leaf.shape)}" if isinstance(leaf, Outline) else repr(leaf)


def _plain(tree: Any) -> Any:
    """A tree as JSON can say it."""
    if isinstance(tree, Outline):
        return {"dtype": tree.dtype, "shape": tree.shape}
    if isinstance(tree, dict):
        return {str(key): _plain(value) for key, value in cast(dict[Any, Any], tree).items()}
    return [_plain(value) for value in cast(list[Any], tree)] if isinstance(tree, list | tuple) else tree


def _cells(entry: Entry) -> list[str]:
    if entry.saved is None:
        return [entry.path, "", "", "", "", _bytes(entry.size), "not usable"]
    place = [f"epoch {entry.epoch}", f"batch {entry.batch}", f"step {entry.step}"]
    return [entry.path, *place, f"saved {ago(time.time() - entry.saved)}", _bytes(entry.size), "complete"]


def _aside(paths: list[str]) -> list[str]:
    """What else lies in a work dir: states that were set aside or left behind."""
    lines: list[str] = []
    for path in filter(os.path.isdir, paths):
        places = Places(path)
        damaged = [os.path.basename(path) for path in places.damaged()]
        behind = os.listdir(places.behind) if os.path.isdir(places.behind) else []
        lines += [f"{path}: set aside as damaged: {', '.join(sorted(damaged))}"] if damaged else []
        lines += [f"{places.behind}: left behind: {', '.join(sorted(behind))}"] if behind else []
    return lines


def columns(rows: list[list[str]]) -> list[str]:
    """Rows of cells as lines, one column beneath another."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def ago(seconds: float) -> str:
    """How long ago something was, for people."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit} ago"
    return f"{max(seconds, 0):.0f} s ago"


def _bytes(size: int) -> str:
    for unit, length in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= length:
            return f"{size / length:.1f} {unit}"
    return f"{size} B"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
