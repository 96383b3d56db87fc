"""Making many grasps: which objects, how many of each, in several processes, and an account of it

One task is one object, with its own random numbers; results are put in the plan's order. So neither the number of
processes nor which of them is faster changes a byte.
"""

import multiprocessing
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import torch

from perpart.errors import Mistake
from perpart.grasps import filters, hold, search
from perpart.objects import CATEGORIES

HELD_OUT = ("binoculars", "camera", "frying_pan", "mug", "toothpaste", "wine_glass")  # GRAB's test objects
SHARES = {"train": 2, "valid": 1, "test": 2}  # what an object of each split gets, relative to each other


@dataclass(frozen=True)
class Task:
    """One object, and how many grasps to look for on it."""

    category: str
    seed: int
    split: str
    wanted: int


def plan(categories: Sequence[str], instances: int, grasps: int, seed: int) -> list[Task]:
    """The objects and their shares of `grasps`; held-out categories are for the test, else the last instance of each
    category is for validation. Raises Mistake for an unknown category or a number that makes no sense."""
    for name in categories:
        if name not in CATEGORIES:
            raise Mistake(f"no object category is called {name!r}; there are: {', '.join(CATEGORIES)}")
    for what, value, least in (("grasps", grasps, 1), ("instances", instances, 1), ("seed", seed, 0)):
        if value < least:
            raise Mistake(f"--{what} is {value}; it must be {least} or more")
    things = [(name, i, _split(name, i, instances)) for name in categories or CATEGORIES for i in range(instances)]
    unit = grasps / sum(SHARES[split] for _, _, split in things)
    return [Task(name, i, split, max(1, round(SHARES[split] * unit))) for name, i, split in things]


def run(tasks: Sequence[Task], rounds: int, seed: int, jobs: int) -> list[search.Catch]:
    """Search every object, in `jobs` processes, saying how far it is. Raises Mistake for less than one job or round."""
    if jobs < 1 or rounds < 1:
        raise Mistake(f"--jobs is {jobs} and --rounds {rounds}; both must be 1 or more")
    start, catches = time.monotonic(), {}
    # Processes are spawned, not forked: torch's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        waiting = {
            pool.submit(search.search, task.category, task.seed, task.wanted, rounds, seed): place
            for place, task in enumerate(tasks)
        }
        for done in as_completed(waiting):
            catches[waiting[done]] = done.result()
            print(_progress(tasks, catches, waiting[done], time.monotonic() - start), flush=True)
    return [catches[place] for place in range(len(tasks))]


def account(catches: Sequence[search.Catch]) -> dict[str, Any]:
    """What was tried and rejected, by which limits, made with what."""
    outcomes = sum((catch.reasons for catch in catches), Counter())
    return {
        "tries": {name: outcomes[name] for name in sorted(outcomes)},
        "limits": {
            "penetration depth, m": filters.DEPTH,
            "penetration volume, m3": filters.VOLUME,
            "touching parts": filters.LINKS,
            "touching digits, with thumb or palm": filters.DIGITS,
            "friction": filters.FRICTION,
            "shift in six directions of gravity, m": hold.SHIFT,
            "turn in six directions of gravity, rad": float(hold.TURN),
            "seconds in each direction": hold.SHAKE * hold.STEP,
        },
        "made with": {name: version(name) for name in ("manifold3d", "mujoco", "numpy", "scipy", "torch")},
    }


def _split(category: str, instance: int, instances: int) -> str:
    if category in HELD_OUT:
        return "test"
    return "valid" if instances > 1 and instance == instances - 1 else "train"


def _progress(tasks: Sequence[Task], catches: dict[int, search.Catch], last: int, seconds: float) -> str:
    done, found = len(catches), sum(len(catch.kinds) for catch in catches.values())
    left = seconds * (len(tasks) - done) / done
    task, got = tasks[last], len(catches[last].kinds)
    return (
        f"{done:4d}/{len(tasks)} objects {found:6d} grasps {found / seconds:5.1f}/s  about {left / 60:4.1f} min left"
        f"   {task.category} {task.seed}: {got} of {task.wanted}"
    )
