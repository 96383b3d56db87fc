"""Kill a job again and again, start it again each time, and compare what is left with the undisturbed run

python -m tests.whole.campaign [--job digits|hands] [--kills 300] [--seed 0]
"""

import argparse
import random
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.whole import jobs
from unbroken import checkpoint, testing

Command = Callable[[Path, int, bool], list[object]]  # work dir, workers, save at every seam -> arguments


def campaign(job: str, command: Command, kills: int, seed: int, folder: Path) -> dict[str, int]:
    """Kill `job` that often at moments drawn from `seed`; how many of each kind. Raises AssertionError when a finished
    run differs from the undisturbed one in any bit."""
    oracle, draw = folder / "undisturbed", random.Random(seed)
    assert jobs.run(job, *command(oracle, 0, False), out=folder / "undisturbed.txt").code == 0
    done, tally = 0, dict.fromkeys(MOMENTS, 0)
    for attempt in range(kills):
        work_dir = folder / f"killed-{attempt}"
        while done < kills:
            kind = draw.choice(list(MOMENTS))
            moment, workers, often = draw.randint(1, MOMENTS[kind]), draw.choice([0, 0, 1, 2]), draw.random() < 0.8
            ended = jobs.run(
                job, *command(work_dir, workers, often), out=folder / "session.txt",
                reap=f"{kind} {moment}", folder=work_dir,
            )  # fmt: skip
            if ended.code == 0:
                break
            assert ended.code == -signal.SIGKILL, ended.out
            done, tally[kind] = done + 1, tally[kind] + 1
        compare(job, command, oracle, work_dir, folder)
        if done >= kills:
            break
    return tally


MOMENTS = {"batch": 4, "valid": 1, "file": 60}
"""Kinds of moment, and how many of them a session lives through at most."""


def compare(job: str, command: Command, oracle: Path, work_dir: Path, folder: Path) -> None:
    """Let a run end in peace and hold it against the undisturbed one, every leaf and every record."""
    ended = jobs.run(job, *command(work_dir, 0, False), out=folder / "session.txt")
    assert ended.code == 0, ended.out
    for path in [oracle / "checkpoint.pt", *sorted((oracle / "checkpoints").glob("E*_net.pt"))]:
        leaf = testing.difference(str(path), str(work_dir / path.relative_to(oracle)))
        assert leaf is None, f"{path.name} differs from the undisturbed run in {leaf}"
    assert testing.records(str(oracle)) == testing.records(str(work_dir))
    litter = [p.name for p in work_dir.rglob("*") if p.name.endswith(".unbroken-tmp") or ".damaged" in p.name]
    assert litter == []


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
            "--snapshot-every", 2, "--log-every", 1, "--device", "cpu",
        ]  # fmt: skip

    return command


def main() -> None:
    from tests.whole.fixtures import few_grasps  # noqa: PLC0415 (the digits need no grasps)

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--job", choices=["digits", "hands"], default="hands")
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = digits if options.job == "digits" else hands(few_grasps(folder / "data"))
        tally = campaign(options.job, command, options.kills, options.seed, folder)
    print(f"{sum(tally.values())} kills of {options.job} ({tally}), seed {options.seed}: no bit differs")


if __name__ == "__main__":
    main()
