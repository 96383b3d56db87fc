"""The plan against a real campaign: a job killed at random moments until it is done, its goodput beside the prediction

python -m benchmarks.plan [--seed 0] [--mtbf 5] [--epochs 24] [--apart 1] [--megabytes 100]. First the job runs a
little, undisturbed, in four starts: its journal tells what a step, a stall, a write and a restart take. Then all of it
runs, is killed (SIGKILL) at exponentially drawn moments, and is started again at once each time, until it is done. The
prediction is made twice: for the very moments of those kills, and for any moments so drawn. The job's steps are padded
with sleep, so that two shared cores matter little; its state and its saves are real.
"""

import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks import sitting
from benchmarks.padded import Job
from unbroken import goodput, spans
from unbroken.costs import Costs, measured
from unbroken.goodput import Walk
from unbroken.stops import Stops

PATIENCE = 120.0  # seconds for one of them


def main(arguments: Sequence[str] | None = None) -> None:
    parser = sitting.parser(__doc__)
    parser.add_argument("--seed", type=int, default=0, help="decides the moments of the kills")
    parser.add_argument("--mtbf", type=float, default=5.0, help="mean seconds between two kills")
    parser.add_argument("--epochs", type=int, default=24, help="of 250 steps of 20 ms")
    parser.add_argument("--apart", type=float, default=1.0, help="seconds between two saves")
    parser.add_argument("--megabytes", type=int, default=100, help="of the job's state")
    options = parser.parse_args(arguments)
    epochs, batches, megabytes = (2, 60, 1) if options.quick else (options.epochs, 250, options.megabytes)
    sitting.told()
    with tempfile.TemporaryDirectory() as folder:
        job = Job(str(Path(folder) / "killed"), epochs, batches, 0.02, options.apart, megabytes)
        costs = known(replace(job, work_dir=str(Path(folder) / "undisturbed")), 2 if options.quick else 4)
        kills, seconds = campaign(job, Stops(options.mtbf), options.seed)
    print(f"a job of {epochs * batches:,} steps and {megabytes} MB, saved at most {spans.told(options.apart)} apart,")
    print(f"killed {len(kills)} times (seed {options.seed}), {spans.told(options.mtbf)} apart on average\n")
    told(job, costs, kills, seconds, Stops(options.mtbf))


def known(job: Job, starts: int) -> Costs:
    """What the job costs, measured on an epoch a start."""
    for epochs in range(1, starts + 1):
        process = replace(job, epochs=epochs).begin()
        process.join(PATIENCE)
        if process.exitcode != 0:
            raise SystemExit(f"the job ended with {process.exitcode}")
    found = measured(job.work_dir)
    return Costs(**found.spans(), batches=found.batches)


def campaign(job: Job, stops: Stops, seed: int) -> tuple[list[float], float]:
    """Kill it until it is done; the moments of the kills, and the seconds that it took in all."""
    moments, _ = stops.moments(np.random.default_rng(seed), 10_000)
    kills: list[float] = []
    began = time.monotonic()
    for moment in moments:
        process = job.begin()
        process.join(max(0.0, began + moment - time.monotonic()))
        if process.exitcode is None:
            kills.append(time.monotonic() - began)
            process.kill()
            process.join()
        elif process.exitcode == 0:
            break
        else:
            raise SystemExit(f"the job ended with {process.exitcode}")
    return kills, time.monotonic() - began


def told(job: Job, costs: Costs, kills: list[float], seconds: float, stops: Stops) -> None:
    """Print what was measured, and what happened beside what was predicted."""
    steps, walk = job.epochs * job.batches, Walk(costs, job.every)
    useful = steps * costs.step
    these = useful / walk.through([(kill, False) for kill in kills], steps).seconds
    drawn = [useful / walk.through(zip(*_any(stops, seed), strict=True), steps).seconds for seed in range(200)]
    rough = goodput.formula(job.apart, costs.stall, costs.restart, stops.mean)
    named = ("step", "stall", "write", "restart")
    sitting.table(["measured on the undisturbed job", *named], [["", *(spans.told(getattr(costs, n)) for n in named)]])
    rows = [
        ["the real campaign", f"{useful / seconds:.3f}", "", ""],
        ["the plan, for these very kills", f"{these:.3f}", "", f"{these * seconds / useful:.3f}"],
        ["the plan, for any kills so drawn", f"{statistics.mean(drawn):.3f}", f"± {statistics.stdev(drawn):.3f}",
         f"{statistics.mean(drawn) * seconds / useful:.3f}"],
        ["Young/Daly, first order", f"{rough:.3f}", "", f"{rough * seconds / useful:.3f}"],
    ]  # fmt: skip
    sitting.table(["goodput", "share", "spread of single jobs", "× real"], rows)


def _any(stops: Stops, seed: int) -> tuple[list[float], list[bool]]:
    moments, noticed = stops.moments(np.random.default_rng([seed, 1]), 2000)
    return moments.tolist(), noticed.tolist()


if __name__ == "__main__":
    main()
