"""run.json, read without torch: how each session of a run began and how it ended"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from .errors import Damaged, Unreadable

Times = Mapping[str, float]


@dataclass(frozen=True)
class Session:
    """One session. start: the step that it began at; epoch and batch likewise. source: the state that it went on from,
    None for a new run; wished: whether that was asked for by name. said: the lines of its start. cut: place and time of
    the last record that it threw away, since no state vouched for it. time, and ended["time"]: the clock, the age of
    the process and what its saves have cost; empty where an older version wrote the file. epochs: those wanted in all,
    0 where that is not told; batches: of an epoch. ended: None in a session that was killed, or that runs."""

    number: int
    began: float
    host: str
    pid: int
    start: int = 0
    epoch: int = 0
    batch: int = 0
    source: str | None = None
    wished: bool = False
    epochs: int = 0
    batches: int = 0
    command: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    environment: Mapping[str, Any] = field(default_factory=dict[str, Any])
    cut: Mapping[str, Any] | None = None
    time: Times = field(default_factory=dict[str, float])
    ended: Mapping[str, Any] | None = None

    @property
    def how(self) -> str | None:
        """How it ended, in its own words; None where it has left none."""
        return self.ended["how"] if self.ended else None


def read(path: str) -> dict[str, Any] | None:
    """What the file holds; None where it is not there. Raises Unreadable and Damaged."""
    if not os.path.lexists(path):
        return None
    try:
        with open(path, encoding="utf-8") as file:
            record = json.load(file)
        sessions = [dict(session) for session in record["sessions"]]
        for session in sessions:
            _ = session["resume"], session["state"], session["began"], dict(session["ended"] or {})
    except OSError as reason:
        raise Unreadable(f"{path} cannot be read: {reason.strerror}") from reason
    except (ValueError, KeyError, TypeError, RecursionError) as reason:
        raise Damaged(f"{path} is damaged ({reason}); move it away, the states do not need it") from reason
    return {**record, "sessions": sessions}


def sessions(path: str) -> list[Session]:
    """The sessions that the file tells of, in their order. Raises Unreadable and Damaged."""
    told = (read(path) or {"sessions": []})["sessions"]
    try:
        return [_session(number, session) for number, session in enumerate(told, 1)]
    except (ValueError, KeyError, TypeError, AttributeError) as reason:
        raise Damaged(f"{path} is damaged ({reason}); move it away, the states do not need it") from reason


def _session(number: int, told: Mapping[str, Any]) -> Session:
    place = cast(Mapping[str, Any], told["position"] or {"epoch": 0, "batch": 0, "step": 0})
    ended = cast(Mapping[str, Any] | None, told["ended"])
    if ended is not None:
        _ = int(ended["step"]), str(ended["how"]), dict(ended.get("time", {}))
    return Session(
        number, datetime.fromisoformat(told["began"]).timestamp(), str(told["host"]), int(told["pid"]),
        int(place["step"]), int(place["epoch"]), int(place["batch"]), told["from"], bool(told.get("wished")),
        int(told.get("epochs", 0)), int(told.get("batches", 0)), tuple(map(str, told["command"])),
        tuple(map(str, told.get("said", ()))), dict(told.get("environment") or {}), _cut(told.get("cut")),
        _times(told.get("time", {})), ended,
    )  # fmt: skip


def _cut(told: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    return {"step": int(told["step"]), "time": _times(told["time"])} if told else None


def _times(told: Mapping[str, Any]) -> Times:
    return {name: float(value) for name, value in told.items()}
