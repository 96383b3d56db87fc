"""What a run's steps, saves and starts cost, measured in its own journal

Every record says under `time` what its session has spent so far (spent.py). From one session's first record to its
last, seconds less stalls, by steps, are the seconds of a step: validation is in it, and so is whatever a write in the
background takes from the steps beside it. What the first record has left after its steps and stalls is the restart.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from . import records
from .errors import Missing, Misuse
from .places import Places

Times = dict[str, float]
APART = 0.5  # seconds: records of one process agree better than this on when it began


@dataclass(frozen=True)
class Costs:
    """Seconds. step: one step, with its share of validation. stall: training stands still for a save. write: from there
    until the save is durable, beside the training. restart: from the start of a process to its first new step.
    batches: steps of an epoch, at whose end a state is saved; 0: epochs are left out."""

    step: float
    stall: float
    write: float
    restart: float
    batches: int = 0

    def __post_init__(self) -> None:
        if not self.step > 0 or not all(0 <= each < math.inf for each in (self.stall, self.write, self.restart)):
            raise Misuse(f"{self}: a step takes more than 0 seconds, stall, write and restart at least 0")

    @property
    def save(self) -> float:
        """Seconds from the seam until a state is durable."""
        return self.stall + self.write


@dataclass(frozen=True)
class Measured:
    """What a journal tells, in the words of Costs; None for what it does not; and on how much it rests."""

    step: float | None = None
    stall: float | None = None
    write: float | None = None
    restart: float | None = None
    batches: int = 0
    sessions: int = 0
    steps: int = 0
    saves: int = 0

    def spans(self) -> dict[str, float]:
        """The seconds that are known."""
        named = {"step": self.step, "stall": self.stall, "write": self.write, "restart": self.restart}
        return {name: span for name, span in named.items() if span is not None}


def measured(work_dir: str) -> Measured:
    """What the sessions of a run cost on average. Raises Missing for a folder without a journal, and Damaged."""
    path = Places(work_dir).journal
    if not os.path.exists(path):
        raise Missing(f"{work_dir} holds no journal.jsonl to measure: name the work dir of a run, or give every span")
    sessions, batches = _read(path)
    pairs = [(session[0], session[-1]) for session in sessions]
    steps = sum(_grown("steps", *pair) for pair in pairs)
    seconds = sum(_grown("age", *pair) - _grown("stalled", *pair) for pair in pairs)
    step = seconds / steps if steps else None
    saves, stalled, written = (sum(last[name] for _, last in pairs) for name in ("saves", "stalled", "written"))
    stall, write = (stalled / saves, written / saves) if saves else (None, None)
    return Measured(step, stall, write, _restart(sessions, step), batches, len(sessions), int(steps), int(saves))


def _grown(name: str, first: Times, last: Times) -> float:
    return last[name] - first[name]


def _restart(sessions: list[list[Times]], step: float | None) -> float | None:
    """Of the sessions that went on with a state; of the one that began the run where it is the only one."""
    if step is None:
        return None
    continued = [session for session in sessions if session[0]["before"] > 0] or sessions
    rests = [max(0.0, first["age"] - first["stalled"] - step * first["steps"]) for first, *_ in continued]
    return sum(rests) / len(rests)


def _read(path: str) -> tuple[list[list[Times]], int]:
    """The times of each session's records, in order; and the batches of an epoch, once one has ended."""
    sessions: list[list[Times]] = []
    batches = 0
    for record in _records(path):
        times: Times = {**record["time"], "before": record["step"] - record["time"]["steps"]}
        if record["at"] == "epoch":
            batches = round(record["step"] / record["epoch"])
        if sessions and _same(sessions[-1][-1], times):
            sessions[-1].append(times)
        else:
            sessions.append([times])
    return sessions, batches


def _same(before: Times, after: Times) -> bool:
    """Whether two records are of one session: processes differ in when they began."""
    return abs((after["unix"] - after["age"]) - (before["unix"] - before["age"])) < APART


def _records(path: str) -> Iterator[dict[str, Any]]:
    return (record for record in records.read(path) if "age" in record["time"])  # older versions did not say it
