"""A loop over a model of which every process holds a part alone: dropout, Adam, BatchNorm, an odd number of samples"""

from pathlib import Path
from typing import Any

import torch
from torch import nn

import unbroken
from tests.unbroken.tiny import Inside, Noisy


def train(
    folder: Path, *, epochs: int = 2, inside: Inside = bool, kept: dict[str, Any] | None = None, **options: Any
) -> None:
    """Train; `inside` is called with every batch in hand, `kept` is given the parts."""
    feed = unbroken.Feed(Noisy(59), batch_size=10)
    with unbroken.Run(str(folder), feed, **{"epochs": epochs, "seed": 3, "log_every": 1, **options}) as run:
        model = network()
        for block in (model[1], model[3]):
            run.parallel(block, shard=True)
        run.parallel(model, shard=True)
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
        run.keep(model=model, optimizer=optimizer)
        if kept is not None:
            kept.update(model=model, optimizer=optimizer)
        for epoch in run:
            for batch in epoch:
                inside(epoch)
                loss = model(batch.float()).square().mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                run.log({"loss": loss})


def network() -> nn.Sequential:
    middle = nn.Sequential(nn.Linear(9, 9), nn.BatchNorm1d(9), nn.Dropout(0.2))
    return nn.Sequential(nn.Linear(4, 9), middle, nn.Tanh(), nn.Linear(9, 5, bias=False), nn.Linear(5, 1))
