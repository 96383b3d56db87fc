"""Going on: every kept part gets its state back, and what does not come back is said"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from . import checkpoint, manifest, optimizers, state
from .errors import Misuse
from .manifest import Manifest
from .shelf import Found
from .weights import initialise

COMMON = ("model", "optimizer", "scheduler")
"""Parts whose lines every resumed run says in a row."""


def start(parts: Mapping[str, Any], found: Found | None, init_from: str | None) -> list[str]:
    """Restore the parts where there is a past; the lines that say what was done.

    Raises Mismatch for what does not fit, Misuse for weights that no model was kept to take.
    """
    if found is not None:
        past = f"--init-from {init_from} counts for a new run: this one goes on from {found.path}"
        replaced = list(optimizers.replaced(parts, checkpoint.parts(found.tree)))
        return [*([past] if init_from else []), *replaced, *restore(parts, found)]
    if init_from and "model" not in parts:
        raise Misuse(f"--init-from {init_from}: no part is kept under the name model")
    return []


def begin(model: object, init_from: str) -> list[str]:
    """Give the model of a new run the weights in a file. Raises Misuse, and what reading the file raises."""
    if not isinstance(model, torch.nn.Module):
        raise Misuse(f"--init-from {init_from}: what is kept as model is a {type(model).__name__}, no torch module")
    return initialise(model, init_from)


def restore(parts: Mapping[str, state.Stateful], found: Found) -> list[str]:
    """Give every kept part its state; the lines that say of each what is true: of what only some programs keep before
    the five that every resumed run says in a row, the model's last.

    An optimizer's state is matched by the names and shapes of its parameters. Raises Mismatch for what does not fit.
    """
    shards = manifest.of(found.tree)
    kept, names = checkpoint.parts(manifest.opened(found.tree, shards)), optimizers.described(parts)
    ahead, five = list[str](), ["Resuming from epoch %d" % found.tree["epoch"]]  # noqa: UP031
    for name, part in sorted(parts.items(), key=lambda item: item[0] == "model"):
        told = five if name in COMMON else ahead
        if name not in kept:
            told.append(f"Warning: {found.path} holds no {name} state: the {name} starts fresh")
            continue
        saved = kept[name]
        if name in names and name in found.tree["parameters"]:
            saved = optimizers.matched(name, saved, found.tree["parameters"][name], names[name])
        if shards is not None or state.is_sharded(part):
            saved = _shared_out(saved, part, found.path, shards)
        state.restore(name, part, saved)
        told.append(f"Load model from {found.path}" if name == "model" else f"Loaded {name} state")
    for name in sorted(kept.keys() - parts.keys()):
        ahead.append(f"Warning: {found.path} holds {name} state, which this program does not keep: it ends here")
    return [*ahead, *five]


def _shared_out(saved: Any, part: object, path: str, found: Manifest | None) -> Any:
    """A saved part whose tensors lie in shards, or which is to be sharded here, or both. Raises Damaged or Hostile."""
    from . import shards, slices  # noqa: PLC0415 (takes long, and few need it)

    def read(wanted: dict[str, torch.Tensor]) -> None:
        if found is not None:
            shards.read(manifest.place(path, found), found, wanted)

    return slices.filled(saved, part, read)
