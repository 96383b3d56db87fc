"""A digit classifier in a hand-written loop: dropout, BatchNorm, random augmentation, EMA, accumulated gradients

python -m tests.whole.digits WORK_DIR [--workers N] [--epochs N] [--resume PATH] [--save-minutes M] [--wait]
"""

import argparse

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.utils.data import Dataset

import unbroken
from tests.whole import jobs
from unbroken import testing

ACCUMULATE = 3  # batches; not a divisor of the epoch's seven, so that epochs end inside a window


class Digits(Dataset[tuple[Tensor, int]]):
    """Some of scikit-learn's 8 x 8 digits, jittered at random."""

    def __init__(self, first: int, last: int, jitter: bool = True) -> None:
        images, labels = load_digits(return_X_y=True)
        self.images = torch.tensor(images[first:last], dtype=torch.float32) / 16
        self.labels, self.jitter = labels[first:last].tolist(), jitter

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = self.images[index]
        if self.jitter:
            image = image + 0.1 * torch.randn(64) + float(np.random.uniform(-0.1, 0.1))
        return image, self.labels[index]


def main() -> None:
    options = parse()
    feed = unbroken.Feed(Digits(0, 200), batch_size=32, workers=options.workers)
    with unbroken.Run(
        options.work_dir, feed, epochs=options.epochs, seed=3, resume=options.resume, log_every=1,
        save=unbroken.Every(minutes=options.save_minutes, background=not options.wait),
        snapshots=unbroken.Keep(every=2, best="valid.accuracy"),
    ) as run:  # fmt: skip
        model = nn.Sequential(nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.3), nn.Linear(32, 10))
        average = torch.optim.swa_utils.AveragedModel(
            model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9)
        )
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(
            optimizer, options.epochs * feed.batches // ACCUMULATE, 1e-4
        )
        run.keep(model=model, optimizer=optimizer, scheduler=scheduler)
        run.keep(average=average, gradients=unbroken.Gradients(model))
        for epoch in run:
            model.train()
            for images, labels in epoch:
                testing.passing("batch")
                jobs.announce(run)
                loss = nn.functional.cross_entropy(model(images), labels)
                (loss / ACCUMULATE).backward()
                testing.passing("step")
                run.log({"loss": loss}, lr=scheduler.get_last_lr()[0])
                if (epoch.step + 1) % ACCUMULATE == 0:
                    optimizer.step()
                    optimizer.zero_grad()
                    average.update_parameters(model)
                    scheduler.step()
            run.log(valid=validate(average))


def validate(model: nn.Module) -> dict[str, float]:
    held_out = Digits(200, 400, jitter=False)
    testing.passing("valid")
    model.eval()
    with torch.no_grad():
        right = model(held_out.images).argmax(1) == torch.tensor(held_out.labels)
    return {"accuracy": right.double().mean().item()}


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("work_dir")
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--resume")
    parser.add_argument("--save-minutes", type=float, default=1e-9, help="by default a save at every seam")
    parser.add_argument("--wait", action="store_true", help="write each state before going on")
    return parser.parse_args()


if __name__ == "__main__":
    main()
