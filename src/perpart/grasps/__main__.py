"""Grasps that hold: the command that makes the data set and tells what is in it

python -m perpart.grasps make --out DIR --grasps 2400 --seed 0 --jobs 2
python -m perpart.grasps describe [--data DIR]
python -m perpart.grasps card [--data DIR] [--out DIR]
python -m perpart.grasps check [--data DIR] [--sample 200] [--seed 0]
python -m perpart.grasps sheet OUT.png [--data DIR] [--n 24] [--seed 0]
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tyro

from perpart.data.graspset import SPLITS, WIDTHS, GraspSet, load, save
from perpart.errors import told
from perpart.grasps import card as cards
from perpart.grasps import gallery, making, recheck


def make(
    out: Path,
    *,
    grasps: int = 2400,
    seed: int = 0,
    jobs: int = 1,
    instances: int = 3,
    categories: tuple[str, ...] = (),
    rounds: int = 4,
) -> None:
    """Make a data set of grasps that hold.

    Args:
        out: the folder to write grasps.npz and grasps.json into.
        grasps: how many to look for; where an object is hard to hold there will be fewer, and it is said.
        seed: draws everything; the same seed gives the same bytes, whatever the number of jobs.
        jobs: processes.
        instances: objects of each category; the last one of a category that is not held out is for validation.
        categories: which categories; all of them if none is named.
        rounds: after so many rounds of 112 tries an object is left with what it has.
    """
    plan = making.plan(categories, instances, grasps, seed)
    catches = making.run(plan, rounds, seed, jobs)
    command = f"python -m perpart.grasps make --out DIR --grasps {grasps} --seed {seed} --instances {instances}"
    command += f" --rounds {rounds}" + "".join(f" --categories {' '.join(categories)}" if categories else "")
    graspset = GraspSet(
        tuple((task.category, task.seed) for task in plan),
        tuple(task.split for task in plan),
        np.repeat(np.arange(len(plan)), [len(catch.kinds) for catch in catches]).astype(np.int32),
        *(_stack(catches, name, width) for name, width in list(WIDTHS.items())[:3]),
        kind=np.array([kind for catch in catches for kind in catch.kinds], dtype=np.int16),
        quality=_stack(catches, "quality", WIDTHS["quality"]),
    )
    save(graspset, out, {"command": command} | making.account(catches))
    describe(out)
    card(out)


def describe(data: Path | None = None) -> None:
    """Say what a data folder holds: grasps by split and pre-shape, and how good they are.

    Args:
        data: the folder; the set shipped with the package if none is named.
    """
    found = load(data)
    print(f"{len(found)} grasps on {len(found.objects)} objects of {len({c for c, _ in found.objects})} categories")
    for split in SPLITS:
        print(f"  {split:6s} {len(found.of(split)):5d} grasps on {found.split.count(split)} objects")
    for name, count in Counter(found.preshapes[kind] for kind in found.kind).most_common():
        print(f"  {name:18s} {count:5d}")
    for name, column in zip(found.figures, found.quality.T, strict=True):
        print(f"  {name:8s} median {np.median(column):.3g}, largest {column.max():.3g}")


def card(data: Path | None = None, out: Path | None = None) -> None:
    """Write the data card of a folder, card.md, with its numbers as card.json and its pictures.

    Args:
        data: the folder; the set shipped with the package if none is named.
        out: where the card goes; beside the data, or into the current folder for the shipped set, if it is not said.
    """
    print(f"wrote {cards.card(data, out)}")


def check(data: Path | None = None, sample: int = 200, seed: int = 0) -> None:
    """Measure stored grasps again by another road than the search's; exit code 1 if any is beyond a limit.

    Args:
        data: the folder; the set shipped with the package if none is named.
        sample: how many grasps to draw; all of them if there are fewer.
        seed: draws the sample.
    """
    if not recheck.check(data, sample, seed):
        raise SystemExit(1)


def sheet(out: tyro.conf.Positional[Path], data: Path | None = None, n: int = 24, seed: int = 0) -> None:
    """Draw grasps with their hands as a PNG.

    Args:
        out: the PNG to write.
        data: the folder; the set shipped with the package if none is named.
        n: how many grasps.
        seed: draws which.
    """
    gallery.sheet(out, load(data), n, seed)
    print(f"wrote {out}")


VERBS = {"make": make, "describe": describe, "card": card, "check": check, "sheet": sheet}


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line. A Mistake is told in one line and ends with exit code 2."""
    with told():
        tyro.extras.subcommand_cli_from_dict(VERBS, args=arguments)


def _stack(catches: Sequence[Any], name: str, width: tuple[int, ...]) -> np.ndarray:
    rows = [row for catch in catches for row in getattr(catch, name)]
    return np.array(rows, dtype=np.float32).reshape(-1, *width)


if __name__ == "__main__":
    main()
