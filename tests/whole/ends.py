"""A tiny loop that can be ended in every way, each at a batch of its session, with a mirror for TensorBoard

python -m tests.whole.ends WORK_DIR [--epochs N] [--at N --signal SIGTERM|--stop-file FILE] [--hours H] [--pause S]
"""

import argparse
import signal
import time
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import TensorDataset

import unbroken
from unbroken import testing


def main() -> None:
    options = parse()
    x = torch.linspace(-1, 1, 320).reshape(-1, 1)
    feed = unbroken.Feed(TensorDataset(x, x**2), batch_size=16)
    stop = unbroken.Stop(file=options.stop_file, hours=options.hours)
    handed = 0
    with unbroken.Run(
        options.work_dir, feed, epochs=options.epochs, seed=1, log_every=options.log_every, summaries=True, stop=stop,
        save=unbroken.Every(minutes=options.save_minutes, background=not options.wait),
    ) as run:  # fmt: skip
        model = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Dropout(0.1), nn.Linear(8, 1))
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, options.epochs)
        run.keep(model=model, optimizer=optimizer, scheduler=scheduler)
        for epoch in run:
            for inputs, targets in epoch:
                handed += 1
                testing.passing("batch")
                if handed == options.at:
                    end(options)
                time.sleep(options.pause)
                loss = nn.functional.mse_loss(model(inputs), targets)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                run.log({"loss": loss}, lr=scheduler.get_last_lr()[0])
            scheduler.step()
            with torch.no_grad():
                run.log(valid={"loss": nn.functional.mse_loss(model.eval()(x), x**2).item()})
            model.train()
            testing.passing("valid")


def end(options: argparse.Namespace) -> None:
    """What this session is to end by."""
    if options.stop_file:
        Path(options.stop_file).touch()
    if options.signal:
        signal.raise_signal(signal.Signals[options.signal])


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("work_dir")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--signal")
    parser.add_argument("--stop-file")
    parser.add_argument("--at", type=int, default=0)
    parser.add_argument("--hours", type=float)
    parser.add_argument("--pause", type=float, default=0.0)
    parser.add_argument("--save-minutes", type=float, default=10.0)
    parser.add_argument("--log-every", type=int, default=1)
    parser.add_argument("--wait", action="store_true", help="write each state before going on")
    return parser.parse_args()


if __name__ == "__main__":
    main()
