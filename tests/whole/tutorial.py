"""The loop of a plain tutorial, which looks as if it resumed: model, optimizer and epoch are saved after each epoch

python -m tests.whole.tutorial FOLDER [--unbroken]

With --unbroken the same model, data and numbers, its loop in a run. Without, what is lost is what such loops lose: the
generator's state, so that a resumed run shuffles and drops out as if it had just begun.
"""

import argparse
import os
import time

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import unbroken
from unbroken import testing

EPOCHS = 6
REST = 0.3
"""Seconds that an epoch takes at least: a kill at a third of the run then hits its middle, however busy the machine."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--unbroken", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    (ours if options.unbroken else plain)(options.folder)


def plain(folder: str) -> None:
    torch.default_generator.manual_seed(0)
    model, optimizer = parts()
    path, first = os.path.join(folder, "model.pt"), 0
    if os.path.exists(path):
        saved = torch.load(path, weights_only=True)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        first = saved["epoch"]
    for epoch in range(first, EPOCHS):
        time.sleep(REST)
        for x, y in DataLoader(parabola(), batch_size=32, shuffle=True):
            step(model, optimizer, x, y)
        saved = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": epoch + 1}
        torch.save(saved, path + ".new")
        os.replace(path + ".new", path)


def ours(folder: str) -> None:
    with unbroken.Run(folder, unbroken.Feed(parabola(), batch_size=32), epochs=EPOCHS) as run:
        model, optimizer = parts()
        run.keep(model=model, optimizer=optimizer)
        for epoch in run:
            time.sleep(REST)
            for x, y in epoch:
                step(model, optimizer, x, y)


def step(model: nn.Module, optimizer: torch.optim.Optimizer, x: torch.Tensor, y: torch.Tensor) -> None:
    testing.passing("batch")
    loss = nn.functional.mse_loss(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def parts() -> tuple[nn.Module, torch.optim.Optimizer]:
    model = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Dropout(0.1), nn.Linear(32, 1))
    return model, torch.optim.Adam(model.parameters(), lr=1e-2)


def parabola() -> TensorDataset:
    x = torch.linspace(-1, 1, 2048).reshape(-1, 1)
    return TensorDataset(x, x**2)


if __name__ == "__main__":
    main()
