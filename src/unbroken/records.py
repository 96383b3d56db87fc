"""The records of a journal.jsonl, read without torch: for whoever tells the story of a run"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any, cast

from .errors import Damaged, Unreadable

Record = dict[str, Any]
TAIL = 1 << 20  # bytes; a record is much shorter


def read(path: str) -> Iterator[Record]:
    """Every whole record; none where there is no file. Raises Unreadable, and Damaged with the number of the line."""
    if not os.path.lexists(path):
        return
    try:
        with open(path, "rb") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):  # a killed session's last one, or one that is being written
                    return
                if (record := _record(line)) is None:
                    raise Damaged(f"{path} is damaged in line {number}: it is no record of a run")
                yield record
    except OSError as reason:
        raise Unreadable(f"{path} cannot be read: {reason.strerror}") from reason


def last(path: str, start: int) -> Record | None:
    """The place and the time of the last whole record behind so many bytes; None where there is none."""
    lines = _lines(path, start)
    found = _record(lines[-1]) if lines else None
    return {name: found[name] for name in ("epoch", "step", "time")} if found else None


def tail(path: str, step: int) -> list[Record]:
    """The last whole records, those at this step or later."""
    found = [record for line in _lines(path, 0)[-9:] if (record := _record(line)) is not None]
    return [record for record in found if record["step"] >= step]


def numbers(record: Mapping[str, Any], path: str = "") -> list[tuple[str, float]]:
    """Every number of a record with its path, such as train/loss."""
    found: list[tuple[str, float]] = []
    for name, value in record.items():
        if isinstance(value, Mapping):
            found += numbers(cast(Mapping[str, Any], value), f"{path}{name}/")
        elif isinstance(value, int | float):
            found.append((f"{path}{name}", value))
    return found


def _lines(path: str, start: int) -> list[bytes]:
    """The last whole lines behind so many bytes; the first one may be cut."""
    if not os.path.exists(path) or (size := os.path.getsize(path)) <= start:
        return []
    with open(path, "rb") as file:
        file.seek(max(start, size - TAIL))
        return file.read().rpartition(b"\n")[0].splitlines()


def _record(line: bytes) -> Record | None:
    """A line as the record that it is, if it is one."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    told = cast(Record, found)
    whole = all(type(told.get(name)) is int for name in ("epoch", "step")) and told.get("at") in ("step", "epoch")
    return told if whole and isinstance(told.get("time"), dict) else None
