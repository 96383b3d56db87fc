"""Who wins: the state that a run goes on from, and what becomes of the states it does not go on from"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from . import checkpoint
from .errors import Error, Misuse
from .journal import Journal, Mark
from .shelf import WISHED, Found, Shelf

CRASHES = 3
PEACE = ("finished", "left")
Say = Callable[[str], None]
Session = dict[str, Any]


def choose(shelf: Shelf, resume: str | None, sessions: list[Session], say: Say) -> Found | None:
    """The state to go on from: the one that was wished for, else the newest whole one; None begins a new run.

    A wish is granted once: the same command, given again after an interruption, goes on with what it began.
    Raises what checkpoint.read and Shelf.newest raise.
    """
    if resume is None or _spent(shelf, resume, sessions):
        return shelf.newest()
    wished = Found(resume, checkpoint.read(resume), WISHED)
    shelf.verify(resume, wished.tree)
    last = _last_wish(sessions)
    granted = last if last and _granted(shelf, last, wished) else None
    newest = shelf.newest() if granted else None
    if granted is None or newest is None or newest.tree["digest"] == wished.tree["digest"]:
        return wished
    say(f"--resume {resume} was granted on {granted['began']}: going on with what it began (to go back to it again, "
        "resume from a copy under another name)")  # fmt: skip
    return newest


def look(shelf: Shelf, resume: str) -> None:
    """Refuse a wish that cannot be granted, before anything is touched. Raises what checkpoint.read raises."""
    if not _spent(shelf, resume, _sessions(shelf)):
        checkpoint.read(resume)


def _spent(shelf: Shelf, resume: str, sessions: list[Session]) -> bool:
    """Whether a wish was granted and its file is gone since, as a snapshot goes when newer ones are kept."""
    last = _last_wish(sessions)
    return last is not None and last["resume"] == os.path.realpath(resume) and not os.path.lexists(resume)


def allow(found: Found, epochs: int) -> None:
    """Refuse a run shorter than what is done. Raises Misuse."""
    done = found.tree["epoch"]
    if done > epochs:
        raise Misuse(
            f"{epochs} epochs were asked for, but {done} are done in {found.path}: "
            f"ask for at least {done}, or resume from an earlier snapshot"
        )


def possess(shelf: Shelf, found: Found | None, again: bool, sessions: list[Session], say: Say) -> Mark | None:
    """Prepare the work dir for going on from a state, or for a new run: what is damaged, later or of another history
    is moved out of the way. again: begin the history at that state. The journal's mark to go on after."""
    journal = Journal(shelf.journal)
    if found is None:
        anew(shelf, journal, sessions, say)
        return None
    if warning := poisoned(shelf, found, sessions):
        say(warning)
    shelf.set_aside(found, say)
    if again:
        branch(shelf, journal, found, say)
    return settle(shelf, journal, found, say)


def poisoned(shelf: Shelf, found: Found, sessions: list[Session]) -> str | None:
    """What to say when the last sessions that began at this state all crashed before they had saved another one."""
    crashed: list[Session] = []
    for session in reversed(sessions):
        how = session["ended"]["how"] if session["ended"] else "killed"
        if session["state"] != found.tree["digest"] or how in PEACE or how.startswith("stopped by"):
            break
        crashed.append(session)
    if len(crashed) < CRASHES:
        return None
    how = crashed[0]["ended"]["how"] if crashed[0]["ended"] else "it was killed, or died without a word"
    return (
        f"Warning: the last {len(crashed)} sessions from {found.path} ended before another state was saved ({how}). If "
        f"the state itself is the reason, go back to an older one: --resume {_older(shelf, found)}"
    )


def _older(shelf: Shelf, found: Found) -> str:
    """The newest state before this one; a pattern where none is left."""
    before = (path for path in shelf.states() if path != found.path)
    return next((path for path in before if _whole_before(path, found)), shelf.snapshots + "/E…_net.pt")


def _whole_before(path: str, found: Found) -> bool:
    try:
        return checkpoint.read(path)["step"] < found.tree["step"]
    except Error:
        return False


def branch(shelf: Shelf, journal: Journal, found: Found, say: Say) -> None:
    """Begin the history at a state: whatever is later is moved to checkpoints/left-behind/, never overwritten."""
    later = shelf.later(found.tree["step"])
    if not later:
        return
    if journal.holds(found.tree["journal"]):
        shelf.move_behind(journal.path, copy=True)
    for path in later:
        shelf.move_behind(path)
    say(f"the history begins at {found.path}: {len(later)} later states were moved to {shelf.behind}")


def anew(shelf: Shelf, journal: Journal, sessions: list[Session], say: Say) -> None:
    """Begin where there is no state; what another run, or somebody else, left there is moved, not overwritten."""
    if sessions:
        say(f"{shelf.folder} had a run whose states are gone, since {sessions[-1]['began']}: beginning anew")
    if os.path.exists(journal.path) and os.path.getsize(journal.path):
        say(f"{journal.path} belongs to no state: moved to {shelf.move_behind(journal.path)}")


def settle(shelf: Shelf, journal: Journal, found: Found, say: Say) -> Mark | None:
    """The journal's mark to go on after, once the records before it are in the work dir.

    A state from another folder brings the records that lie beside it; where none do, the journal begins anew.
    """
    mark = found.tree["journal"]
    if journal.holds(mark):
        return mark
    if os.path.exists(journal.path):
        say(f"{journal.path} does not hold the records that {found.path} vouches for (it is of another history, "
            f"was cut or was edited): moved to {shelf.move_behind(journal.path)}")  # fmt: skip
    folder = os.path.dirname(found.path)
    for place in (folder, os.path.dirname(folder)):
        other = Journal(os.path.join(place, "journal.jsonl"))
        if other.holds(mark):
            shelf.copy(other.path, journal.path)
            return mark
    say(f"no journal with the records before {found.path} was found: {journal.path} begins there")
    return None


def recorded(work_dir: str, resume: str | None = None) -> dict[str, Any] | None:
    """The settings of the state that a run in this work dir goes on from; None where there is no state yet.

    Reads only. Raises what choosing the state raises.
    """
    shelf = Shelf(work_dir)
    found = choose(
        shelf, resume, _sessions(shelf), say=lambda line: None
    )  # the run will choose and say again, under its lock
    return found.tree["settings"] if found else None


def finished(found: Found | None, epochs: int, say: Say) -> None:
    """Nothing is left to do; what was found to be damaged on the way is said, and left where it is."""
    for reason in found.rejected.values() if found else ():
        say(reason)
    say(f"Finished: all {epochs} epochs are done; nothing to do (a larger number extends the run)")


def _sessions(shelf: Shelf) -> list[Session]:
    return (shelf.read_record() or {}).get("sessions", [])


def _last_wish(sessions: list[Session]) -> Session | None:
    """The session that last began at a named file; an older wish was overruled by it."""
    return next((session for session in reversed(sessions) if session["resume"]), None)


def _granted(shelf: Shelf, session: Session, wished: Found) -> bool:
    if session["resume"] != os.path.realpath(wished.path):
        return False
    # checkpoint.prev.pt changes under its name with every save, so its name alone tells the wish.
    moving = os.path.realpath(shelf.previous) == session["resume"]
    return moving or session["state"] == wished.tree["digest"]
