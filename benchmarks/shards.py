"""What a save of a sharded state does to the training: how long each process waits at the seam, beside DCP's own saves

python -m benchmarks.shards [--megabytes 604] [--rounds 5] [--folder .]. Two processes hold a model and its Adam by
halves. A stall is what the loop waits for the next batch after an epoch's last step; a round is a world of its own.
Of the same halves, in the same rounds: a copy into memory that is there already; torch's dcp.save, which waits for the
disk; and dcp.async_save until it returns. The first save of a session takes memory that later ones use again.
"""

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.distributed.checkpoint import state_dict_saver as dcp
from torch.utils.data import TensorDataset

import unbroken
from benchmarks import sitting
from tests.unbroken import worlds
from unbroken import state

SIDE, PROCESSES = 1024, 2
COPY, DURABLE = "a copy into warm memory", "unbroken: until it is durable"
SEAMS = ["unbroken: the seam, the first", "unbroken: the seam, again"]
BLOCKING, FIRST, AGAIN = "dcp.save", "dcp.async_save, the first", "dcp.async_save, again"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = sitting.parser(__doc__)
    parser.add_argument("--megabytes", type=int, default=604, help="of both halves together")
    parser.add_argument("--folder", help="where to write: the disk that is measured; by default the temporary one")
    options = parser.parse_args(arguments)
    rounds, megabytes = (1, 25) if options.quick else (options.rounds or 5, options.megabytes)
    sitting.told()
    layers, times = megabytes * 10**6 // (12 * SIDE**2), [dict[str, list[float]]() for _ in range(PROCESSES)]
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            said = [json.loads(out.splitlines()[-1]) for out in worlds.good(PROCESSES, member, layers, folder)]
        for mine, each in zip(times, said, strict=True):
            for name, seconds in each.items():
                mine.setdefault(name, []).append(seconds)
    print(f"a state of {layers * 12 * SIDE**2 / 1e9:.2f} GB, half of it in each of {PROCESSES} processes\n")
    head = ["of this state", *(f"process {rank}, seconds" for rank in range(PROCESSES)), "× the copy (process 0)"]
    rows = [
        [name, *(f"{sitting.median(mine, name):.3f}" for mine in times), f"{sitting.ratio(times[0], name, COPY):.2f}"]
        for name in (COPY, *SEAMS, DURABLE, BLOCKING, FIRST, AGAIN)
    ]
    sitting.table(head, rows)


# ---- in each of the processes


def member(layers: int, folder: str) -> None:
    with sitting.quiet():
        times = measured(layers, Path(folder))
    print(json.dumps(times))


def measured(layers: int, folder: Path) -> dict[str, float]:
    """The seconds of one save of each kind, in this process."""
    feed, never = unbroken.Feed(TensorDataset(torch.zeros(20_000)), PROCESSES), unbroken.Every(minutes=1e6, stall=1e-6)
    times, left = dict[str, float](), 0.0
    with unbroken.Run(str(folder / "run"), feed, epochs=4, save=never) as run:
        model = nn.Sequential(*(nn.Linear(SIDE, SIDE, bias=False) for _ in range(layers)))
        for layer in model:
            run.parallel(layer, shard=True)
        run.parallel(model, shard=True)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-6, fused=True)
        run.keep(model=model, optimizer=optimizer)
        for epoch in run:
            before, came = newest(folder), 0.0
            for _ in epoch:
                came = came or time.perf_counter()
                model(torch.ones(8, SIDE)).square().mean().backward()
                optimizer.step()
                optimizer.zero_grad()
                if not epoch.number or everywhere(newest(folder) != before):
                    break
            if epoch.number:  # it began while the save of the one before was written
                times |= {SEAMS[epoch.number - 1]: came - left, DURABLE: time.perf_counter() - left}
            if epoch.number == len(SEAMS):
                return times | others(model, optimizer, folder)
            distributed.barrier()
            left = time.perf_counter()
    return times


def newest(folder: Path) -> int:
    """Which file checkpoint.pt is: a save replaces it by a new one when all is on the disk."""
    return (folder / "run" / "checkpoint.pt").stat().st_ino


def everywhere(here: bool) -> bool:
    told = torch.tensor(int(here))
    distributed.all_reduce(told, distributed.ReduceOp.MIN)
    return bool(told)


def others(model: nn.Module, optimizer: torch.optim.Optimizer, folder: Path) -> dict[str, float]:
    """The same state by other means, while nothing else is written."""
    tree: dict[str, Any] = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
    leaves = [state.local(leaf).detach() for _, leaf in state.leaves(tree) if isinstance(leaf, Tensor)]
    warm = [torch.zeros_like(leaf) for leaf in leaves]
    place = str(folder / "dcp")

    def copied() -> None:
        for leaf, copy in zip(leaves, warm, strict=True):
            copy.copy_(leaf)

    def later() -> None:
        futures.append(dcp.async_save(tree, checkpoint_id=place))

    futures: list[Any] = []
    acts: list[tuple[str, Callable[[], Any]]] = [
        (COPY, copied), (BLOCKING, lambda: dcp.save(tree, checkpoint_id=place)), (FIRST, later), (AGAIN, later)
    ]  # fmt: skip
    times = dict[str, float]()
    for name, act in acts:
        distributed.barrier()
        times[name] = sitting.timed(act)
        for future in futures:
            future.result()
        distributed.barrier()
        if distributed.get_rank() == 0:
            shutil.rmtree(place, ignore_errors=True)  # with what is still to be written: it would slow the next save
    return times


if __name__ == "__main__":
    from benchmarks import shards  # noqa: PLW0406 (processes find functions by module)

    shards.main()
