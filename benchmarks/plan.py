"""The plan against a real campaign: a job killed at random until it is done, and what was predicted

python -m benchmarks.plan [--seed 0] [--mtbf 5] [--epochs 24] [--apart 1] [--megabytes 100]. A job is run, killed
(SIGKILL) at exponentially drawn moments, and started again at once each time, until it is done. What a step, a stall, a
write and a restart take is measured on the same job undisturbed, in two starts before that and two after it; and, since
machines drift, in the killed job's own journal as well. The plan then predicts the goodput for the very moments of the
kills, and for any moments so drawn. The job's steps are padded with sleep; its state and its saves are real.
"""

import statistics
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from benchmarks import sitting
from benchmarks.padded import Job
from unbroken import goodput, spans
from unbroken.costs import Costs, measured
from unbroken.goodput import Walk
from unbroken.stops import Stops

COSTS = ("step", "stall", "write", "restart")
UNDISTURBED, OWN = "the job undisturbed", "the killed job"
PATIENCE = 120.0  # seconds for one of them


def main(arguments: Sequence[str] | None = None) -> None:
    parser = sitting.parser(__doc__)
    parser.add_argument("--seed", type=int, default=0, help="decides the moments of the kills")
    parser.add_argument("--mtbf", type=float, default=5.0, help="mean seconds between two kills")
    parser.add_argument("--epochs", type=int, default=24, help="of 250 steps of 20 ms")
    parser.add_argument("--apart", type=float, default=1.0, help="seconds between two saves")
    parser.add_argument("--megabytes", type=int, default=100, help="of the job's state")
    options = parser.parse_args(arguments)
    epochs, batches, megabytes = (2, 70, 1) if options.quick else (options.epochs, 250, options.megabytes)
    mtbf = 2.0 if options.quick else options.mtbf
    sitting.told()
    with tempfile.TemporaryDirectory() as folder:
        job = Job(str(Path(folder) / "killed"), epochs, batches, 0.02, options.apart, megabytes)
        calm = replace(job, work_dir=str(Path(folder) / "undisturbed"))
        run(calm, range(1, 2 if options.quick else 3))
        kills, seconds = campaign(job, Stops(mtbf), options.seed)
        run(calm, range(3, 3 if options.quick else 5))
        undisturbed = learned(calm)
        found = {UNDISTURBED: undisturbed, OWN: learned(job, undisturbed)}
    print(f"a job of {epochs * batches:,} steps and {megabytes} MB, saved at most {spans.told(options.apart)} apart,")
    print(f"killed {len(kills)} times (seed {options.seed}), {spans.told(mtbf)} apart on average\n")
    sitting.table(["measured on", *COSTS], [[name, *_costs(costs)] for name, costs in found.items()])
    sitting.table(["goodput", "share", "× real"], told(job, found, kills, seconds, Stops(mtbf)))


def run(job: Job, ends: Iterable[int]) -> None:
    """Start it for each of these numbers of epochs, undisturbed."""
    for epochs in ends:
        process = replace(job, epochs=epochs).begin()
        process.join(PATIENCE)
        if process.exitcode != 0:
            raise SystemExit(f"the job ended with {process.exitcode}")


def learned(job: Job, otherwise: Costs | None = None) -> Costs:
    """What its journal tells."""
    found, known = measured(job.work_dir), asdict(otherwise) if otherwise else {}
    return Costs(**{**known, **found.spans(), "batches": job.batches})


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


def told(job: Job, found: dict[str, Costs], kills: list[float], seconds: float, stops: Stops) -> list[list[str]]:
    """What happened, beside what was predicted."""
    useful = job.epochs * job.batches * found[UNDISTURBED].step
    rows = [["the real campaign", f"{useful / seconds:.3f}", ""]]
    for name, costs in found.items():
        walk = Walk(costs, job.every)
        own = [(kill, False) for kill in kills]
        these, *drawn = (predicted(job, walk, moments) for moments in [own, *(_any(stops, n) for n in range(200))])
        rough = (
            job.epochs * job.batches * costs.step / goodput.formula(job.apart, costs.stall, costs.restart, stops.mean)
        )
        mean = statistics.mean(drawn)
        rows += [
            [f"the plan, for these very kills, {name}", f"{useful / these:.3f}", f"{seconds / these:.3f}"],
            [f"the plan, for any kills so drawn, {name}", f"{useful / mean:.3f} ± {100 * _spread(drawn):.0f} %",
             f"{seconds / mean:.3f}"],
            [f"Young/Daly, first order, {name}", f"{useful / rough:.3f}", f"{seconds / rough:.3f}"],
        ]  # fmt: skip
    return rows


def predicted(job: Job, walk: Walk, moments: Iterable[tuple[float, bool]]) -> float:
    """The seconds that the whole job takes."""
    return walk.through(moments, job.epochs * job.batches).seconds


def _costs(costs: Costs) -> list[str]:
    return [spans.told(getattr(costs, name)) for name in COSTS]


def _spread(times: list[float]) -> float:
    """Of single jobs around their mean, as a share of it."""
    return statistics.stdev(times) / statistics.mean(times)


def _any(stops: Stops, seed: int) -> list[tuple[float, bool]]:
    moments, noticed = stops.moments(np.random.default_rng([seed, 1]), 2000)
    return list(zip(moments.tolist(), noticed.tolist(), strict=True))


if __name__ == "__main__":
    main()
