"""A job with all that hurts: buckets, BatchNorm, dropout, accumulation, EMA, an uneven batch

torchrun --nproc-per-node N -m tests.whole.thorns WORK_DIR [--virtual-ranks V] [--unused] [--plain] …

It imports little: most of what a campaign waits for are imports.
"""

import argparse
import json
import os
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

import unbroken
from tests.whole import calls, fates, jobs
from unbroken import parallel, testing

ACCUMULATE = 3  # batches; not a divisor of the epoch's seven, so that epochs end inside a window
SAMPLES = 197  # the last batch has five, which is too few for four pieces of two


class Points(Dataset[tuple[Tensor, int, int]]):
    """Points of 64 numbers and their class, jittered at random; and which sample it is."""

    def __init__(self, first: int, last: int, jitter: bool = True) -> None:
        made = torch.Generator().manual_seed(11)
        points, plane = torch.randn(2 * SAMPLES, 64, generator=made), torch.randn(64, 10, generator=made)
        self.points, self.jitter = points[first:last], jitter
        self.labels = (points @ plane).argmax(1)[first:last].tolist()

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int, int]:
        point = self.points[index]
        if self.jitter:
            point = point + 0.1 * torch.randn(64) + float(np.random.uniform(-0.1, 0.1))
        return point, self.labels[index], index


class Net(nn.Module):
    """Some layers of several kinds, and a second head that only every other step asks for."""

    def __init__(self, width: int = 24, unused: bool = False, plain: bool = False) -> None:
        super().__init__()
        self.first = nn.Linear(64, width)
        self.blocks = nn.Sequential(*(Block(width, plain) for _ in range(5)))
        self.heads = nn.ModuleList(nn.Linear(width, 10) for _ in range(1 + unused))

    def forward(self, points: Tensor, step: int = 0) -> Tensor:
        return self.heads[step % len(self.heads)](self.blocks(self.first(points)))


class Block(nn.Module):
    """plain: nothing in it depends on the samples beside one, or on the process that computes it."""

    def __init__(self, width: int, plain: bool) -> None:
        super().__init__()
        norm = nn.LayerNorm(width) if plain else nn.BatchNorm1d(width)
        self.path = nn.Sequential(nn.Linear(width, width), norm, nn.ReLU(), nn.Dropout(0.0 if plain else 0.1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.path(x)


def main() -> None:
    options = parse()
    fates.meet(options.fates)
    with calls.watched(options.work_dir, calls.mortal) if options.fates else nullcontext():
        work(options)


def work(options: argparse.Namespace) -> None:
    if options.unsettled:  # the remedy switched off, for the negative control
        parallel._settle = lambda parallel, model: None
    feed = unbroken.Feed(Points(0, SAMPLES), batch_size=32, workers=options.workers)
    with unbroken.Run(
        options.work_dir, feed, epochs=options.epochs, seed=3, log_every=1, virtual_ranks=options.virtual_ranks,
        allow=options.allow, save=unbroken.Every(minutes=options.save_minutes, background=not options.wait),
        snapshots=unbroken.Keep(every=2),
        stop=unbroken.Stop(options.stop_file, options.max_hours), patience=options.patience,
    ) as run:  # fmt: skip
        train(run, options)


def train(run: unbroken.Run, options: argparse.Namespace) -> None:
    model = Net(unused=options.unused, plain=options.plain)
    net = run.parallel(model, bucket_cap_mb=0.01, find_unused_parameters=options.unused)
    average = torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    steps = options.epochs * run.feed.batches // ACCUMULATE
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps, 1e-4)
    run.keep(model=model, optimizer=optimizer, scheduler=scheduler)
    run.keep(average=average, gradients=unbroken.Gradients(model))
    for epoch in run:
        model.train()
        for batch in epoch:
            testing.passing("batch")
            jobs.announce(run)
            record(run, epoch, batch, options)
            for points, labels, _ in run.pieces(batch):
                loss = nn.functional.cross_entropy(net(points, epoch.step), labels)
                (loss / ACCUMULATE).backward()
                run.log({"loss": loss}, lr=scheduler.get_last_lr()[0])
            testing.passing("step")
            if (epoch.step + 1) % ACCUMULATE == 0:
                optimizer.step()
                optimizer.zero_grad()
                average.update_parameters(model)
                scheduler.step()
        run.log(valid=validate(average))


def validate(model: nn.Module) -> dict[str, float]:
    held_out = Points(SAMPLES, 2 * SAMPLES, jitter=False)
    testing.passing("valid")
    model.eval()
    with torch.no_grad():
        loss = nn.functional.cross_entropy(model(held_out.points), torch.tensor(held_out.labels))
    return {"loss": loss.item()}


def record(run: unbroken.Run, epoch: unbroken.Epoch, batch: object, options: argparse.Namespace) -> None:
    """Write down which samples this process has in hand."""
    if not options.order:
        return
    line = [run.world.size, *epoch_and_batch(epoch), run.world.rank, list(indices(batch))]
    with open(Path(options.order) / f"{os.getpid()}.jsonl", "a") as file:
        file.write(json.dumps(line) + "\n")


def epoch_and_batch(epoch: unbroken.Epoch) -> tuple[int, int]:
    return epoch.position.epoch, epoch.position.batch


def indices(batch: object) -> Iterator[int]:
    """The samples of a share, or of the pieces of one."""
    assert isinstance(batch, list | tuple)
    if isinstance(batch[0], Tensor):
        yield from batch[2].tolist()
    else:
        for piece in batch:
            yield from indices(piece)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("work_dir")
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--virtual-ranks", type=int, default=0)
    parser.add_argument("--save-minutes", type=float, default=1e-9, help="by default a save at every seam")
    parser.add_argument("--wait", action="store_true", help="write each state before going on")
    parser.add_argument("--allow", nargs="*", default=[])
    parser.add_argument("--unused", action="store_true", help="a head that has no gradient in every other step")
    parser.add_argument("--plain", action="store_true", help="without BatchNorm and dropout: only sums round otherwise")
    parser.add_argument("--unsettled", action="store_true", help="without the remedy for rebuilt buckets")
    parser.add_argument("--order", help="a folder for what each process had in hand")
    parser.add_argument("--fates", help="a file that says who dies when")
    parser.add_argument("--stop-file")
    parser.add_argument("--max-hours", type=float)
    parser.add_argument("--patience", type=float, default=60.0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
