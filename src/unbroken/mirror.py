"""TensorBoard's view of the journal: every number of a record under its path, at the record's step

TensorBoard reads the files of a run in the order of their names, and lets a session's first event drop what earlier
ones wrote at its step or later. So a new session's file must sort last, whatever its clock and its pid are; and what
the journal keeps at that very step is written again.
"""

from __future__ import annotations

import io
import os
import platform
import re
import threading
import time
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Protocol

from .records import Record, numbers

NAME = re.compile(r"events\.out\.tfevents\.(\d{10})\.")
FULL = 1 << 16  # bytes that wait at most
OFTEN = 1.0  # seconds that they wait at most, while others come


class Mirror:
    """A session's file for TensorBoard.

    step: where the session goes on. kept: the records at that step that the journal keeps.
    """

    def __init__(self, folder: str, step: int, kept: Iterable[Record] = ()) -> None:
        # Imported here because it takes a second, and a core without TensorBoard must import.
        events: Any = import_module("tensorboard.compat.proto.event_pb2")
        summaries: Any = import_module("tensorboard.compat.proto.summary_pb2")
        records: Any = import_module("tensorboard.summary.writer.record_writer")
        self.failure: OSError | None = None  # why the mirror is blind, if it is
        self._event, self._summary = events.Event, summaries.Summary
        self._waiting = io.BytesIO()
        self._writer: _Writer = records.RecordWriter(self._waiting)
        self._one, self._at = threading.Lock(), 0.0  # states are settled beside the loop
        os.makedirs(folder, exist_ok=True)
        # Without a buffer of its own: a child that is forked here would write that again at its end.
        self._file = open(os.path.join(folder, _name(folder)), "xb", buffering=0)  # noqa: SIM115 (closed by close)
        self._put(time.time(), file_version="brain.Event:2")
        self._put(time.time(), step=step, session_log=events.SessionLog(status=events.SessionLog.START))
        for record in kept:
            self.write(record)

    def write(self, record: Mapping[str, Any]) -> None:
        """Show one record's numbers, at its own time."""
        shown = {name: value for name, value in record.items() if name not in ("epoch", "step", "time")}
        when, spans = record["time"]["unix"], {"seconds": record["time"].get("seconds")}
        for path, value in numbers({**shown, "time": spans}):
            one = self._summary.Value(tag=f"{record['at']}/{path}", simple_value=value)
            self._put(when, step=record["step"], summary=self._summary(value=[one]))
        if self._waiting.tell() > FULL or time.monotonic() > self._at + OFTEN:
            self.flush()

    def flush(self) -> None:
        """Give what waits to the system."""
        with self._bearing(), self._one:
            self._at = time.monotonic()
            while waiting := self._waiting.getvalue():
                written = os.write(self._file.fileno(), waiting)
                self._waiting.seek(0)
                self._waiting.truncate()
                self._waiting.write(waiting[written:])

    def close(self) -> None:
        self.flush()
        self._file.close()

    def _put(self, when: float, **what: Any) -> None:
        with self._one:
            self._writer.write(self._event(wall_time=when, **what).SerializeToString())

    @contextmanager
    def _bearing(self) -> Generator[None]:
        """A mirror that cannot be written does not end training: the journal has it all."""
        try:
            yield
        except OSError as failure:
            self.failure = failure


class _Writer(Protocol):  # TensorBoard does not type it
    def write(self, data: bytes) -> None: ...


def _name(folder: str) -> str:
    """A name that sorts behind all others: by the clock, or a second after the latest one there."""
    there = [int(match[1]) for name in os.listdir(folder) if (match := NAME.match(name))]
    at = max([int(time.time()), *(1 + before for before in there)])
    return f"events.out.tfevents.{at:010d}.{platform.node()}.{os.getpid()}.0"
