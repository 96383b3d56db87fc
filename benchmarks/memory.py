"""What the main job holds of memory: its peak for each preset, and whether a long run grows

python -m benchmarks.memory [--presets tiny laptop paper] [--epochs 200] [--short 3]. The first preset runs for so many
epochs, the others for a few, on two batches an epoch; `train_per_part.py` is watched from outside, as the kernel
counts it: all that is resident (RSS), of which the files of the data are shared with others and can be dropped.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import sitting
from perpart.settings import PRESETS, Settings
from tests.whole.fixtures import few_grasps

ROOT = Path(__file__).parents[1]
SETTLED = 20
"""Epochs after which memory must not grow."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = sitting.parser(__doc__)
    parser.add_argument("--presets", nargs="+", default=list(PRESETS), choices=list(PRESETS))
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--short", type=int, default=3)
    parser.add_argument("--data", help="a folder of grasps; by default the set that ships with the package")
    options = parser.parse_args(arguments)
    sitting.told("numpy")
    with tempfile.TemporaryDirectory() as aside:
        if options.quick:
            options.presets, options.epochs, options.data = ["tiny"], 4, str(few_grasps(Path(aside) / "data"))
        table(options)


def table(options) -> None:
    """Run each preset that was asked for, and print what it held."""
    rows = []
    for i, preset in enumerate(options.presets):
        epochs = options.short if i else options.epochs
        resident = watched(preset, epochs, options.data)
        settled = resident[min(SETTLED, len(resident) - 1)]
        last = statistics.median(resident[-SETTLED:])
        rows.append([preset, str(epochs), *(f"{bytes_ / 1e6:,.0f}" for bytes_ in (max(resident), settled, last))])
    sitting.table(["preset", "epochs", "peak, MB", f"after {SETTLED}, MB", "last, MB"], rows)


def watched(preset: str, epochs: int, data: str | None = None) -> list[int]:
    """The resident bytes of a run at the end of each epoch: the most that were seen during it."""
    size = Settings(**PRESETS[preset]).batch_size
    with tempfile.TemporaryDirectory() as name:
        work_dir = Path(name) / "exp"
        command = [
            sys.executable, ROOT / "train_per_part.py", "--work-dir", work_dir, "--preset", preset, "--device", "cpu",
            "--n-epochs", epochs, "--grasps-per-epoch", 2 * size, *(["--data", data] if data else []),
        ]  # fmt: skip
        with subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL) as process:
            found = [0] * (epochs + 1)
            while process.poll() is None:
                done = min(epochs_of(work_dir), epochs)
                found[done] = max(found[done], resident(process.pid))
                time.sleep(0.02)
        if process.returncode:
            sys.exit(f"the run of {preset} ended with {process.returncode}")
    return [most for most in found if most]


def epochs_of(work_dir: Path) -> int:
    """How many epochs the run has told of."""
    try:
        return (work_dir / "journal.jsonl").read_bytes().count(b'"at": "epoch"')
    except FileNotFoundError:
        return 0


def resident(pid: int) -> int:
    """Bytes of a process and its workers that are in memory now; 0 where it is gone."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        pages = sum(int(Path(f"/proc/{each}/statm").read_text().split()[1]) for each in [str(pid), *children])
    except (FileNotFoundError, ProcessLookupError, IndexError):
        return 0
    return pages * 4096


if __name__ == "__main__":
    main()
