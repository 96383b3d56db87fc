"""Kill a job again and again, start it again each time, and compare what is left with the undisturbed run

python -m tests.whole.campaign [--job digits|hands|both] [--mode random|calls|both] [--kills 300] [--seed 0]

random: so many kills at moments drawn from the seed. calls: one kill before, inside and after every single call with
which a run changes its work dir, from its birth to its end and from a resumption to the end. After each kill the newest
state must be at least the one that was last announced as saved.
"""

import argparse
import random
import re
import shutil
import signal
import tempfile
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.whole import jobs
from unbroken import checkpoint, testing
from unbroken.shelf import Shelf

Command = Callable[[Path, int, bool], list[object]]  # work dir, workers, save at every seam -> arguments
MOMENTS = {"batch": 4, "valid": 1, "before call": 150, "after call": 150}
"""Kinds of moment, and how many of them a session lives through at most."""


def campaign(job: str, command: Command, kills: int, seed: int, folder: Path) -> Counter[str]:
    """Kill `job` that often at moments drawn from `seed`; how many of each kind. Raises AssertionError when a finished
    run differs from the undisturbed one in any bit, or when what was announced as saved is lost."""
    oracle, draw = undisturbed(job, command, folder), random.Random(seed)
    tally: Counter[str] = Counter()
    while tally.total() < kills:
        work_dir, announced = folder / f"killed-{tally.total()}", (0, 0)
        while tally.total() < kills:
            kind = draw.choice(list(MOMENTS))
            moment, workers, often = draw.randint(1, MOMENTS[kind]), draw.choice([0, 0, 1, 2]), draw.random() < 0.8
            if not killed(job, command(work_dir, workers, often), work_dir, folder, f"{kind} {moment}"):
                break
            tally[kind] += 1
            announced = kept(work_dir, folder / "session.txt", announced)
        compare(job, command, oracle, work_dir, folder)
        shutil.rmtree(work_dir)
    return tally


def every_call(job: str, command: Command, folder: Path, most: int | None = None, seed: int = 0) -> Counter[str]:
    """Kill a new run, and a resumed one, before, inside and after each of their calls, or at so many of these moments,
    drawn from `seed`; how many of each kind. Raises AssertionError as `campaign` does."""
    oracle, half, tally = undisturbed(job, command, folder), folder / "half", Counter[str]()
    assert killed(job, command(half, 0, False), half, folder, "batch 8"), "half a run is what the others resume from"
    stages = {"new": None, "resumed": half}
    moments = [(stage, moment) for stage in stages for moment in lived(job, command, stages[stage], folder)]
    chosen = random.Random(seed).sample(moments, most) if most else moments
    for stage, moment in chosen:
        work_dir = begun(stages[stage], folder / "work")
        with naming(f"{job}, {stage}, killed {moment}"):
            if killed(job, command(work_dir, 0, False), work_dir, folder, moment):
                kept(work_dir, folder / "session.txt", (0, 0))
                tally[f"{stage}, {moment.split()[0]}"] += 1
            else:
                tally["not reached"] += 1  # what goes on in the background need not happen equally often
            compare(job, command, oracle, work_dir, folder)
    return tally


@contextmanager
def naming(where: str) -> Generator[None]:
    """Let a failed assertion say where."""
    try:
        yield
    except AssertionError as reason:
        raise AssertionError(f"{where}: {reason}") from reason


def undisturbed(job: str, command: Command, folder: Path) -> Path:
    """The work dir of a run that nobody disturbs."""
    ended = jobs.run(job, *command(folder / "undisturbed", 0, False), out=folder / "undisturbed.txt")
    assert ended.code == 0, ended.out
    return folder / "undisturbed"


def killed(job: str, arguments: list[object], work_dir: Path, folder: Path, moment: str) -> bool:
    """Start a job to its death; whether it was killed, or else ended in peace."""
    ended = jobs.run(job, *arguments, out=folder / "session.txt", die_at=moment, folder=work_dir)
    assert ended.code in (0, -signal.SIGKILL), ended.out
    return ended.code != 0


def kept(work_dir: Path, out: Path, before: tuple[int, int]) -> tuple[int, int]:
    """What has been announced as durable by now, which the newest state must not be older than: epochs, batches."""
    said = [(int(epoch), int(batch)) for epoch, batch in re.findall(r"^durable: (\d+) (\d+)$", out.read_text(), re.M)]
    announced = max([before, *said])
    found = Shelf(str(work_dir)).newest() if work_dir.exists() else None
    newest = (found.tree["epoch"], found.tree["batch"]) if found else (0, 0)
    assert newest >= announced, f"{announced} was announced as saved, but {newest} is the newest state"
    return announced


