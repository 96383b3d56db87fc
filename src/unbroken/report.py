"""The story of one run or several as one HTML page that needs no network, or as JSON

    python -m unbroken report exp_dir other_dir --out report.html --watch

Reads what the core writes (journal.jsonl, run.json, the outline of the newest state) and changes nothing there.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from . import costs, curves, ledger, listing, page, records, sessions, standing
from .curves import Curve
from .errors import Error, Foreign, Missing, Unwritable
from .ledger import Account, Spent
from .places import Places
from .sessions import Session

LOOK = 1.0  # seconds between two looks at the files
AGAIN = 5  # seconds after which the page of a watched run loads itself again
PLAIN = ("Resuming from epoch ", "Loaded ", "Load model from ")
"""What every start says; all else that it says is a note."""


@dataclass(frozen=True)
class Told:
    """A run: what is told of it in numbers and words, and its curves."""

    facts: dict[str, Any]
    curves: list[Curve]


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("folders", nargs="+", metavar="FOLDER", help="the work dir of a run")
    parser.add_argument("--out", metavar="FILE", help="the page (report.html)")
    parser.add_argument("--watch", action="store_true", help="write it again when a journal grows, until Ctrl+C")
    parser.add_argument("--json", action="store_true", help="print the page's numbers; a page is written with --out")


def report(options: argparse.Namespace) -> int:
    """Write the page, or print the numbers. Raises Missing, Foreign, Damaged, Unreadable and Unwritable."""
    folders = list(dict.fromkeys(folder.rstrip("/") or "/" for folder in options.folders))
    out = _page(options.out) if options.out is not None else "" if options.json and not options.watch else "report.html"
    runs = [told(folder) for folder in folders]
    if options.json:
        print(json.dumps({"made": _iso(time.time()), "runs": [run.facts for run in runs]}, indent=1))
    if out:
        _write(out, runs, AGAIN if options.watch else 0)
        print(f"{out}: {_named(runs)}", file=sys.stderr if options.json else sys.stdout, flush=True)
    return _watch(folders, out) if options.watch else 0


def _page(out: str) -> str:
    """The file to write. Raises Unwritable for another kind of file, which must not be lost: a state, a journal."""
    if os.path.splitext(out)[1].lower() not in (".html", ".htm") or os.path.isdir(out):
        raise Unwritable(f"--out {out!r} is no name of a page; give one that ends in .html")
    return out


def told(folder: str) -> Told:
    """All that is known of the run in a work dir. Raises Missing, Foreign, Damaged and Unreadable."""
    if not os.path.isdir(folder):
        raise Missing(f"{folder}: there is no such folder")
    if not standing.is_work_dir(folder):
        raise Foreign(f"{folder} is no work dir of a run: it holds neither run.json nor journal.jsonl nor a state")
    places = Places(folder)
    journal, known = list(records.read(places.journal)), sessions.sessions(places.record)
    record: Mapping[str, Any] = sessions.read(places.record) or {}
    newest = next(iter(places.states()), None)
    entry = listing.entry(newest) if newest else None
    now = standing.judged(folder, known, journal, entry)
    step = costs.measured(folder).step if journal else None
    saved = entry.step if entry and now.state != "running" else None
    accounts = ledger.accounts(known, journal, saved, step)
    drawn = curves.curves(journal)
    facts = {
        **now.plain(),
        "name": os.path.basename(os.path.abspath(folder)),
        "born": record.get("born"),
        "git": record.get("git"),
        "step_seconds": step,
        "unsaved": max(0, now.step - (entry.step or 0)) if entry and now.state == "running" else 0,
        "time": _time(accounts),
        "session": [_session(*each, now) for each in zip(known, accounts, strict=True)],
        "numbers": {curve.name: curve.summary() for curve in drawn},
        "settings": record.get("settings") or {},
        "environment": record.get("environment") or {},
    }
    return Told(facts, drawn)


def _time(accounts: Sequence[Account]) -> dict[str, Any]:
    """Where the seconds of all sessions went, and which share of them trained for good."""
    spent = ledger.total(accounts)
    clock = spent.up + spent.away
    saves, written = sum(each.saves for each in accounts), sum(each.written for each in accounts)
    return {
        **asdict(spent),
        "up": spent.up,
        "clock": clock,
        "goodput": spent.trained / spent.up if spent.up else None,
        "goodput_clock": spent.trained / clock if clock else None,
        "steps": sum(each.steps for each in accounts),
        "steps_lost": sum(each.lost for each in accounts),
        "steps_behind": sum(each.behind for each in accounts),
        "saves": saves,
        "stall": spent.stalled / saves if saves else None,
        "write": written / saves if saves else None,
    }


def _session(session: Session, account: Account, now: standing.Standing) -> dict[str, Any]:
    spent: Spent = account.spent
    last = session.number == now.sessions
    how = session.how or ("running" if last and now.state == "running" else "killed")
    return {
        "number": session.number,
        "born": _iso(account.born),
        "began": _iso(session.began),
        "seen": _iso(account.seen),
        "host": session.host,
        "pid": session.pid,
        "command": " ".join(session.command),
        "machine": _machine(session.environment),
        "from": session.source,
        "wished": session.wished,
        "start": {"epoch": session.epoch, "batch": session.batch, "step": session.start},
        "how": how,
        "steps": account.steps,
        "kept": account.kept,
        "lost": account.lost,
        "behind": account.behind,
        "saves": account.saves,
        "written": account.written,
        "time": {**asdict(spent), "up": spent.up},
        "notes": [line for line in session.said if not line.startswith(PLAIN)],
    }


def _machine(environment: Mapping[str, Any]) -> str:
    """What a session ran on, in words."""
    if not environment:
        return ""
    processes = environment.get("processes", 1)
    many = f"{processes} processes, " if processes != 1 else ""
    threads = environment.get("threads", 1)
    cores = f"{environment.get('machine', '?')} CPU, {threads} thread{'' if threads == 1 else 's'}"
    kind = environment.get("gpu") or cores
    return f"{many}{kind}"


def _iso(unix: float) -> str:
    return datetime.fromtimestamp(unix, UTC).isoformat(timespec="seconds")


def _named(runs: Sequence[Told]) -> str:
    """What was written, in one line."""
    return "; ".join(
        f"{run.facts['folder']} {run.facts['state']}, step {run.facts['step']:,}, {len(run.curves)} curves, "
        f"{run.facts['sessions']} session{'' if run.facts['sessions'] == 1 else 's'}"
        for run in runs
    )


def _write(out: str, runs: Sequence[Told], again: int) -> None:
    """Replace the page as a whole: a browser may load it at any moment. Raises Unwritable."""
    drawn = curves.plain({run.facts["folder"]: run.curves for run in runs})
    text = page.page([run.facts for run in runs], drawn, _iso(time.time()), again)
    fresh = f"{out}.unbroken-tmp"
    try:
        with open(fresh, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
        os.replace(fresh, out)
    except OSError as reason:
        with suppress(OSError):
            os.unlink(fresh)
        raise Unwritable(f"{out} cannot be written: {reason.strerror}") from reason


def _watch(folders: Sequence[str], out: str) -> int:
    """Write the page again whenever something has changed; at Ctrl+C once more, as a page that stays as it is."""
    seen, runs = _marks(folders), [told(folder) for folder in folders]
    try:
        while True:
            time.sleep(LOOK)
            if (marks := _marks(folders)) == seen:
                continue
            seen = marks
            try:
                runs = [told(folder) for folder in folders]
            except Error as reason:  # read in the middle of a change, or gone for good: the next look tells
                print(f"{out}: left as it was ({reason})", file=sys.stderr, flush=True)
                continue
            _write(out, runs, AGAIN)
            print(f"{out}: {_named(runs)}", flush=True)
    except KeyboardInterrupt:
        _write(out, runs, 0)
        print(f"{out}: no longer watched", flush=True)
        return 0


def _marks(folders: Sequence[str]) -> list[Any]:
    """What changes when there is something new to tell."""
    marks: list[Any] = []
    for places in map(Places, folders):
        for path in (places.journal, places.record, places.checkpoint):
            found = os.stat(path) if os.path.exists(path) else None
            marks.append((found.st_size, found.st_mtime_ns) if found else None)
        holder = standing.lock.holder(places.lock)
        marks.append(holder is not None and holder.alive)
    return marks
