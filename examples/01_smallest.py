"""The smallest loop: a run, the names of what must survive, its epochs

python examples/01_smallest.py [WORK_DIR]

Press Ctrl+C, or kill it by any signal, and run the same line again: it goes on, and ends in the same bits.
"""

import sys

import torch
from torch import nn
from torch.utils.data import TensorDataset

import unbroken


def main(work_dir: str = "exp_smallest") -> None:
    x = torch.linspace(-1, 1, 512).reshape(-1, 1)
    feed = unbroken.Feed(TensorDataset(x, x**2), batch_size=32)
    with unbroken.Run(work_dir, feed, epochs=6, seed=0) as run:
        model = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Dropout(0.1), nn.Linear(32, 1))
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 6)
        run.keep(model=model, optimizer=optimizer, scheduler=scheduler)
        for epoch in run:  # the past is loaded here
            for inputs, targets in epoch:
                loss = nn.functional.mse_loss(model(inputs), targets)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                run.log({"loss": loss})
            scheduler.step()  # what follows the batches belongs to the epoch


if __name__ == "__main__":
    main(*sys.argv[1:])