def lived(job: str, command: Command, source: Path | None, folder: Path) -> list[str]:
    """Every moment before, inside and after a call of a session that nobody disturbs, such as "after fsync x.pt 2"."""
    work_dir = begun(source, folder / "work")
    moments = folder / "moments.txt"
    jobs.run(job, *command(work_dir, 0, False), out=folder / "session.txt", folder=work_dir, moments=moments)
    passed = [line.rpartition(" ") for line in moments.read_text().splitlines()]
    named = [(kind, int(count)) for kind, _, count in passed if re.match(r"(before|inside|after) (?!call)", kind)]
    return [f"{kind} {number}" for kind, count in named for number in range(1, count + 1)]


def begun(source: Path | None, work_dir: Path) -> Path:
    """A work dir as a stage begins with it."""
    shutil.rmtree(work_dir, ignore_errors=True)
    if source is not None:
        shutil.copytree(source, work_dir)
    return work_dir


def compare(job: str, command: Command, oracle: Path, work_dir: Path, folder: Path) -> None:
    """Let a run end in peace and hold it against the undisturbed one, every leaf and every record."""
    ended = jobs.run(job, *command(work_dir, 0, False), out=folder / "session.txt")
    assert ended.code == 0, ended.out
    alike(oracle, work_dir)


def alike(oracle: Path, work_dir: Path) -> None:
    """Let two finished runs hold the same bits and the same records, and leave nothing behind."""
    assert testing.compare(str(oracle), str(work_dir)) == []
    assert testing.records(str(oracle)) == testing.records(str(work_dir))
    litter = [p.name for p in work_dir.rglob("*") if p.name.endswith(".unbroken-tmp") or ".damaged" in p.name]
    assert litter == [], f"{litter} were left behind"


def equal(a: Path, b: Path) -> bool:
    """Whether two work dirs hold the same training, bit by bit, and the same records."""
    leaf = testing.difference(str(a / "checkpoint.pt"), str(b / "checkpoint.pt"))
    return leaf is None and testing.records(str(a)) == testing.records(str(b))


def rewrite(work_dir: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change a work dir's newest state behind its back, so that it is whole but another: for negative controls."""
    path = work_dir / "checkpoint.pt"
    tree = checkpoint.read(str(path))
    change(tree)
    path.unlink()
    checkpoint.write({k: v for k, v in tree.items() if k not in ("format", "saved", "digest")}, str(path))


def digits(work_dir: Path, workers: int, often: bool) -> list[object]:
    return [work_dir, "--workers", workers, "--save-minutes", 1e-9 if often else 10]


def hands(data: Path) -> Command:
    """The main job, small: the same code on a few grasps."""

    def command(work_dir: Path, workers: int, often: bool) -> list[object]:
        return [
            "--work-dir", work_dir, "--data", data, "--num-workers", workers, "--save-minutes", 1e-9 if often else 10,
            "--n-epochs", 5, "--batch-size", 4, "--grasps-per-epoch", 18, "--points", 64, "--width", 8,
            "--snapshot-every", 2, "--validate-every", 2, "--log-every", 1, "--device", "cpu", "--norm", "batch",
        ]  # fmt: skip

    return command


SHORT = {"digits": ["--epochs", 2], "hands": ["--n-epochs", 2]}
"""A run in which each kind of save happens: at birth, of an epoch, with a snapshot, on a stop."""


def short(job: str, command: Command) -> Command:
    return lambda work_dir, workers, often: [*command(work_dir, workers, often), *SHORT[job]]


def main() -> None:
    from tests.whole.fixtures import few_grasps  # noqa: PLC0415 (the digits need no grasps)

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--job", choices=["digits", "hands", "both"], default="both")
    parser.add_argument("--mode", choices=["random", "calls", "both"], default="both")
    parser.add_argument("--kills", type=int, default=300, help="of each job at random moments")
    parser.add_argument("--seed", type=int, default=0, help="decides the random moments")
    options = parser.parse_args()
    for job in ["digits", "hands"] if options.job == "both" else [options.job]:
        for mode in ["random", "calls"] if options.mode == "both" else [options.mode]:
            with tempfile.TemporaryDirectory() as name:
                command = digits if job == "digits" else hands(few_grasps(Path(name) / "data"))
                if mode == "random":
                    tally = campaign(job, command, options.kills, options.seed, Path(name))
                else:
                    tally = every_call(job, short(job, command), Path(name))
            each = ", ".join(f"{number} {kind}" for kind, number in tally.items())
            print(f"{job}, {mode}: {tally.total() - tally['not reached']} kills ({each}); "
                  "no bit differs, nothing announced was lost, nothing was left behind", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
