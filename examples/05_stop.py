"""Stop and go: what a signal does, what going on prints, and how to go back to an earlier state

python examples/05_stop.py [WORK_DIR]

Three sessions of one run, here in one process; otherwise they are three commands. The first is stopped in the middle
of an epoch, the second goes on to the end, the third goes back to a snapshot and does the last epochs again.
"""

import signal
import sys

import torch
from torch import nn
from torch.utils.data import TensorDataset

import unbroken


def main(work_dir: str = "exp_stop") -> None:
    try:
        train(work_dir, stop_at=21)
    except unbroken.Stopped as stopped:  # left alone, it ends the program with this exit code
        print(f"> stopped: the program would end with exit code {stopped.code}\n> the same command again:")
    train(work_dir)
    print("> and from an earlier state; the later ones move to checkpoints/left-behind:")
    train(work_dir, resume=f"{work_dir}/checkpoints/E002_net.pt")


def train(work_dir: str, resume: str | None = None, stop_at: int | None = None) -> None:
    x = torch.linspace(-1, 1, 256).reshape(-1, 1)
    feed = unbroken.Feed(TensorDataset(x, x**2), batch_size=32)
    with unbroken.Run(work_dir, feed, epochs=5, seed=0, resume=resume, snapshots=unbroken.Keep(every=2)) as run:
        model = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 1))
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        run.keep(model=model, optimizer=optimizer)
        for epoch in run:
            for inputs, targets in epoch:
                if epoch.step == stop_at:
                    signal.raise_signal(signal.SIGTERM)  # as a scheduler sends it; obeyed once this batch is done
                loss = nn.functional.mse_loss(model(inputs), targets)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                run.log({"loss": loss})


if __name__ == "__main__":
    main(*sys.argv[1:])
