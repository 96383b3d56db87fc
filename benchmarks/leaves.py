"""What a state costs by the number of its tensors: small ones, each of which costs its share of python

python -m benchmarks.leaves [--rounds 5]. A model of parameters of a kilobyte, and its Adam: four tensors each. The
seam's copy stands beside a loop that only copies, a save beside torch.save and fsync, a load beside torch.load, which
verifies nothing. All in milliseconds; files are in the page cache.
"""

import os
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import TensorDataset

import unbroken
from benchmarks import sitting
from unbroken import state
from unbroken.buffers import Buffers
from unbroken.shelf import Shelf

PAIRS = (("copy", "seam"), ("torch.save", "save"), ("torch.load", "load"))
"""Of each table, the plain way and ours."""


def main(arguments: Sequence[str] | None = None) -> None:
    options = sitting.parser(__doc__).parse_args(arguments)
    counts, rounds = ((10, 40), 1) if options.quick else ((100, 400, 1600), options.rounds or 5)
    sitting.told()
    rows = [many(count, rounds) for count in counts]
    sitting.table(["tensors", *(word for plain, ours in PAIRS for word in (plain, ours, "×"))], rows)


def many(parameters: int, rounds: int) -> list[str]:
    """The line of a model with so many parameters."""
    weights = torch.nn.ParameterList([torch.ones(250) for _ in range(parameters)])
    optimizer = torch.optim.Adam(weights.parameters())
    sum(weight.sum() for weight in weights).backward()
    optimizer.step()
    with tempfile.TemporaryDirectory() as folder:
        feed = unbroken.Feed(TensorDataset(torch.ones(1)), 1)
        with sitting.quiet(), unbroken.Run(folder, feed, epochs=1) as run:
            run.keep(model=weights, optimizer=optimizer)
            next(iter(run))
        times = sitting.turns(ways(lambda: live(weights, optimizer), Shelf(folder)), rounds)
    cells = [str(4 * parameters)]
    for plain, ours in PAIRS:
        cells += [f"{sitting.median(times, name) * 1000:.1f}" for name in (plain, ours)]
        cells.append(f"{sitting.ratio(times, ours, plain):.2f}")
    return cells


def live(weights: torch.nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    return {"model": weights.state_dict(), "optimizer": optimizer.state_dict()}


def ways(tree: Callable[[], dict[str, Any]], shelf: Shelf) -> dict[str, Callable[[], float]]:
    """How a state goes into memory, onto the disk and back."""
    saved = {name: part for name, part in unbroken.load(shelf.checkpoint).items() if name != "digest"}
    buffers, leaves = Buffers(), [leaf for _, leaf in state.leaves(tree()) if isinstance(leaf, Tensor)]
    warm = [torch.zeros_like(leaf) for leaf in leaves]
    buffers.copy(tree())
    acts: dict[str, Callable[[], object]] = {
        "copy": partial(copied, leaves, warm),
        "seam": lambda: buffers.copy(tree()),
        "torch.save": lambda: plain_save(tree(), Path(shelf.folder) / "plain.pt"),
        "save": lambda: shelf.put(saved),
        "torch.load": lambda: torch.load(shelf.checkpoint, weights_only=True),
        "load": lambda: unbroken.load(shelf.checkpoint),
    }
    return {name: partial(sitting.timed, act) for name, act in acts.items()}


def copied(leaves: list[Tensor], warm: list[Tensor]) -> None:
    for leaf, copy in zip(leaves, warm, strict=True):
        copy.copy_(leaf)


def plain_save(tree: dict[str, Any], path: Path) -> None:
    with path.open("wb") as file:
        torch.save(tree, file)
        os.fsync(file.fileno())


if __name__ == "__main__":
    main()
