"""The smallest loop that has all that hurts: dropout, an optimizer with memory, a schedule, augmentation"""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

import unbroken
from unbroken.epoch import Epoch

Inside = Callable[[Epoch], object]


class Noisy(Dataset[Tensor]):
    """Sample i is i, then a number of each global generator."""

    def __init__(self, size: int = 10) -> None:
        self.size = size

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> Tensor:
        return torch.tensor([index, random.random(), np.random.random(), torch.randn(())], dtype=torch.float64)


def feed(**options: Any) -> unbroken.Feed:
    """Ten samples, five batches."""
    return unbroken.Feed(Noisy(), batch_size=2, **options)


def train(
    folder: Path, *, epochs: int = 2, inside: Inside = bool, after: Inside = bool, workers: int = 0, **options: Any
) -> unbroken.Run:
    """Train a linear model; `inside` is called with every batch in hand, `after` with every epoch's batches done.

    When one of them returns "break" or "leave", that loop, or both, are left there.
    """
    with unbroken.Run(str(folder), feed(workers=workers), **{"epochs": epochs, "log_every": 1, **options}) as run:
        model, optimizer, scheduler = parts()
        run.keep(model=model, optimizer=optimizer, scheduler=scheduler)
        for epoch in run:
            if turn(run, epoch, model, optimizer, inside) == "leave":
                break
            scheduler.step()
            run.log(valid={"weight": float(model[1].weight.detach().sum())})
            if after(epoch) == "leave":
                break
    return run


def parts() -> tuple[nn.Sequential, torch.optim.Adam, torch.optim.lr_scheduler.CosineAnnealingLR]:
    model = nn.Sequential(nn.Dropout(0.3), nn.Linear(4, 1, dtype=torch.float64))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    return model, optimizer, torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)


def turn(run: unbroken.Run, epoch: Epoch, model: nn.Module, optimizer: torch.optim.Optimizer, inside: Inside) -> object:
    for batch in epoch:
        loss = model(batch).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        run.log({"loss": loss, "drawn": random.random()})
        said = inside(epoch)
        if said in ("break", "leave"):
            return said
    return None


def at(step: int, what: Any) -> Inside:
    """Do something with that batch in hand: return a word, or call a function."""

    def inside(epoch: Epoch) -> object:
        if epoch.step != step:
            return None
        return what if isinstance(what, str) else what()

    return inside
