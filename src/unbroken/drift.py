"""What changed since the state was saved: what would make another run stops it, unless allowed by name"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import torch

from .errors import Drift, Misuse

Settings = dict[str, Any]
ABSENT = "(none)"


def plain(settings: Mapping[str, Any]) -> Settings:
    """Settings as JSON holds them, so that what was recorded and what is given compare alike. Raises Misuse."""
    try:
        return json.loads(json.dumps(dict(settings), allow_nan=False))
    except (TypeError, ValueError) as reason:
        raise Misuse(f"settings are numbers, strings, lists and dicts: {reason}") from reason


def compare(old: Settings, new: Settings, free: Collection[str], allow: Collection[str]) -> list[str]:
    """The lines to say about changes that are allowed; none when nothing changed.

    free: settings that cannot change the numbers, of which nothing is said. allow: those that the user let change.
    Raises Drift with a table of old and new when any other setting differs.
    """
    changed = {name: (old.get(name, ABSENT), new.get(name, ABSENT)) for name in {**old, **new} if name not in free}
    changed = {name: pair for name, pair in changed.items() if pair[0] != pair[1]}
    refused = [name for name in changed if name not in allow]
    if refused:
        names = " ".join(name.replace("_", "-") for name in refused)
        raise Drift(
            "these settings would make another run than the one that is recorded:\n"
            f"{_table({name: changed[name] for name in refused})}\n"
            f"leave them out to go on as recorded, take another work dir, or allow them by name: --allow {names}"
        )
    return [f"allowed to change: {name} from {a} to {b}" for name, (a, b) in changed.items()]


def inside(tree: Mapping[str, Any], facts: Mapping[str, Any], path: str) -> None:
    """Refuse to cut an epoch that is under way into other batches, allowed or not. Raises Drift."""
    changed = [name for name, value in facts.items() if tree["settings"].get(name) != value]
    if tree["batch"] > 0 and changed:
        raise Drift(
            f"{path} stands inside an epoch, after {tree['batch']} batches: {', '.join(changed)} can only change "
            "between two epochs; go on as recorded to the end of this one, or resume from a snapshot"
        )


def environment() -> dict[str, Any]:
    """What of the machine and its software can change bits."""
    cuda = torch.cuda.is_available()
    return {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "machine": platform.machine(),
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if cuda else None,
        "cuda": torch.version.cuda if cuda else None,
        "matmul": torch.get_float32_matmul_precision(),
    }


def moved(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """The lines to say about another machine or other versions: the run goes on, but sums may round differently."""
    names = [name for name in {**old, **new} if name != "cores" and old.get(name) != new.get(name)]
    if not names:
        return []
    changes = ", ".join(f"{name} {old.get(name)} -> {new.get(name)}" for name in names)
    return [f"not the machine that saved this state: {changes}; sums may round differently from here on"]


def _table(changed: Mapping[str, tuple[Any, Any]]) -> str:
    rows = [("setting", "recorded", "given"), *((n, str(a), str(b)) for n, (a, b) in changed.items())]
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    padded = ([cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows)
    return "\n".join(("  " + "  ".join(row)).rstrip() for row in padded)
