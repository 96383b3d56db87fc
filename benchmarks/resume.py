"""From the start of a job to its first step, by the place in the epoch where it was stopped, with peers beside it

python -m benchmarks.resume [--samples 20000] [--delay 0.002] [--rounds 3]; peers: see docs/performance.md. Each start
is a process of its own; its imports are not counted. `right` says whether the first batch is the one that the
uninterrupted job takes there. The states are made with samples that take no time to read.
"""

import json
import math
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from benchmarks import sitting
from benchmarks.jobs import BATCH, Told, work

SERVER = get_context("forkserver")
SERVER.set_forkserver_preload(["benchmarks.jobs", "torch._dynamo"])  # the latter for the first optimizer of a process
LOOPS = {
    "unbroken": ("unbroken", "unbroken"),
    "plain": ("plain loop that skips what is done", "torch"),
    "accelerate": ("Accelerate, skip_first_batches", "accelerate"),
    "transformers": ("HF Trainer", "transformers"),
}
"""Of each loop in benchmarks.jobs, what the table calls it and the package that it needs."""
LAST = "at 90 %"
PLACES = {"fresh start": 0.0, "after one batch": 0.0001, "at 10 %": 0.1, LAST: 0.9}
"""Where the job was stopped, as a part of its epoch, rounded up to a batch."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = sitting.parser(__doc__)
    parser.add_argument("--samples", type=int, default=20_000, help="in an epoch")
    parser.add_argument("--delay", type=float, default=0.002, help="seconds that reading one takes")
    parser.add_argument("--only", nargs="+", choices=LOOPS, default=[*LOOPS], help="these loops")
    options = parser.parse_args(arguments)
    places = PLACES
    if options.quick:
        options.samples, options.rounds, options.only = 640, 1, [name for name in LOOPS if name != "plain"]
        places = {place: PLACES[place] for place in ("fresh start", LAST)}
    sitting.told(*(package for _, package in LOOPS.values() if package != "torch"))
    print(f"an epoch of {options.samples} samples, {options.delay * 1000:g} ms each, in batches of {BATCH}\n")
    head = ["loop", *(f"{place}, s" for place in places), f"{LAST}: samples read", "right"]
    rows = [row(Resumed(loop, places, options.samples, options.delay), options.rounds or 3) for loop in options.only]
    sitting.table(head, rows)


def row(resumed: "Resumed", rounds: int) -> list[str]:
    """A loop's line of the table."""
    name, package = LOOPS[resumed.loop]
    if not sitting.installed(package):
        return [name, sitting.ABSENT, *["-"] * (len(resumed.places) + 1)]
    with tempfile.TemporaryDirectory() as folder:
        resumed.prepare(Path(folder))
        times = sitting.turns({place: partial(resumed.first, place) for place in resumed.places}, rounds)
        last = resumed.told[LAST]
        right = "yes" if last.batches[0] == resumed.truth() else "no"
    return [name, *(f"{sitting.median(times, place):.3f}" for place in times), str(last.reads), right]


@dataclass
class Resumed:
    """A loop that is stopped at each place once, and started from there again and again."""

    loop: str
    places: Mapping[str, float]
    samples: int
    delay: float
    told: dict[str, Told] = field(default_factory=dict)

    def prepare(self, folder: Path) -> None:
        """Make the state of each place."""
        self.folder = folder
        for place in self.places:
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
            return self.job(Path(folder), 0.0, self.stop(LAST) + 1).batches[-1]

    def stop(self, place: str) -> int:
        """The batches that are done there."""
        return math.ceil(self.places[place] * self.samples / BATCH)

    def job(self, folder: Path, delay: float, stop: int) -> Told:
        """Do the job in a process of its own, and read what it tells."""
        told = folder / "told.json"
        told.unlink(missing_ok=True)
        named = {"folder": str(folder), "samples": self.samples, "delay": delay, "stop": stop}
        process = SERVER.Process(target=work, args=(self.loop, str(told)), kwargs=named)
        process.start()
        process.join()
        if process.exitcode:
            raise SystemExit(f"the job {self.loop}, stopped after {stop} batches, ended with {process.exitcode}")
        return Told(**json.loads(told.read_text()))


if __name__ == "__main__":
    main()
