"""How often to save, and what share of the time then trains for good: by a run's costs and its stops

    python -m unbroken plan exp_dir --mtbf 3h --nodes 8 --grace 30s

Step, stall, write and restart are measured in the run's journal, or given. What is assumed: nodes fail independently
and at a constant rate (or at recorded moments); any of them stops the whole job, which is started again at once; stops
fall into restarts too; each step, save and restart takes its mean time. goodput.py walks from stop to stop.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from typing import Any

from . import goodput, spans, stops
from .costs import Costs, Measured, measured
from .errors import Misuse
from .every import SHARE, Cost, Every
from .goodput import Goodput, Walk
from .stops import PUBLIC, Stops

FINE = 0.001  # a share of the time that is not worth a flag
SPANS = {
    "step": "one step, validation included",
    "stall": "a save stops the training for so long",
    "write": "from there until the save is durable, beside the training",
    "restart": "from the start of a process to its first new step; add the wait for another machine",
}


@dataclass(frozen=True)
class Row:
    """One rule of saving, how far its saves are apart, what the simulation says and what the formula says."""

    every: Every
    apart: float
    simulated: Goodput
    formula: float


@dataclass(frozen=True)
class Job:
    """What is planned: what the stops are called, when they come, and the seconds between a notice and the end."""

    name: str
    stops: Stops
    grace: float


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("work_dir", nargs="?", metavar="WORK_DIR", help="a run, to measure what is not given")
    parser.add_argument("--mtbf", metavar="SPAN", type=spans.seconds, help="mean time between failures of one node")
    known = ", ".join(PUBLIC)
    parser.add_argument(
        "--trace", metavar="NAME|FILE",
        help=f"instead of --mtbf: a public figure ({known}), or a file of the job's stops, a number of seconds a line",
    )  # fmt: skip
    parser.add_argument("--nodes", metavar="N", type=int, help="any of so many nodes stops the job (1)")
    parser.add_argument("--grace", metavar="SPAN", type=spans.seconds, help="from a notice to the end of the process")
    parser.add_argument(
        "--noticed", metavar="SHARE", type=float, help="of the stops come with notice (with --grace 1, else 0)"
    )
    for name, told in SPANS.items():
        parser.add_argument(f"--{name}", metavar="SPAN", type=spans.seconds, help=told)
    parser.add_argument("--seed", metavar="S", type=int, default=0, help="decides the simulated stops (0)")
    parser.add_argument("--json", action="store_true", help="the same for programs")


def plan(options: argparse.Namespace) -> int:
    """Print what goodput to expect at which interval. Raises Misuse, and Missing for what is not there."""
    told, costs = _costs(options)
    plans = [_planned(job, costs, options.seed) for job in _jobs(options)]
    if options.json:
        print(json.dumps([{"costs": asdict(costs), "seed": options.seed, **_plain(*each)} for each in plans], indent=1))
        return 0
    print(told)
    for job, rows in plans:
        print()
        for line in _lines(job, costs, rows, options.seed):
            print(line)
    return 0


# ---- what is asked


def _costs(options: argparse.Namespace) -> tuple[str, Costs]:
    """What is known of the run, in words too: what the command line gives counts before what the journal tells."""
    given = {name: span for name in SPANS if (span := getattr(options, name)) is not None}
    found = Measured() if options.work_dir is None else measured(options.work_dir)
    known = {**found.spans(), **given}
    if lacking := [f"--{name}" for name in SPANS if name not in known]:
        where = (
            f"{options.work_dir}'s journal is too short to tell: give" if options.work_dir else "name a run, or give"
        )
        raise Misuse(f"{where} {', '.join(lacking)} (such as {lacking[0]} 80ms)")
    costs = Costs(**known, batches=found.batches)
    each = ", ".join(f"{name} {spans.told(getattr(costs, name))}" for name in SPANS)
    epochs = f", a save after each epoch of {spans.told(costs.batches * costs.step)}" if costs.batches else ""
    return f"{_source(options.work_dir, found, list(given))}: {each}{epochs}", costs


def _source(work_dir: str | None, found: Measured, given: list[str]) -> str:
    if work_dir is None:
        return "given"
    number = f"{found.sessions} session{'s' if found.sessions > 1 else ''}"
    but = f", but {', '.join(given)} given" if given else ""
    return f"measured in {work_dir} ({number}, {found.steps:,} steps, {found.saves:,} saves{but})"


def _jobs(options: argparse.Namespace) -> list[Job]:
    grace = options.grace or 0.0
    noticed = options.noticed if options.noticed is not None else float(options.grace is not None)
    if noticed and options.grace is None:
        raise Misuse("--noticed: say how long before the end the notice comes (--grace 30s)")
    if (options.mtbf is None) == (options.trace is None):
        raise Misuse("how often does a node stop? --mtbf 3h, or --trace with a name or a file, and not both")
    nodes = 1 if options.nodes is None else options.nodes
    if nodes < 1:
        raise Misuse(f"--nodes {nodes}: at least 1")
    if options.trace is not None and options.trace not in PUBLIC:
        if options.nodes is not None:
            raise Misuse(f"--nodes {nodes}: the stops in {options.trace} are the job's, whatever its size")
        moments = stops.recorded(options.trace)
        mean = moments[-1] / len(moments)
        return [Job(f"{options.trace}: a stop every {spans.told(mean)}", Stops(mean, noticed, moments), grace)]
    return [
        Job(f"{name}a node stops every {spans.told(node)}{_together(node, nodes)}", Stops(node / nodes, noticed), grace)
        for name, node in _nodes(options.mtbf, options.trace)
    ]  # fmt: skip


def _together(node: float, nodes: int) -> str:
    return f", {nodes:,} of them every {spans.told(node / nodes)}" if nodes > 1 else ""


def _nodes(mtbf: float | None, trace: str | None) -> list[tuple[str, float]]:
    """What the stops of one node are called, and the seconds between them: of a public figure both ends."""
    if trace is None:
        return [("", mtbf or 0.0)]
    figure = PUBLIC[trace]
    if figure.worst == figure.best:
        return [(f"{trace}: ", figure.worst)]
    return [(f"{trace} at worst: ", figure.worst), (f"{trace} at best: ", figure.best)]


# ---- the plan


def _planned(job: Job, costs: Costs, seed: int) -> tuple[Job, list[Row]]:
    """A row for each rule worth a look, by how far its saves are apart; the first one is the rule by itself."""
    rules = [rule(apart, costs) for apart in candidates(costs, job.stops.mean)]
    rows = [_row(every, costs, job, seed) for every in [Every(), *rules]]
    return job, [rows[0], *{f"{row.apart:.3g}": row for row in rows[1:]}.values()]


def candidates(costs: Costs, mean: float) -> list[float]:
    """Intervals around Daly's, in seconds, none so short that the disk cannot follow."""
    least = max(costs.save, costs.step)
    middle = max(goodput.daly(costs.stall, mean) + costs.stall, least)
    return sorted({max(least, middle * 2 ** (power / 2)) for power in range(-4, 5)})


