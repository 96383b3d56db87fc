"""Whether states are what was saved, and where two of them differ: every value is read"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from . import checkpoint, differ, listing
from .errors import Damaged, Foreign, Hostile


def verify(options: argparse.Namespace) -> int:
    """Print of each state whether its content is what was written; 1 when of one it is not.

    Raises Missing, and Unreadable for a file that the system does not let us read.
    """
    found = {path: _wrong(path) for path in listing.states(options.paths)}
    if options.json:
        print(
            json.dumps(
                [{"path": path, "whole": wrong is None, "wrong": wrong} for path, wrong in found.items()], indent=1
            )
        )
    else:
        for path, wrong in found.items():
            print(wrong or f"{path} is whole: its content matches its digest")
    return 1 if any(found.values()) else 0


def diff(options: argparse.Namespace) -> int:
    """Print where two files first differ; 1 when they do. Raises the errors of differ.content."""
    a, b = (listing.newest(path) for path in options.paths)
    found = differ.difference(a, b)
    if options.json:
        print(json.dumps({"a": a, "b": b, "equal": found is None, **(asdict(found) if found else {})}, indent=1))
    elif found is None:
        print(f"{a} and {b} hold the same, bit by bit (of a run: what belongs to training, not to a session)")
    else:
        each = ", ".join(f"{part} {leaves}" for part, leaves in found.parts.items())
        print(f"{found.leaf.lstrip('.')}: {found.here} in {a}, {found.there} in {b}")
        print(f"leaves that differ: {found.leaves} ({each})")
    return 1 if found else 0


def _wrong(path: str) -> str | None:
    try:
        checkpoint.verify(path, checkpoint.read(path))
    except (Damaged, Foreign, Hostile) as reason:
        return str(reason)
    return None
