"""Where a run stands: running, stopped, finished or damaged; how far it is and how long it still takes"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from . import listing, lock, records, sessions
from .errors import Error
from .listing import Entry
from .places import Places
from .records import Record
from .sessions import Session


@dataclass(frozen=True)
class Standing:
    """state: running (a process that is there holds the lock), damaged (a file is not whole, and which), finished, or
    stopped. why: how the last session ended, who holds the lock, or what is wrong. epoch, batch, step: of the last
    record of a run under way, else of the newest state. left: seconds of training that are still to come, at the last
    session's pace; None where that is not known. saved: when the newest state was (seconds since 1970)."""

    folder: str
    state: str
    why: str
    epoch: int = 0
    batch: int = 0
    step: int = 0
    epochs: int = 0
    batches: int = 0
    left: float | None = None
    saved: float | None = None
    sessions: int = 0

    def plain(self) -> dict[str, Any]:
        """As JSON can say it."""
        return asdict(self)


def standing(folder: str) -> Standing:
    """Of a work dir. What is damaged there is told, not raised."""
    places = Places(folder)
    entries = map(listing.entry, places.states())  # read one by one, as far as the newest whole one
    newest = next(entries, None)
    damaged = newest is not None and newest.wrong is not None
    whole = next((entry for entry in entries if entry.wrong is None), newest) if damaged else newest
    try:
        told, journal = sessions.sessions(places.record), list(records.read(places.journal))
    except Error as reason:
        return replace(judged(folder, (), (), whole), state="damaged", why=str(reason))
    found = judged(folder, told, journal, whole)
    if newest is None or not newest.wrong or found.state == "running":
        return found
    return replace(found, state="damaged", why=newest.wrong)


def judged(folder: str, told: Sequence[Session], journal: Sequence[Record], entry: Entry | None) -> Standing:
    """The same from what was read: the sessions, the journal, the newest state."""
    last = told[-1] if told else None
    epochs, batches = (last.epochs, last.batches) if last else (0, 0)
    holder = lock.holder(Places(folder).lock)
    running = holder is not None and holder.alive is not False
    epoch, batch, step = (entry.epoch or 0, entry.batch or 0, entry.step or 0) if entry else (0, 0, 0)
    if running and journal and journal[-1]["step"] > step:
        epoch, step = journal[-1]["epoch"], journal[-1]["step"]
        batch = step - epoch * batches if batches else 0
    if holder is not None and running:
        state, why = "running", f"{holder}{'' if holder.alive else ', as its lock says'}"
    elif entry is not None and entry.wrong:
        state, why = "damaged", entry.wrong
    elif (epochs and epoch >= epochs) or (not epochs and last is not None and last.how == "finished"):
        state, why = "finished", ""
    else:
        state, why = "stopped", _why(last)
    pace = _pace(told, journal)
    left = max(0, epochs * batches - step) * pace if epochs and pace is not None and state != "finished" else None
    saved = entry.saved if entry else None
    return Standing(folder, state, why, epoch, batch, step, epochs, batches, left, saved, len(told))


def is_work_dir(folder: str) -> bool:
    """Whether a run was ever there."""
    places = Places(folder)
    return any(map(os.path.lexists, (places.record, places.journal, *places.states())))


def _why(last: Session | None) -> str:
    if last is None:
        return "no session is recorded"
    return last.how or "killed, or died without a word"


def _pace(told: Sequence[Session], journal: Sequence[Record]) -> float | None:
    """Seconds of a step with the stalls of its saves, over the last session that tells."""
    for session in reversed(told):
        times = [record["time"] for record in journal if _of(record, session)]
        if len(times) > 1 and (steps := times[-1]["steps"] - times[0]["steps"]) > 0:
            return (times[-1]["age"] - times[0]["age"]) / steps
    return None


def _of(record: Record, session: Session) -> bool:
    return record["step"] - record["time"].get("steps", -1) == session.start


def ago(saved: float | None) -> str:
    """How long ago something was saved, for people."""
    return "nothing is saved" if saved is None else f"saved {listing.ago(time.time() - saved)}"
