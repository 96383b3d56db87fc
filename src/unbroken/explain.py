"""What the next start would do, said without doing it"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from . import resume
from .shelf import Found


def choice(folder: str, found: Found | None, epochs: int, batches: int) -> Iterator[str]:
    """Which state a start would use, what it would reject and why, and where that stands."""
    yield "--explain: nothing is trained, and nothing in the work dir is changed"
    if found is None:
        yield f"begins anew: {folder} holds no state"
        return
    yield f"goes on from {found.path}, {found.why}: saved {_ago(time.time() - found.tree['saved'])} ago"
    for reason in found.rejected.values():
        yield f"rejected: {reason}"
    tree = found.tree
    yield f"position: {tree['epoch']} of {epochs} epochs, {tree['batch']} of {batches} batches; step {tree['step']}"
    if tree["epoch"] >= epochs:
        yield "finished: nothing is left to do"


def fit(
    parts: Mapping[str, Any], found: Found | None, init_from: str | None, changes: Callable[[], list[str]]
) -> Iterator[str]:
    """What would be restored and what not, and the learning rates: in the kept optimizers, and after one more step of
    each torch scheduler; last, what changed since the state was saved.

    Restores into the parts, in memory. Raises Mismatch, and whatever would stop the start.
    """
    yield "what it would say:" if found else "every part starts fresh"
    yield from resume.start(parts, found, init_from)
    for name, part in parts.items():
        if hasattr(part, "param_groups"):
            yield f"learning rate in {name}: {_rates(part)}"
    for name, part in parts.items():
        if isinstance(part, LRScheduler) and not isinstance(part, ReduceLROnPlateau):  # that one asks for a measure
            yield f"learning rate after the next step of {name}: {_ahead(part)}"
    if found:
        yield from changes() or ["settings and machine: as recorded"]


def _ahead(scheduler: LRScheduler) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # no step of the optimizer came first, and none will follow
        try:
            scheduler.step()
        except ValueError as end:  # OneCycleLR refuses a step more than it was made for
            return f"there is none ({end})"
    return _rates(scheduler.optimizer)


def _rates(optimizer: Any) -> str:
    return ", ".join(f"{float(group['lr']):.6g}" for group in optimizer.param_groups)


def _ago(seconds: float) -> str:
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0.0):.0f} seconds"
