"""python -m unbroken list: a line for each run, how it stands, and one for each of its states"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import asdict
from typing import Any

from . import listing, standing
from .spans import told
from .standing import Standing


def enlist(options: argparse.Namespace) -> int:
    """Print a line for each run, then one for each state. Raises Missing."""
    entries = {path: [listing.entry(state) for state in listing.states([path])] for path in options.paths}
    runs = {path: standing.standing(path) for path in entries if os.path.isdir(path)}
    if options.json:
        print(json.dumps([_plain(entry, runs.get(path)) for path in entries for entry in entries[path]], indent=1))
        return 0
    if runs:
        for line in listing.columns([_cells(run) for run in runs.values()]):
            print(line)
        print()
    for line in listing.lines([entry for path in entries for entry in entries[path]], options.paths):
        print(line)
    return 0


def _plain(entry: listing.Entry, run: Standing | None) -> dict[str, Any]:
    """A state as JSON says it, with how the run stands whose work dir was named."""
    return {**asdict(entry), "run": run.plain() if run else None}


def _cells(run: Standing) -> list[str]:
    goal = f"/{run.epochs}" if run.epochs else ""
    left = f"{told(run.left)} left" if run.left is not None else ""
    place = [f"epoch {run.epoch}{goal}", f"step {run.step}", left, standing.ago(run.saved)]
    return [run.folder, run.state, *place, run.why]
