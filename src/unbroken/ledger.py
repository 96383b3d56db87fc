"""Where the time of a run went: training that counts, work that was lost, starts, stalls, ends, away

A record of the journal belongs to the last session that began at the step which it counts from: an earlier one that
began there has no record left, since the journal was cut back to there. What a session has done beyond the place where
the next one began was lost, or left behind where that was asked for by name.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from .records import Record
from .sessions import Session, Times

SUMS = ("steps", "saves", "stalled", "written")


@dataclass(frozen=True)
class Spent:
    """Seconds. trained: in steps that count. lost: in steps that had to be done again. behind: in steps that somebody
    went back behind. restarting: from the start of the process to its first step. stalled: standing still for saves.
    closing: from the last step to the end, such as for the last save. away: from the end of the session before it."""

    trained: float = 0.0
    lost: float = 0.0
    behind: float = 0.0
    restarting: float = 0.0
    stalled: float = 0.0
    closing: float = 0.0
    away: float = 0.0

    @property
    def up(self) -> float:
        """While a process was there."""
        return sum(asdict(self).values()) - self.away

    def __add__(self, other: Spent) -> Spent:
        return Spent(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))


@dataclass(frozen=True)
class Account:
    """One session: from when to when it was seen (seconds since 1970), the steps that it did and what became of them,
    its saves and the seconds of their writes, and its time."""

    born: float
    seen: float
    steps: int
    kept: int
    lost: int
    behind: int
    saves: int
    written: float
    spent: Spent


def accounts(
    sessions: Sequence[Session], journal: Iterable[Record], saved: int | None, step: float | None = None
) -> list[Account]:
    """An account of each session. saved: the step of the state that the next one would go on from, where the last one
    runs no more. step: seconds of one, for a session too short to tell."""
    times = _by_session(sessions, journal)
    for before, after in itertools.pairwise(sessions):
        if after.cut is not None and after.cut["step"] - after.cut["time"].get("steps", -1) == before.start:
            times[before.number].append(after.cut["time"])
    made = [_measured(session, times[session.number], step) for session in sessions]
    fates = _fates(sessions, [int(each[1]["steps"]) for each in made], saved)
    found: list[Account] = []
    for (first, last, parts), (kept, lost, behind) in zip(made, fates, strict=True):
        done = max(1, kept + lost + behind)
        training = parts["training"]
        spent = Spent(
            training * (kept or not kept + lost + behind) / done, training * lost / done, training * behind / done,
            parts["restarting"], last["stalled"], parts["closing"],
            max(0.0, first - found[-1].seen) if found else 0.0,
        )  # fmt: skip
        steps, saves = int(last["steps"]), int(last["saves"])
        found.append(Account(first, first + last["age"], steps, kept, lost, behind, saves, last["written"], spent))
    return found


def total(found: Iterable[Account]) -> Spent:
    """Of all sessions together."""
    return sum((account.spent for account in found), Spent())


def _by_session(sessions: Sequence[Session], journal: Iterable[Record]) -> dict[int, list[Times]]:
    """The times of the records of each session."""
    last = {session.start: session.number for session in sessions}
    times: dict[int, list[Times]] = {session.number: [] for session in sessions}
    for record in journal:
        time = record["time"]
        if "age" in time and (number := last.get(record["step"] - time["steps"])) is not None:
            times[number].append(time)
    return times


def _measured(session: Session, seen: list[Times], mean: float | None) -> tuple[float, Times, Mapping[str, float]]:
    """When its process began, what it had spent when it was last seen, and how much of that was what."""
    nothing = {"unix": session.began, "age": 0.0, **dict.fromkeys(SUMS, 0.0)}
    begun: Times = {**nothing, **session.time}
    points = [begun, *seen]
    step = _step(seen, mean)
    restarting = _restart(begun["age"], seen[0], step) if seen else begun["age"]
    before = _work(points[-1]) if seen else restarting
    end: Any = (session.ended or {}).get("time")
    last: Times = {**points[-1], **(end or {})}
    tail = max(0.0, _work(last) - before)
    busy = (
        tail if step is None and last["steps"] > 0 else min(tail, (step or 0.0) * (last["steps"] - points[-1]["steps"]))
    )
    parts = {"restarting": restarting, "training": before - restarting + busy, "closing": tail - busy}
    return last["unix"] - last["age"], last, parts


def _work(time: Times) -> float:
    return time["age"] - time["stalled"]


def _step(seen: list[Times], mean: float | None) -> float | None:
    """Seconds of a step, from a session's first record to its last."""
    steps = seen[-1]["steps"] - seen[0]["steps"] if seen else 0
    return (_work(seen[-1]) - _work(seen[0])) / steps if steps else mean


def _restart(age: float, first: Times, step: float | None) -> float:
    """What the first record leaves after its steps and stalls; at least until the loop began, and no longer than that
    where nothing tells what a step takes."""
    return min(age if step is None else max(age, _work(first) - step * first["steps"]), _work(first))


def _fates(sessions: Sequence[Session], steps: list[int], saved: int | None) -> list[tuple[int, int, int]]:
    """Of the steps of each session: how many count, were lost, were left behind."""
    kept, lost, behind = list(steps), [0] * len(steps), [0] * len(steps)
    for i in range(1, len(sessions) + 1):
        start = sessions[i].start if i < len(sessions) else saved
        gone = behind if i < len(sessions) and sessions[i].wished else lost
        for j in range(i - 1, -1, -1):
            over = min(kept[j], sessions[j].start + kept[j] - start) if start is not None else 0
            if over > 0:
                kept[j], gone[j] = kept[j] - over, gone[j] + over
            elif kept[j]:
                break
    return list(zip(kept, lost, behind, strict=True))
