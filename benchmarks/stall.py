"""What one save does to the training: how long a step waits for it, and how much slower steps are while it is written

python -m benchmarks.stall [--megabytes 1208] [--rounds 6] [--folder .]. A model and its Adam, 1.2 GB together, in a
run that saves at the end of every epoch. Of the same state, in the same rounds: one copy into memory that is there
already, and one plain torch.save. A stall is what the loop waits for the next batch after an epoch's last step.
"""

import os
import statistics
import tempfile
import time
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
from unbroken.seeds import one_thread

SIDE = 2048
"""Of a layer's square matrix: 16.8 MB, and 50.3 MB with Adam's two moments."""
COPY, SEAM, COLD = "a copy into warm memory", "unbroken: the seam", "unbroken: a copy into fresh memory"
PLAIN, SYNCED = "torch.save", "torch.save and fsync"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = sitting.parser(__doc__)
    parser.add_argument("--megabytes", type=int, default=1208)
    parser.add_argument("--folder", help="where to write: the disk that is measured; by default the temporary one")
    options = parser.parse_args(arguments)
    rounds, megabytes, quiet = options.rounds or 6, options.megabytes, 3.0
    if options.quick:
        rounds, megabytes, quiet = 2, 51, 0.1
    sitting.told()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder, sitting.quiet():
        saves = Saves(Stack(megabytes * 10**6 // (12 * SIDE**2), SIDE), Path(folder), quiet)
        saves.measure(rounds)
    size = sum(leaf.nbytes for leaf in saves.leaves)
    print(f"a state of {size / 1e9:.2f} GB in {len(saves.leaves)} tensors, {torch.get_num_threads()} threads\n")
    rows = [[name, f"{sitting.median(saves.times, name):.3f}", saves.ratio(name)] for name in saves.times]
    sitting.table(["of this state", "seconds", "× the copy"], rows)
    head = ["steps", "quiet, ms", "while writing, ms", "×", "worst, ms", "steps while writing"]
    sitting.table(head, [steps.row() for steps in saves.kinds])


class Stack(torch.nn.Module):
    """Layers of one size, and an Adam that has its moments already."""

    def __init__(self, layers: int, side: int) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(*(torch.nn.Linear(side, side, bias=False) for _ in range(layers)))
        self.optimizer = torch.optim.Adam(self.layers.parameters(), lr=1e-6, fused=True)
        self.x = torch.ones(8, side)
        self.step()

    def step(self) -> None:
        loss = self.layers(self.x).square().mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def tree(self) -> dict[str, Any]:
        return {"model": self.layers.state_dict(), "optimizer": self.optimizer.state_dict()}


class Steps:
    """The seconds of each step of one kind: while a save was being written, and while none was."""

    def __init__(self, name: str, step: Callable[[], None]) -> None:
        self.name, self.step = name, step
        self.writing: list[float] = []
        self.quiet: list[float] = []

    def row(self) -> list[str]:
        quiet = statistics.mean(self.quiet) * 1000
        if not self.writing:
            return [self.name, f"{quiet:.2f}", "-", "-", "-", "0"]
        slowed, worst = statistics.mean(self.writing) * 1000, max(self.writing) * 1000
        return [
            self.name, f"{quiet:.2f}", f"{slowed:.2f}", f"{slowed / quiet:.2f}", f"{worst:.1f}", str(len(self.writing))
        ]  # fmt: skip


class Saves:
    """A run in which every epoch begins with a save, goes on for `quiet` seconds after it, and is a round."""

    def __init__(self, stack: Stack, folder: Path, quiet: float) -> None:
        self.stack, self.folder, self.quiet = stack, folder, quiet
        self.leaves = [leaf for _, leaf in state.leaves(stack.tree()) if isinstance(leaf, Tensor)]
        self.warm = [torch.zeros_like(leaf) for leaf in self.leaves]
        self.times: sitting.Times = {name: [] for name in (COPY, SEAM, COLD, PLAIN, SYNCED)}
        tiny = Steps("a tiny step, on one thread", one_thread(Stack(1, 32).step))
        self.kinds = (Steps("a step of this model", stack.step), tiny)

    def measure(self, rounds: int) -> None:
        feed = unbroken.Feed(TensorDataset(torch.zeros(10**6)), 1)  # left by a break, long before its end
        never = unbroken.Every(minutes=1e6, stall=1e-6)  # but at the end of an epoch
        with unbroken.Run(str(self.folder / "run"), feed, epochs=rounds + 1, save=never) as run:
            run.keep(model=self.stack.layers, optimizer=self.stack.optimizer)
            left, before = 0.0, 0
            for epoch in run:
                came = self.train(epoch, self.kinds[epoch.number % 2], before)
                if epoch.number:  # the first follows no save
                    self.times[SEAM].append(came - left)
                    self.others()
                before, left = self.file(), time.perf_counter()

    def train(self, epoch: unbroken.Epoch, steps: Steps, before: int) -> float:
        """Step until checkpoint.pt is another file than before, and for a while after that; when the first batch
        came."""
        came, quiet = 0.0, 0.0
        for _ in epoch:
            began = time.perf_counter()
            came, writing = came or began, self.file() == before
            steps.step()
            took = time.perf_counter() - began
            (steps.writing if writing else steps.quiet).append(took)
            quiet += 0.0 if writing else took
            if quiet > self.quiet:
                break
        return came

    def file(self) -> int:
        """Which file checkpoint.pt is: a save replaces it by a new one when all is on the disk."""
        return (self.folder / "run" / "checkpoint.pt").stat().st_ino

    def others(self) -> None:
        """The same state by other means, while nothing else is written."""
        self.times[COPY].append(sitting.timed(self.copied))
        self.times[COLD].append(sitting.timed(lambda: Buffers().copy(self.stack.tree())))
        self.times[PLAIN].append(sitting.timed(partial(self.saved, synced=False)))
        (self.folder / "plain.pt").unlink()  # with what is still to be written: it would slow the next save
        self.times[SYNCED].append(sitting.timed(partial(self.saved, synced=True)))
        (self.folder / "plain.pt").unlink()

    def copied(self) -> None:
        for leaf, copy in zip(self.leaves, self.warm, strict=True):
            copy.copy_(leaf)

    def saved(self, synced: bool) -> None:
        with (self.folder / "plain.pt").open("wb") as file:
            torch.save(self.stack.tree(), file)
            file.flush()
            if synced:
                os.fsync(file.fileno())

    def ratio(self, name: str) -> str:
        return f"{sitting.ratio(self.times, name, COPY):.2f}"


if __name__ == "__main__":
    main()
