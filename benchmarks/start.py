"""From a cold start to the first step, of the smallest loop and of the main job; seconds an epoch, hours in all

python -m benchmarks.start [--epochs 6] [--rounds 7]. The smallest loop stands beside the same loop without this package
and beside `import torch` alone, each a process of its own. The main job is one run of train_per_part.py in a new work
dir; its first epoch is left out of the medians.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks import sitting

ROOT = Path(__file__).parent.parent
TORCH = "import torch\nprint('first step', flush=True)"
BARE = """
import torch
from torch.utils.data import DataLoader, TensorDataset

loader = DataLoader(TensorDataset(torch.linspace(-1, 1, 256).reshape(-1, 1)), batch_size=32, shuffle=True)
model = torch.nn.Linear(1, 1)
optimizer = torch.optim.Adam(model.parameters())
for (x,) in loader:
    model(x).square().mean().backward()
    optimizer.step()
    print('first step', flush=True)
    break
"""
OURS = """
import torch
from torch.utils.data import TensorDataset
import unbroken

feed = unbroken.Feed(TensorDataset(torch.linspace(-1, 1, 256).reshape(-1, 1)), batch_size=32)
with unbroken.Run('exp', feed, epochs=1) as run:
    model = torch.nn.Linear(1, 1)
    optimizer = torch.optim.Adam(model.parameters())
    run.keep(model=model, optimizer=optimizer)
    for epoch in run:
        for (x,) in epoch:
            model(x).square().mean().backward()
            optimizer.step()
            print('first step', flush=True)
            break
"""
SMALLEST = {"import torch": TORCH, "a bare loop": BARE, "the same in an unbroken.Run": OURS}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = sitting.parser(__doc__)
    parser.add_argument("--epochs", type=int, default=6, help="of the main job; 0 leaves it out")
    options = parser.parse_args(arguments)
    sitting.told()
    smallest(1 if options.quick else options.rounds or 7)
    if not options.quick and options.epochs:
        job(options.epochs)


def smallest(rounds: int) -> None:
    """Print how long the smallest loop takes to its first step."""
    starts = {name: partial(alone, [sys.executable, "-c", program]) for name, program in SMALLEST.items()}
    times = sitting.turns(starts, rounds)
    rows = [[name, f"{sitting.median(times, name):.2f}", ratio(times, name)] for name in SMALLEST]
    sitting.table(["from the command to", "seconds", "× import torch"], rows)


def ratio(times: sitting.Times, name: str) -> str:
    return f"{sitting.ratio(times, name, 'import torch'):.2f}"


def job(epochs: int) -> None:
    """Print how the main job starts and goes on."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "train_per_part.py", "--work-dir", folder, "--n-epochs", str(epochs)]
        first = until(command, "  batch 1/", ROOT)
        records = [json.loads(line) for line in (Path(folder) / "journal.jsonl").read_text().splitlines()]
    seconds = [record["time"]["seconds"] for record in records if record["at"] == "epoch"][1:]
    median = statistics.median(seconds)
    rows = [
        ["start to first batch done", f"{first:.1f} s"],
        ["an epoch with its validation and save, median", f"{median:.1f} s"],
        ["the worst of them", f"{max(seconds):.1f} s"],
        ["3,000 epochs at that median", f"{3000 * median / 3600:.1f} h"],
    ]
    sitting.table(["the main job", "time"], rows)


def alone(command: list[str]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        return until(command, "first step", Path(folder))


def until(command: list[str], text: str, folder: Path) -> float:
    """Run a command to its end; the seconds until it said this text."""
    began, first = time.monotonic(), 0.0
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            if text in line and not first:
                first = time.monotonic() - began
    if process.returncode or not first:
        raise SystemExit(f"the command ended with {process.returncode}, {text!r} said after {first:.1f} s")
    return first


if __name__ == "__main__":
    main()