def rule(apart: float, costs: Costs) -> Every:
    """A rule whose saves are so far apart, in numbers that a person types."""
    minutes = _digits(apart / 60, 3)
    epoch = costs.batches * costs.step
    every = Every(epochs=max(1, int(apart / epoch)) if epoch else 1, minutes=minutes)
    if every.apart(_cost(costs)) >= 60 * minutes or not costs.stall:
        return every
    # Half of it: a save that is cheaper than the mean must not come earlier.
    return Every(every.epochs, minutes, stall=_digits(costs.stall / apart / 2, 1))


def _cost(costs: Costs) -> Cost:
    return Cost(costs.stall, costs.save)


def _digits(number: float, many: int) -> float:
    return float(f"{number:.{many}g}")


def _row(every: Every, costs: Costs, job: Job, seed: int) -> Row:
    apart = every.apart(_cost(costs))
    if costs.batches:
        apart = min(apart, every.epochs * costs.batches * costs.step)
    apart = max(apart, costs.save, costs.step)
    simulated = goodput.goodput(Walk(costs, every, job.grace), job.stops, seed)
    return Row(every, apart, simulated, goodput.formula(apart, costs.stall, costs.restart, job.stops.mean))


def best(rows: list[Row]) -> Row:
    """The rule that does best; the rule by itself where no other one is better by more than is worth a flag."""
    top = max(rows, key=lambda row: row.simulated.useful)
    return rows[0] if top.simulated.useful - rows[0].simulated.useful < FINE else top


