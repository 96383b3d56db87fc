"""What each choice of the model is worth: variants trained alike on a small budget, judged on unseen categories

python -m benchmarks.ablations --folder exp_ablations [--epochs 16] [--seeds 3] [--jobs 2] [--only NAME…]. Every
variant differs from the defaults in one thing, and is trained once with each seed by train_per_part.py, judged by
evaluate_per_part.py. Stopped, the same command goes on. A figure is the mean over the seeds, ± their standard
deviation; the seconds of an epoch are the median of its run, beside whatever else ran then.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks import sitting
from tests.whole.fixtures import few_grasps
from unbroken import records

ROOT = Path(__file__).parents[1]
VARIANTS: dict[str, tuple[str, ...]] = {
    "ours": (),
    "radii 0.2 and 0.4 m": ("--radii", "0.2", "0.4"),
    "width 64": ("--width", "64"),
    "2,048 points": ("--points", "2048"),
    "BatchNorm": ("--norm", "batch"),
    "prior: standard normal": ("--prior", "normal"),
    "weight decay 5e-4": ("--weight-decay", "5e-4"),
    "the ancestor's losses": ("--loss", "contactgen"),
    "one channel and a part map, normal": ("--form", "contactgen", "--prior", "normal"),
    "the ancestor's form and losses, normal": (
        "--form", "contactgen", "--loss", "contactgen", "--prior", "normal", "--weight-decay", "5e-4",
    ),
}  # fmt: skip
"""What each variant changes; the last has the ancestor's weight decay too."""
JUDGED = ("--grasps=320", "--points=512", "--resamplings=100", "--tries=1")
"""How each is judged: a number of points for all, so that the maps compare, and the prior as it is."""
GLANCED = ("--points=64", "--resamplings=10", "--draws=4")
"""How a short one is."""
FIGURES = {
    "F1 rebuilt": ("touch", "rebuilt", "f1", 0.5),
    "best F1": ("touch", "rebuilt", "best f1", None),
    "AP": ("touch", "rebuilt", "precision", None),
    "degrees": ("direction", "rebuilt", "degrees", None),
    "MMD": ("sets", "draws", "mmd", None),
    "COV": ("sets", "draws", "coverage", None),
    "1-NN": ("sets", "draws", "1-nna", None),
    "energy": ("sets", "draws", "energy", None),
    "ECE": ("chance of contact", "draws", "ece", None),
    "active": ("latent", "rebuilt", "active", None),
}
"""The columns: table, who guesses, what, and at which threshold (None: any)."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = sitting.parser(__doc__)
    parser.add_argument("--folder", type=Path, default=Path("exp_ablations"))
    parser.add_argument("--epochs", type=int, default=16)
    # Few epochs of many grasps: some end with a validation, which takes time and teaches nothing.
    parser.add_argument("--grasps", type=int, default=1280, help="in each epoch")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2, help="trainings at once, each with one thread")
    parser.add_argument("--only", nargs="+", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--preset", default="laptop")
    parser.add_argument("--data", help="a folder of grasps; by default the set that ships with the package")
    options = parser.parse_args(arguments)
    sitting.told("numpy")
    with tempfile.TemporaryDirectory() as aside:
        if options.quick:
            options.folder, options.data = Path(aside) / "runs", str(few_grasps(Path(aside) / "data"))
            options.epochs, options.grasps, options.seeds, options.only, options.preset = 1, 128, 1, ["ours"], "tiny"
        compared(options)


def compared(options) -> None:
    """Train and judge what was asked for, and print its table."""
    tasks = [(name, seed) for seed in range(options.seeds) for name in options.only]
    with ThreadPoolExecutor(options.jobs) as crew:
        found = dict(zip(tasks, crew.map(lambda task: judged(options, *task), tasks), strict=True))
    rows = [row(name, [found[name, seed] for seed in range(options.seeds)]) for name in options.only]
    print(f"{options.epochs} epochs of {options.grasps:,} grasps, preset {options.preset}, {options.seeds} seeds\n")
    sitting.table(["variant", *FIGURES, "s an epoch"], rows)


def judged(options, name: str, seed: int) -> dict[str, float]:
    """Train one variant with one seed, or go on, or see that it is done; then its figures."""
    work_dir = options.folder / f"{name.replace(' ', '-').replace(',', '')}-{seed}"
    data = [f"--data={options.data}"] if options.data else []
    asked("train_per_part.py", f"--work-dir={work_dir}", f"--preset={options.preset}", f"--seed={seed}", "--device=cpu",
          f"--n-epochs={options.epochs}", f"--grasps-per-epoch={options.grasps}", *data, *VARIANTS[name])  # fmt: skip
    split = "valid" if options.quick else "test"
    record = work_dir / "evaluation" / f"checkpoint-{split}.json"
    if not record.exists():
        state = f"--checkpoint={work_dir / 'checkpoint.pt'}"
        asked("evaluate_per_part.py", state, f"--split={split}", *data, *(GLANCED if options.quick else JUDGED))
    figures = json.loads(record.read_text())["figures"]
    return {title: picked(figures, *key) for title, key in FIGURES.items()} | {"s an epoch": pace(work_dir)}


def asked(script: str, *arguments: str) -> None:
    """Run one of the project's scripts with one thread; its words only where it fails."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, ROOT / script, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{script} {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr}")


def picked(figures: list[dict], table: str, guess: str, measure: str, at: float | None) -> float:
    """One figure of all parts."""
    return next(
        f["value"] for f in figures
        if (f["table"], f["guess"], f["measure"], f["part"]) == (table, guess, measure, "all") and at in (None, f["at"])
    )  # fmt: skip


def pace(work_dir: Path) -> float:
    """Median seconds of an epoch of a run: of one without a validation, as most are."""
    journal = records.read(str(work_dir / "journal.jsonl"))
    return statistics.median(record["time"]["seconds"] for record in journal if record["at"] == "epoch")


def row(name: str, found: Sequence[dict[str, float]]) -> list[str]:
    """A variant's line: mean and standard deviation over seeds."""
    cells = [name]
    for title in found[0]:
        values = [each[title] for each in found]
        spread = statistics.stdev(values) if len(values) > 1 else float("nan")
        digits = 0 if title == "active" else 1 if title in ("degrees", "s an epoch") else 4 if title == "ECE" else 3
        cells.append(f"{statistics.mean(values):.{digits}f} ± {spread:.{digits}f}")
    return cells


if __name__ == "__main__":
    main()
