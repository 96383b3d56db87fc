"""From the start of a job to its first step, by the place in the epoch where it was stopped, with peers beside it

python -m benchmarks.resume [--samples 20000] [--delay 0.002] [--rounds 3]; peers: see docs/performance.md. Each start
is a process of its own (benchmarks.jobs); its imports are not counted. `right` says whether the first batch is the one
that the uninterrupted job takes there. The states are made with samples that take no time to read.
"""

import json
import math
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks import sitting
from benchmarks.jobs import BATCH, Told

ROOT = Path(__file__).parent.parent
LOOPS = {
    "unbroken": ("unbroken", "unbroken"),
    "plain": ("plain loop that skips what is done", "torch"),
    "accelerate": ("Accelerate, skip_first_batches", "accelerate"),
    "transformers": ("HF Trainer", "transformers"),
}
"""Of each loop in benchmarks.jobs, what the table calls it and the package that it needs."""
PLACES = {"fresh start": 0.0, "after one batch": 0.0001, "at 10 %": 0.1, "at 90 %": 0.9}
"""Where the job was stopped, as a part of its epoch, rounded up to a batch."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = sitting.parser(__doc__)
    parser.add_argument("--samples", type=int, default=20_000, help="in an epoch")
    parser.add_argument("--delay", type=float, default=0.002, help="seconds that reading one takes")
    parser.add_argument("--only", nargs="+", choices=LOOPS, default=[*LOOPS], help="these loops")
    options = parser.parse_args(arguments)
    if options.quick:
        options.samples, options.rounds = 640, 1
    sitting.told(*(package for _, package in LOOPS.values() if package != "torch"))
    print(f"an epoch of {options.samples} samples, {options.delay * 1000:g} ms each, in batches of {BATCH}\n")
    head = ["loop", *(f"{place}, s" for place in PLACES), "at 90 %: samples read", "right"]
    rows = [row(Resumed(loop, options.samples, options.delay), options.rounds or 3) for loop in options.only]
    sitting.table(head, rows)


def row(resumed: "Resumed", rounds: int) -> list[str]:
    """A loop's line of the table."""
    name, package = LOOPS[resumed.loop]
    if not sitting.installed(package):
        return [name, sitting.ABSENT, *["-"] * (len(PLACES) + 1)]
    with tempfile.TemporaryDirectory() as folder:
        resumed.prepare(Path(folder))
        times = sitting.turns({place: partial(resumed.first, place) for place in PLACES}, rounds)
        last = resumed.told["at 90 %"]
        right = "yes" if last.batches[0] == resumed.truth() else "no"
    return [name, *(f"{sitting.median(times, place):.3f}" for place in PLACES), str(last.reads), right]


@dataclass
class Resumed:
    """A loop that is stopped at each place once, and started from there again and again."""

    loop: str
    samples: int
    delay: float
    told: dict[str, Told] = field(default_factory=dict)

    def prepare(self, folder: Path) -> None:
        """Make the state of each place."""
        self.folder = folder
        for place in PLACES:
            (folder / place).mkdir()
            if self.stop(place):
                self.job(folder / place, 0.0, self.stop(place))

    def first(self, place: str) -> float:
        """The seconds to the first step, started at a place."""
        with tempfile.TemporaryDirectory() as copy:  # the state stays as it is for the next round
            shutil.copytree(self.folder / place, copy, dirs_exist_ok=True)
            self.told[place] = self.job(Path(copy), self.delay, self.stop(place) + 1)
        return self.told[place].first

    def truth(self) -> list[int]:
        """The samples of the batch that follows the last place, in a job that was not interrupted."""
        with tempfile.TemporaryDirectory() as folder:
            return self.job(Path(folder), 0.0, self.stop("at 90 %") + 1).batches[-1]

    def stop(self, place: str) -> int:
        """The batches that are done there."""
        return math.ceil(PLACES[place] * self.samples / BATCH)

    def job(self, folder: Path, delay: float, stop: int) -> Told:
        """Start the job as a process, and wait for what it tells."""
        command = [sys.executable, "-m", "benchmarks.jobs", self.loop, "--folder", folder, "--samples", self.samples]
        words = [str(word) for word in [*command, "--delay", delay, "--stop", stop]]
        ended = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
        if ended.returncode:
            raise SystemExit(f"{' '.join(words)} ended with {ended.returncode}:\n{ended.stderr}")
        return Told(**json.loads(ended.stdout.splitlines()[-1]))


if __name__ == "__main__":
    main()
