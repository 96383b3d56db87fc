"""What several processes cost and bring: the agreement at the seam, virtual ranks, one process against two

python -m benchmarks.world [--steps 1000] [--rounds 7]. The loops train the same tiny model in as many processes, on
batches that lie ready; the lead's median step counts. The last table is a model large enough to be worth a second core.
"""

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, Dataset

import unbroken
from benchmarks import sitting
from tests.unbroken import worlds
from unbroken import ranks
from unbroken.means import Means

WARM = 50
"""Steps that are not counted."""
MICRO = 1e6
Loop = Callable[[str], float]
"""Is given a folder, and returns the seconds of its typical step."""
LAST: list[Any] = []
"""Keeps the bare loop's process group: a model in DDP that lets go of the last one hangs now and then."""
BARE, OURS, VIRTUAL = "bare DDP loop", "unbroken", "unbroken, 2 virtual ranks"


class Ready(Dataset[Tensor]):
    """Samples that cost nothing: each is the same tensor."""

    def __init__(self, samples: int, width: int = 16) -> None:
        self.samples, self.sample = samples, torch.ones(width)

    def __len__(self) -> int:
        return self.samples

    def __getitem__(self, index: int) -> Tensor:
        return self.sample


def main(arguments: Sequence[str] | None = None) -> None:
    parser = sitting.parser(__doc__)
    parser.add_argument("--steps", type=int, default=1000)
    options = parser.parse_args(arguments)
    steps, rounds = (20, 1) if options.quick else (options.steps, options.rounds or 7)
    sitting.told("unbroken")
    loops(WARM + steps, rounds)
    exchanges(rounds, 20 if options.quick else 300)
    scaling(5 if options.quick else 30, rounds, 64 if options.quick else 512)


def loops(steps: int, rounds: int) -> None:
    """Print what a step costs in every loop of two processes."""
    contenders = {
        BARE: partial(bare, steps),
        OURS: partial(ours, steps, 0, False),
        "unbroken, run.log each step": partial(ours, steps, 0, True),
        VIRTUAL: partial(ours, steps, 2, False),
    }
    times = sitting.turns({name: partial(led, 2, loop) for name, loop in contenders.items()}, rounds)
    rows = [[name, f"{sitting.median(times, name) * MICRO:.0f}", *more(times, name)] for name in contenders]
    sitting.table(["two processes", "µs a step, median", "above bare", "× bare"], rows)


def more(times: sitting.Times, name: str) -> list[str]:
    if name == BARE:
        return ["-", "-"]
    return [f"{sitting.above(times, name, BARE) * MICRO:.0f}", f"{sitting.ratio(times, name, BARE):.2f}"]


def exchanges(rounds: int, number: int) -> None:
    """Print what each exchange costs where it is made; most steps make none."""
    rows = list[list[str]]()
    for size in (2, 3, 4):
        times = sitting.turns(
            {"agreement": partial(led, size, partial(agreements, number)),
             "metrics": partial(led, size, partial(reductions, number))}, rounds)  # fmt: skip
        rows.append([str(size), *(f"{sitting.median(times, name) * MICRO:.0f}" for name in times)])
    sitting.table(["processes", "an agreement, µs", "metrics of 50 steps, µs"], rows)


def scaling(steps: int, rounds: int, width: int) -> None:
    """Print the samples a second of one process and of two."""
    contenders = {
        "1 process, 1 thread": (1, 1, 0),
        "1 process, 2 threads": (1, 2, 0),
        "2 processes, 1 thread each": (2, 1, 0),
        "2 processes, 1 thread each, 2 virtual ranks": (2, 1, 2),
    }
    turn = {
        name: partial(led, size, partial(large, steps, width, threads, virtual))
        for name, (size, threads, virtual) in contenders.items()
    }
    times, first = sitting.turns(turn, rounds), next(iter(contenders))
    rows = [[n, f"{256 / sitting.median(times, n):.0f}", f"{1 / sitting.ratio(times, n, first):.2f}"] for n in times]
    sitting.table(["a model of 5 layers", "samples a second", "× the first"], rows)


def led(size: int, loop: Loop) -> float:
    """What the process that leads says its typical step took, in seconds."""
    with tempfile.TemporaryDirectory() as folder:
        return json.loads(worlds.good(size, tell, loop, folder)[0].splitlines()[-1])


def tell(loop: Loop, folder: str) -> None:
    with sitting.quiet():
        seconds = loop(folder)
    print(json.dumps(seconds))


# ---- in each of the processes


def bare(steps: int, folder: str) -> float:
    distributed.init_process_group("gloo")
    share = 32 // distributed.get_world_size()
    model = nn.Linear(16, 1)
    net, optimizer = DistributedDataParallel(model), torch.optim.SGD(model.parameters(), lr=1e-3)
    clock = list[float]()
    for batch in DataLoader(Ready(steps * share), share):
        clock.append(time.perf_counter())
        net(batch).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    LAST.append(distributed.group.WORLD)
    distributed.destroy_process_group()
    return typical(clock)


def ours(steps: int, virtual: int, log: bool, folder: str) -> float:
    return trained(folder, nn.Linear(16, 1), Ready(steps * 32), 32, virtual=virtual, log=log)


def large(steps: int, width: int, threads: int, virtual: int, folder: str) -> float:
    torch.set_num_threads(threads)
    layers = [layer for _ in range(5) for layer in (nn.Linear(width, width), nn.ReLU())]
    return trained(folder, nn.Sequential(*layers), Ready((5 + steps) * 256, width), 256, virtual=virtual, warm=5)


def trained(
    folder: str, model: nn.Module, data: Dataset[Any], batch: int, *, virtual: int, log: bool = False, warm: int = WARM
) -> float:
    """The typical step of a run over these samples, saved at its ends alone."""
    clock = list[float]()
    with unbroken.Run(folder, unbroken.Feed(data, batch), epochs=1, virtual_ranks=virtual) as run:
        net, optimizer = run.parallel(model), torch.optim.SGD(model.parameters(), lr=1e-3)
        run.keep(model=model, optimizer=optimizer)
        for epoch in run:
            for share in epoch:
                clock.append(time.perf_counter())
                for piece in run.pieces(share):
                    loss = net(piece).square().mean()
                    loss.backward()
                    if log:
                        run.log({"loss": loss})
                optimizer.step()
                optimizer.zero_grad()
    return typical(clock, warm)


def agreements(number: int, folder: str) -> float:
    with ranks.joined(60.0) as world:
        return repeated(lambda: world.most([0, 0, 0, 1]), number)


def reductions(number: int, folder: str) -> float:
    """The metrics of 50 batches, three each, taken in as a step record does it."""
    with ranks.joined(60.0) as world:

        def fifty() -> None:
            means = Means()
            for _ in range(50):
                means.add({"a": 1.0, "b": 2.0, "c": 3.0})
                means.batch_done()
            means.take_in(world.gather)

        return repeated(fifty, number)


def repeated(act: Callable[[], object], number: int) -> float:
    return statistics.median(sitting.timed(act) for _ in range(number))


def typical(clock: list[float], warm: int = WARM) -> float:
    """The median step once they are warm, from its beginning to the next one's."""
    return statistics.median(b - a for a, b in pairwise(clock[warm:]))


if __name__ == "__main__":
    from benchmarks import world  # noqa: PLW0406 (processes find functions by module)

    world.main()
