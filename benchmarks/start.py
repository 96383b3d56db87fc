"""The bare command from a cold start: seconds to the first batch, seconds an epoch, samples a second

python -m benchmarks.start [--epochs 6]; one run of train_per_part.py in a new work dir. The first epoch is left out of
the medians. Shared machines are noisy: read the figures beside the load that is printed with them.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=6)
    epochs = parser.parse_args().epochs
    with tempfile.TemporaryDirectory() as folder:
        first = first_batch(folder, epochs)
        records = [json.loads(line) for line in (Path(folder) / "journal.jsonl").read_text().splitlines()]
    seconds = [record["time"]["seconds"] for record in records if record["at"] == "epoch"][1:]
    print(f"load before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print(f"start to first batch done: {first:.1f} s")
    print(
        f"an epoch with its validation and save: median {statistics.median(seconds):.1f} s, worst {max(seconds):.1f} s"
    )
    print(f"3,000 epochs at that median: {3000 * statistics.median(seconds) / 3600:.1f} h")


def first_batch(folder: str, epochs: int) -> float:
    """Run the command to its end; the seconds until it said that its first batch was done."""
    command = [sys.executable, "train_per_part.py", "--work-dir", folder, "--n-epochs", str(epochs)]
    began, first = time.monotonic(), 0.0
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            if "  batch 1/" in line and not first:
                first = time.monotonic() - began
    if process.returncode:
        raise SystemExit(f"the command ended with {process.returncode}")
    return first


if __name__ == "__main__":
    main()
