"""What changed since the state was saved: what would make another run stops it, unless allowed by name"""

from __future__ import annotations

import json
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


def joined(settings: Mapping[str, Any], facts: Mapping[str, Any]) -> Settings:
    """Settings and facts of the run itself, to be recorded together. Raises Misuse for a setting that is called like a
    fact and says otherwise: it would hide a change of that."""
    if other := [name for name in settings if name in facts and settings[name] != facts[name]]:
        raise Misuse(f"settings: {', '.join(other)} is a fact of the run itself and another there; take another name")
    return plain({**settings, **facts})


def compare(
    tree: Mapping[str, Any], settings: Settings, machine: Settings, free: Collection[str], allow: Collection[str]
) -> list[str]:
    """The lines to say about changes that are allowed, of settings and of the machine; none when nothing changed.

    free: settings that cannot change the numbers, of which nothing is said. allow: what the user lets change, by name;
    `machine` stands for all that `environment` told of it. Raises Drift with a table of old and new when anything else
    differs.
    """
    moved = _changed({"processes": 1, **tree["environment"]}, {"processes": 1, **machine}, ())
    resized = _resized(moved, settings)
    here = {f"machine.{name}" if name in settings else name: pair for name, pair in moved.items()}
    changed = {**_changed(tree["settings"], settings, free), **here}
    allowed = {*allow, *(here if "machine" in allow else ())}
    if unknown := set(allow) - {"machine"} - {*settings, *tree["settings"], *machine, *here}:
        raise Misuse(f"allow {', '.join(sorted(unknown))}: no such setting, and no such fact of the machine")
    refused = {name: pair for name, pair in changed.items() if name not in allowed}
    if refused:
        names = " ".join(name.replace("_", "-") for name in refused)
        raise Drift(
            f"this would be another run than the one that is recorded:\n{_table(refused)}\n"
            f"{_way_back(refused, here)}, or allow it by name: --allow {names} (Run(allow=[…]) in a loop of your own)"
        )
    return resized + [f"allowed to change: {name} from {a} to {b}" for name, (a, b) in changed.items()]


def _resized(moved: dict[str, tuple[Any, Any]], settings: Settings) -> list[str]:
    """The line about another number of processes, which is no reason to stop. Nor are then the threads of each, of
    which a launcher gives fewer to many processes. Taken out of what moved."""
    if (processes := moved.pop("processes", None)) is None:
        return []
    moved.pop("threads", None)
    order = f"from {processes[0]} processes to {processes[1]}: the same batches in the same order"
    if pieces := settings.get("virtual_ranks"):
        return [f"{order}, and the same bits, since each batch is computed as {pieces} pieces"]
    return [f"{order}; sums round differently, and what a step draws (dropout) is drawn by each process for itself"]


def inside(tree: Mapping[str, Any], facts: Mapping[str, Any], path: str) -> None:
    """Refuse to cut an epoch that is under way into other batches, allowed or not. Raises Drift."""
    changed = [name for name, value in facts.items() if tree["settings"].get(name) != value]
    if tree["batch"] > 0 and changed:
        raise Drift(
            f"{path} stands inside an epoch, after {tree['batch']} batches: {', '.join(changed)} can only change "
            "between two epochs; go on as recorded to the end of this one, or resume from a snapshot"
        )


def environment(processes: int = 1) -> dict[str, Any]:
    """What of the machine, of its software and of the number of processes can change bits."""
    cuda = torch.cuda.is_available()
    return {
        "python": ".".join(platform.python_version_tuple()[:2]),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "machine": platform.machine(),
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "onednn": torch.backends.mkldnn.enabled,
        "processes": processes,
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if cuda else None,
        "cuda": torch.version.cuda if cuda else None,
        "cudnn": torch.backends.cudnn.version() if cuda else None,
        "matmul": torch.get_float32_matmul_precision(),
        "tf32": torch.backends.cudnn.allow_tf32,
    }


def _changed(old: Mapping[str, Any], new: Mapping[str, Any], free: Collection[str]) -> dict[str, tuple[Any, Any]]:
    pairs = {name: (old.get(name, ABSENT), new.get(name, ABSENT)) for name in {**old, **new} if name not in free}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _way_back(refused: Collection[str], machine: Collection[str]) -> str:
    """What else the user can do than to allow it."""
    ways: list[str] = []
    if any(name not in machine for name in refused):
        ways.append("leave these settings out to go on as recorded, or take another work dir")
    if any(name in machine for name in refused):
        ways.append("go back to that machine and those versions, since sums may round differently here")
    return "; ".join(ways)


def _table(changed: Mapping[str, tuple[Any, Any]]) -> str:
    rows = [("name", "recorded", "now"), *((n, str(a), str(b)) for n, (a, b) in changed.items())]
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    padded = ([cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows)
    return "\n".join(("  " + "  ".join(row)).rstrip() for row in padded)
