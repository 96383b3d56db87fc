"""What a loop costs beside its training: microseconds a step above a bare DataLoader loop, with peers beside it

python -m benchmarks.loop [--steps 2000] [--rounds 9]; peers: see docs/performance.md. Every contender trains the same
tiny model with the same function on the same batches, one thread, no data workers; a sample is a whole batch, ready in
memory, so that what is left is the loop. What a Feed costs for each sample, whose randomness it seeds, stands in a
table of its own: it is paid by whoever prepares the sample, which is a data worker wherever there is one.
"""

import logging
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

import unbroken
from benchmarks import sitting
from unbroken.position import Position

WARM = 200
"""Steps that are not counted: caches fill, allocators settle."""
PEERS = {"lightning": "lightning", "accelerate": "accelerate"}
BARE, OURS = "bare DataLoader loop", "unbroken"
MICRO = 1e6
Loop = Callable[[int], list[float]]


class Ready(Dataset[Tensor]):
    """Samples that cost nothing: each is the same tensor [32, 16]."""

    def __init__(self, samples: int) -> None:
        self.samples, self.batch = samples, torch.ones(32, 16)

    def __len__(self) -> int:
        return self.samples

    def __getitem__(self, index: int) -> Tensor:
        return self.batch


def main(arguments: Sequence[str] | None = None) -> None:
    parser = sitting.parser(__doc__)
    parser.add_argument("--steps", type=int, default=2000)
    options = parser.parse_args(arguments)
    steps, rounds = (WARM + 50, 2) if options.quick else (WARM + options.steps, options.rounds or 9)
    sitting.told("unbroken", *PEERS)
    torch.set_num_threads(1)  # a model this small only waits for a second thread
    loops(steps, rounds)
    samples(40 if options.quick else 400, rounds)


def loops(steps: int, rounds: int) -> None:
    """Print what a step costs in every loop."""
    contenders: dict[str, Loop] = {BARE: bare, OURS: partial(ours, log=False)}
    contenders["unbroken, run.log each step"] = partial(ours, log=True)
    if sitting.installed("accelerate"):
        contenders["Accelerate"] = accelerated
    if sitting.installed("lightning"):
        contenders["Lightning, barebones"] = partial(lightning, log=False, barebones=True)
        contenders["Lightning, its defaults, self.log each step"] = partial(lightning, log=True, barebones=False)
    means: sitting.Times = {name: [] for name in contenders}
    turn = {name: partial(typical, partial(loop, steps), means[name]) for name, loop in contenders.items()}
    times = sitting.turns(turn, rounds)
    rows = [compared(times, means, name) for name in contenders]
    rows += [[name, sitting.ABSENT, *["-"] * 3] for name in PEERS if not sitting.installed(name)]
    sitting.table(["loop", "µs a step, median", "above bare", "× unbroken", "means: above bare"], rows)


def typical(loop: Callable[[], list[float]], means: list[float]) -> float:
    """The median step, which other programs of the machine hardly move; the mean counts what comes now and then."""
    with sitting.quiet():
        seconds = loop()
    means.append(statistics.mean(seconds))
    return statistics.median(seconds)


def compared(times: sitting.Times, means: sitting.Times, name: str) -> list[str]:
    """The line of a loop."""
    step, extra = f"{sitting.median(times, name) * MICRO:.0f}", sitting.above(times, name, BARE)
    if name == BARE:
        return [name, step, "-", "-", "-"]
    mine, mean = sitting.above(times, OURS, BARE), sitting.above(means, name, BARE)
    return [name, step, f"{extra * MICRO:.0f}", f"{extra / mine:.1f}", f"{mean * MICRO:.0f}"]