# ---- how it is told


def _lines(job: Job, costs: Costs, rows: list[Row], seed: int) -> list[str]:
    top, share = best(rows), best(rows).simulated
    table = sorted(rows, key=lambda row: row.apart)
    young, daly = (each(costs.stall, job.stops.mean) for each in (goodput.young, goodput.daly))
    write, waits = costs.write / job.stops.mean, " or waits for a last save" if job.stops.noticed else ""
    return [
        f"{job.name}{_notice(job, costs)}; seed {seed}",
        *_table(table, top, rows[0], write),
        f"at {spans.told(top.apart)}: {_percent(share.useful)} trains for good, {_percent(share.restarting)} restarts, "
        f"{_percent(share.stalled)} stalls, {_percent(share.lost)} is lost work{waits}",
        f"Young: {spans.told(young)}, Daly: {spans.told(daly)} of training between two saves, at a stall of "
        f"{spans.told(costs.stall)}; a write costs no training, but a stop",
        f"loses what has not been written yet: the last column takes that off, {_percent(write)}",
        _advice(top, rows[0], job, costs),
    ]


def _notice(job: Job, costs: Costs) -> str:
    if not job.stops.noticed:
        return ", without notice"
    fits = costs.step + costs.save <= job.grace
    save = f"a step and a save take {spans.told(costs.step + costs.save)}: that {'fits' if fits else 'does not fit'}"
    return f", {100 * job.stops.noticed:.3g} % of them {spans.told(job.grace)} after a notice ({save})"


def _table(rows: list[Row], top: Row, own: Row, write: float) -> list[str]:
    head = ["saves apart", "goodput, simulated", "Young/Daly", "less the write", ""]
    cells = [
        [spans.told(row.apart), f"{_percent(row.simulated.useful)} ± {100 * row.simulated.error:.2f}",
         _percent(max(0.0, row.formula)), _percent(max(0.0, row.formula - write)), _mark(row, top, own)]
        for row in rows
    ]  # fmt: skip
    widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
    return [
        f"| {' | '.join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))} |"
        for line in [head, ["-" * width for width in widths], *cells]
    ]


def _mark(row: Row, top: Row, own: Row) -> str:
    return ", ".join([*(["best"] if row is top else []), *(["Every() by itself"] if row is own else [])])


def _advice(top: Row, own: Row, job: Job, costs: Costs) -> str:
    notice = f"; and unbroken.Stop(grace={job.grace:g}) (--grace {job.grace:g})" if job.stops.noticed else ""
    if top is own:
        return f"Keep the default, unbroken.Every(){notice}: no other interval is better by {_percent(FINE)}"
    words = _flags(top.every)
    typed = "which saves after every epoch, no flag"
    if top.every.epochs == 1:
        typed = " ".join(f"--save-{name} {value}" for name, value in words.items())
    named = ", ".join(f"{name}={value}" for name, value in words.items())
    gain = _percent(top.simulated.useful - own.simulated.useful)
    busy = costs.write / top.apart
    slow = f". A state is then being written {100 * busy:.0f} % of the time: see that steps are no slower beside it"
    return (
        f"Use unbroken.Every({named}); of the main job, {typed}{notice}: {gain} more of the time than the default"
        f"{slow if busy > SHARE else ''}"
    )


def _flags(every: Every) -> dict[str, str]:
    """The options of a rule that are not the default."""
    default = asdict(Every())
    return {name: f"{value:.6g}" for name, value in asdict(every).items() if value != default[name]}


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _plain(job: Job, rows: list[Row]) -> dict[str, Any]:
    """A plan as JSON can say it."""
    known = {"mean": job.stops.mean, "noticed": job.stops.noticed, "grace": job.grace, "about": job.name}
    told = [
        {"every": asdict(row.every), "apart": row.apart, **asdict(row.simulated), "lost": row.simulated.lost,
         "formula": row.formula}
        for row in rows
    ]  # fmt: skip
    return {"stops": known, "default": told[0], "intervals": told[1:], "best": told[rows.index(best(rows))]}
