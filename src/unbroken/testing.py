"""Compare what two runs left, bit by bit: the oracle of every promise here is the uninterrupted run"""

from __future__ import annotations

import json
import os
from typing import Any

from . import checkpoint, state


def difference(a: str, b: str) -> str | None:
    """The first leaf in which two checkpoints differ by a bit, or None.

    a, b: paths. Left out is what belongs to a session and not to the training: times, settings such as the number of
    workers, the environment, and the digest and the journal's mark, which cover times.
    """
    return state.difference(_training(a), _training(b))


def records(work_dir: str) -> list[str]:
    """The lines of a work dir's journal without the fields that are times."""
    with open(os.path.join(work_dir, "journal.jsonl"), encoding="utf-8") as file:
        return [json.dumps({k: v for k, v in json.loads(line).items() if k != "time"}) for line in file]


def _training(path: str) -> dict[str, Any]:
    return {k: v for k, v in checkpoint.read(path).items() if k not in checkpoint.PASSING}