def samples(batches: int, rounds: int) -> None:
    """Print what preparing a batch costs in this process, by the samples in it."""
    rows: list[list[str]] = []
    for size in (1, 32, 256):
        times = sitting.turns({"loader": partial(loaded, batches, size), "feed": partial(fed, batches, size)}, rounds)
        loader, feed = (sitting.median(times, name) * MICRO for name in ("loader", "feed"))
        extra = sitting.above(times, "feed", "loader") * MICRO
        rows.append([str(size), f"{loader:.0f}", f"{feed:.0f}", f"{extra:.0f}", f"{extra / size:.1f}"])
    head = ["samples in a batch", "DataLoader, µs", "Feed, µs", "more a batch, µs", "more a sample, µs"]
    sitting.table(head, rows)


# ---- the loops: each trains for so many steps and returns the seconds of each


class Trained:
    """The model, its step, and a clock that looks at each."""

    def __init__(self) -> None:
        self.model = torch.nn.Linear(16, 1)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=1e-3)
        self.clock: list[float] = []

    def loss(self, batch: Tensor) -> Tensor:
        self.clock.append(time.perf_counter())
        return self.model(batch).square().mean()

    def step(self, batch: Tensor) -> Tensor:
        loss = self.loss(batch)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss

    def seconds(self) -> list[float]:
        """Of each step once they are warm, from its beginning to the next one's."""
        return [b - a for a, b in pairwise(self.clock[WARM:])]


def bare(steps: int) -> list[float]:
    trained = Trained()
    for batch in loader(steps):
        trained.step(batch)
    return trained.seconds()


def ours(steps: int, log: bool) -> list[float]:
    feed = unbroken.Feed(Ready(steps), 1, collate=first)
    with tempfile.TemporaryDirectory() as folder, unbroken.Run(folder, feed, epochs=1) as run:
        trained = Trained()
        run.keep(model=trained.model, optimizer=trained.optimizer)
        for epoch in run:
            for batch in epoch:
                loss = trained.step(batch)
                if log:
                    run.log({"loss": loss})
        return trained.seconds()


def accelerated(steps: int) -> list[float]:
    from accelerate import Accelerator  # noqa: PLC0415 (a peer need not be installed)

    trained, accelerator = Trained(), Accelerator(cpu=True)
    model, optimizer, batches = accelerator.prepare(trained.model, trained.optimizer, loader(steps))
    trained.model = model
    for batch in batches:
        loss = trained.loss(batch)
        optimizer.zero_grad()
        accelerator.backward(loss)
        optimizer.step()
    return trained.seconds()


def lightning(steps: int, log: bool, barebones: bool) -> list[float]:
    import lightning as peer  # noqa: PLC0415 (a peer need not be installed)

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)  # its greeting

    class Module(peer.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.trained = Trained()
            self.model = self.trained.model  # so that it finds the parameters

        def training_step(self, batch: Tensor, number: int) -> Tensor:
            loss = self.trained.loss(batch)
            if log:
                self.log("loss", loss)
            return loss

        def configure_optimizers(self) -> Any:
            return self.trained.optimizer

    module = Module()
    with tempfile.TemporaryDirectory() as folder:
        trainer = peer.Trainer(max_epochs=1, accelerator="cpu", default_root_dir=folder, barebones=barebones)
        trainer.fit(module, loader(steps))
    return module.trained.seconds()


# ---- preparing a batch, without a step


def loaded(batches: int, size: int) -> float:
    return per_batch(iter(DataLoader(Ready(batches * size), batch_size=size, shuffle=True, collate_fn=first)), batches)


def fed(batches: int, size: int) -> float:
    feed = unbroken.Feed(Ready(batches * size), size, collate=first)
    return per_batch(feed.stream(0, Position(), 1), batches)


def per_batch(stream: Any, batches: int) -> float:
    next(stream)
    began = time.perf_counter()
    for _ in range(batches - 1):
        next(stream)
    return (time.perf_counter() - began) / (batches - 1)


def loader(steps: int) -> DataLoader[Tensor]:
    return DataLoader(Ready(steps), batch_size=1, shuffle=True, collate_fn=first)


def first(samples: list[Tensor]) -> Tensor:
    return samples[0]


if __name__ == "__main__":
    main()
