"""How saving and loading grow with the state, from 1 MB to 4 GB, against the disk's own rate measured beside it

python -m benchmarks.growth [--largest 4096] [--rounds 3] [--folder .]. A save is all that happens behind the seam:
hash, write, sync, read back, verify, rename. A load reads and verifies a file that the page cache has let go of; mapped
is as a start does it, in memory is `unbroken.load`. Beside them the same bytes go out by plain writes and one fsync,
and come back by plain reads into one buffer.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import TensorDataset

import unbroken
from benchmarks import sitting
from unbroken import checkpoint
from unbroken.shelf import Shelf

SMALLEST = 1
"""Megabytes of the first state; each further one is four times as large."""
PIECE = 1 << 24


def main(arguments: Sequence[str] | None = None) -> None:
    parser = sitting.parser(__doc__)
    parser.add_argument("--largest", type=int, default=4096, help="megabytes of the last state")
    parser.add_argument("--folder", help="where to write: the disk that is measured; by default the temporary one")
    options = parser.parse_args(arguments)
    largest, rounds = (4, 1) if options.quick else (options.largest, options.rounds or 5)
    sitting.told()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        times = {size: measured(size, rounds, Path(folder)) for size in sizes(largest)}
    head = ["state", "plain write and fsync, s", "save, s", "×", "save: s a GB"]
    sitting.table(head, [line(size, taken, "write", "save") for size, taken in times.items()])
    head = ["state", "plain cold read, s", "load mapped, s", "×", "s a GB", "load in memory, s", "×", "s a GB"]
    sitting.table(head, [line(size, taken, "read", "mapped", "load") for size, taken in times.items()])


def sizes(largest: int) -> Iterator[int]:
    size = SMALLEST
    while size <= largest:
        yield size
        size *= 4


def measured(size: int, rounds: int, folder: Path) -> sitting.Times:
    """The seconds that each way takes with so many megabytes."""
    tree, shelf, copy = state(size, folder / str(size)), Shelf(str(folder / str(size))), folder / "plain"
    tensors, path = list(tree["state_dict"].values()), Path(shelf.checkpoint)
    write(tensors, copy)
    ways: dict[str, Callable[[], float]] = {
        "write": partial(sitting.timed, partial(write, tensors, copy)),
        "save": partial(sitting.timed, partial(shelf.put, tree)),
        "read": partial(cold, copy, partial(read, copy)),
        "mapped": partial(cold, path, partial(checkpoint.read, shelf.checkpoint)),
        "load": partial(cold, path, partial(unbroken.load, shelf.checkpoint)),
    }
    times = sitting.turns(ways, rounds)
    shutil.rmtree(folder / str(size))
    return times


def line(size: int, times: sitting.Times, plain: str, *ours: str) -> list[str]:
    """A line of a table: medians, and medians of the ratios of each round."""
    cells = [f"{size} MB", f"{sitting.median(times, plain):.3f}"]
    for name in ours:
        taken = sitting.median(times, name)
        cells += [f"{taken:.3f}", f"{sitting.ratio(times, name, plain):.2f}", f"{taken / size * 1000:.2f}"]
    return cells


def state(size: int, folder: Path) -> dict[str, Any]:
    """What a run of so many megabytes of weights saves."""
    start(size, folder)  # a call of its own: what it holds is gone before the state is loaded
    return {name: part for name, part in unbroken.load(str(folder / "checkpoint.pt")).items() if name != "digest"}


def start(size: int, folder: Path) -> None:
    """Begin a run, which saves at once, with weights in tensors of at most 64 MB."""
    block = torch.rand(min(size, 64) * 250_000, generator=torch.Generator().manual_seed(0))
    weights = torch.nn.ParameterList([block.clone() for _ in range(max(1, size // 64))])
    with sitting.quiet(), unbroken.Run(str(folder), unbroken.Feed(TensorDataset(block[:1]), 1), epochs=1) as run:
        run.keep(model=weights)
        next(iter(run))


def cold(path: Path, act: Callable[[], object]) -> float:
    """Time a reading of a file of which the page cache holds nothing."""
    with path.open("rb") as file:
        os.fsync(file.fileno())  # dirty pages are not let go of
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return sitting.timed(act)


def write(tensors: list[Tensor], path: Path) -> None:
    """The same bytes to a new file, and onto the disk; the one before it goes last, as it does where states are saved:
    memory that a deleted file has just given back is faster than fresh memory."""
    fresh = path.with_suffix(".new")
    with fresh.open("wb", buffering=0) as file:
        for tensor in tensors:
            whole = memoryview(tensor.view(torch.uint8).numpy())
            for start in range(0, len(whole), PIECE):
                file.write(whole[start : start + PIECE])
        os.fsync(file.fileno())
    fresh.replace(path)


def read(path: Path) -> None:
    """All of it, into memory that is used again."""
    piece = bytearray(PIECE)
    with path.open("rb", buffering=0) as file:
        while file.readinto(piece):
            pass


if __name__ == "__main__":
    main()
