"""Kills one process, all, or torchrun itself, again and again, and compares with the undisturbed

python -m tests.whole.world [--kills 60] [--seed 0] [--processes 2 3 4] [--virtual-ranks V] [--unused]

Moments are drawn from the seed: between and inside calls, and by the clock, in the middle of whatever the processes do.
A process that dies is started again by torchrun, with all others; a torchrun that dies is started again by us, at once.
"""

import argparse
import random
import re
import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.whole import fates, torchrun
from tests.whole.campaign import alike, kept, naming
from tests.whole.fates import Fate

EVERYWHERE = {"batch": 12, "step": 12}
LEADING = {**EVERYWHERE, "before call": 200, "inside write checkpoint.pt.unbroken-tmp": 6, "after call": 200}
"""Kinds of moment in any process and in the one that leads, and how many of them a session lives through at most."""
SECONDS = 2.5
"""About as long as a session lasts."""


def campaign(processes: int, kills: int, seed: int, folder: Path, *arguments: object) -> Counter[str]:
    """Kill that often; how many of each kind. Raises AssertionError when a finished run differs from the undisturbed
    one in any bit, or when what was announced as saved is lost."""
    oracle, draw = folder / "undisturbed", random.Random(f"{seed} {processes}")
    started(processes, oracle, [], folder, *arguments, "--save-minutes", 10)
    tally = Counter[str]()
    while tally.total() < kills:
        work_dir = folder / f"killed-{tally.total()}"
        with naming(f"{processes} processes, seed {seed}, run {work_dir.name}"):
            tally += until_finished(processes, work_dir, kills - tally.total(), draw, folder, *arguments)
            alike(oracle, work_dir)
        shutil.rmtree(work_dir)
    return tally


def until_finished(
    processes: int, work_dir: Path, most: int, draw: random.Random, folder: Path, *arguments: object
) -> Counter[str]:
    """Start a run again and again until it has finished; of what it died."""
    tally, announced = Counter[str](), (0, 0)
    while True:
        planned = plan(processes, most - tally.total(), draw)
        workers, often = draw.choice([0, 0, 1, 2]), draw.choice([1e-9, 1e-9, 10])
        finished, deaths = started(
            processes, work_dir, planned, folder, *arguments, "--workers", workers, "--save-minutes", often
        )
        announced = kept(work_dir, folder / "session.txt", announced)
        tally.update(kind(fate) for fate in planned[:deaths])
        if finished:
            return tally


def plan(processes: int, most: int, draw: random.Random) -> list[Fate]:
    """Who dies next, and when, up to the death of torchrun."""
    planned = list[Fate]()
    while len(planned) < most and (not planned or planned[-1].who != "torchrun"):
        who = draw.choice([draw.randrange(processes), draw.randrange(processes), "all", "torchrun"])
        moments = LEADING if who in (0, "all") else EVERYWHERE
        name = draw.choice(list(moments))
        clock = who == "torchrun" or draw.random() < 0.5
        planned.append(Fate(who, draw.uniform(0, SECONDS) if clock else f"{name} {draw.randint(1, moments[name])}"))
    return planned


def kind(fate: Fate) -> str:
    who = fate.who if isinstance(fate.who, str) else "one"
    return f"{who} {'by the clock' if isinstance(fate.when, float) else 'at a moment'}"


def started(processes: int, work_dir: Path, planned: list[Fate], folder: Path, *arguments: object) -> tuple[bool, int]:
    """Run the command to its end or to the death of its torchrun; whether it finished, and how many died before."""
    fates.write(folder / "fates.json", planned)
    options = f"--standalone --nproc-per-node {processes} --max-restarts {len(planned)}"
    given = [work_dir, "--fates", folder / "fates.json", *arguments]
    ended = torchrun.run(options, "thorns", *given, out=folder / "session.txt")
    assert ended.code in (0, -9), ended.out
    assert "unbroken.errors" not in ended.out, ended.out  # torchrun would hide it by its next start
    durable = [(int(a), int(b)) for a, b in re.findall(r"^durable: (\d+) (\d+)$", ended.out, re.M)]
    assert durable == sorted(durable), f"what was announced as saved was lost: {durable}"
    starts = len(re.findall(r"^start: ", ended.out, re.M))
    return ended.code == 0, starts - (ended.code == 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=60, help="over all numbers of processes")
    parser.add_argument("--seed", type=int, default=0, help="decides who dies when")
    parser.add_argument("--processes", type=int, nargs="+", default=[2, 3, 4])
    parser.add_argument("--virtual-ranks", type=int, default=0)
    parser.add_argument("--unused", action="store_true", help="a head that has no gradient in every other step")
    options = parser.parse_args()
    for processes in options.processes:
        began, more = time.monotonic(), ["--virtual-ranks", options.virtual_ranks, *["--unused"] * options.unused]
        with tempfile.TemporaryDirectory() as name:
            tally = campaign(processes, options.kills // len(options.processes), options.seed, Path(name), *more)
        each = ", ".join(f"{number} {kind}" for kind, number in sorted(tally.items()))
        print(f"{processes} processes: {tally.total()} kills ({each}) in {time.monotonic() - began:.0f} s; "
              "no bit differs, nothing announced was lost, nothing was left behind", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
