"""A small loop for several processes: dropout, Adam, a schedule, and a moment's rest in every batch

python -m tests.whole.squares --work-dir DIR [--virtual-ranks V] [--epochs N] [--rest-until FILE] ...
"""

import argparse
import os
import time

import torch
from torch import nn
from torch.utils.data import TensorDataset

import unbroken

REST = 0.15  # seconds a batch, so that something can happen meanwhile


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--work-dir", required=True)
    parser.add_argument("--virtual-ranks", type=int, default=4)
    parser.add_argument("--patience", type=float, default=600.0)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--rest-until", help="rest in every batch until this file is there")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--grace", type=float)
    parser.add_argument("--stop-file")
    train(parser.parse_args())


def train(given: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    x = torch.linspace(-1, 1, 512).reshape(-1, 1)
    feed = unbroken.Feed(TensorDataset(x, x**2), batch_size=32)
    with unbroken.Run(
        given.work_dir, feed, epochs=given.epochs, seed=given.seed, log_every=1,
        save=unbroken.Every(epochs=1, minutes=0.01), stop=unbroken.Stop(given.stop_file, grace=given.grace),
        virtual_ranks=given.virtual_ranks, patience=given.patience,
    ) as run:  # fmt: skip
        model = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Dropout(0.1), nn.Linear(32, 1))
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, given.epochs)
        shared = run.parallel(model)
        run.keep(model=model, optimizer=optimizer, scheduler=scheduler)
        for epoch in run:
            for batch in epoch:
                optimizer.zero_grad()
                for inputs, targets in run.pieces(batch):
                    loss = nn.functional.mse_loss(shared(inputs), targets)
                    loss.backward()
                    run.log({"loss": loss})
                optimizer.step()
                if given.rest_until and not os.path.exists(given.rest_until):
                    time.sleep(REST)
            scheduler.step()


if __name__ == "__main__":
    main()
