"""Grasps that hold: the command that makes the data set and tells what is in it

python -m perpart.grasps make --out grasps --grasps 10000 --seed 0 --jobs 2

python -m perpart.grasps describe --data grasps

python -m perpart.grasps card --data grasps --out card

python -m perpart.grasps check --data grasps --seed 1

python -m perpart.grasps sheet grasps.png --n 24 --seed 1
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tyro

from perpart import verbs
from perpart.data import graspset, things
from perpart.data.graspset import SPLITS, GraspSet
from perpart.data.kinds import load
from perpart.errors import told
from perpart.grasps import card as cards
from perpart.grasps import gallery, making, recheck

UNITS = {"depth": " m", "volume": " m³", "shift": " m", "turn": " rad"}
"""Of the figures; epsilon has none: it is a share of one contact's force."""


def make(
    out: Path,
    *,
    grasps: int = 10000,
    seed: int = 0,
    jobs: int = 1,
    instances: int = 6,
    categories: tuple[str, ...] = (),
    rounds: int = 4,
    recipes: str | None = None,
) -> None:
    """Make a data set of grasps that hold. Killed or stopped, the same command continues, to the same bytes.

    Three examples:

    python -m perpart.grasps make --out grasps

    python -m perpart.grasps make --out grasps --grasps 500 --seed 1 --jobs 2

    python -m perpart.grasps make --out mugs --categories mug cup --instances 12

    Args:
        out: the folder to write grasps.npz and grasps.json into; until then, what is finished is kept in its `making`.
        grasps: how many; what some objects lack others make up for, and if it cannot be had, it is said.
        seed: draws everything; the same seed gives the same bytes, whatever the number of jobs.
        jobs: processes.
        instances: objects of each category; the last one of a category that is not held out is for validation.
        categories: which categories; all of them if none is named.
        recipes: a python file with categories of your own, `CATEGORIES`; it is run. docs/data.md shows one.
        rounds: after so many rounds of 112 tries an object is left, for this turn, with what it has.
    """
    making.make(out, making.Wish(grasps, seed, instances, categories, rounds, recipes), jobs)
    describe(out)
    card(out)


def describe(data: Path | None = None) -> None:
    """Say what a data folder holds: grasps by split and pre-shape, and how good they are.

    Three examples:

    python -m perpart.grasps describe

    python -m perpart.grasps describe --data grasps

    python -m perpart.grasps describe --data ../other/grasps

    Args:
        data: the folder; the set shipped with the package if none is named.
    """
    found = load(data)
    categories = set(map(things.category, found.objects))
    print(f"{len(found)} grasps on {len(found.objects)} objects of {len(categories)} categories")
    for note in found.notes:
        print(f"  {note}")
    for split in SPLITS:
        print(f"  {split:6s} {len(found.of(split)):5d} grasps on {found.split.count(split)} objects")
    if not isinstance(found, GraspSet):
        return print(f"  no poses of our hand: pre-shapes and figures are unknown ({type(found).__name__.lower()})")
    for name, count in Counter(found.preshapes[kind] for kind in found.kind).most_common():
        print(f"  {name:18s} {count:5d}")
    for name, column in zip(found.figures, found.quality.T, strict=True):
        unit = UNITS.get(name, "")
        print(f"  {name:8s} median {np.median(column):.3g}{unit}, largest {column.max():.3g}{unit}")


def card(data: Path | None = None, out: Path | None = None) -> None:
    """Write the data card of a folder, card.md, with its numbers as card.json and its pictures.

    Three examples:

    python -m perpart.grasps card

    python -m perpart.grasps card --data grasps

    python -m perpart.grasps card --data grasps --out card

    Args:
        data: the folder; the set shipped with the package if none is named.
        out: where the card goes; beside the data, or into the current folder for the shipped set, if it is not said.
    """
    print(f"wrote {cards.card(data, out)}")


def check(data: Path | None = None, sample: int = 200, seed: int = 0) -> None:
    """Measure stored grasps again by another road than the search's; exit code 1 if any is beyond a limit.

    Three examples:

    python -m perpart.grasps check

    python -m perpart.grasps check --data grasps --seed 1

    python -m perpart.grasps check --data grasps --sample 50

    Args:
        data: the folder; the set shipped with the package if none is named.
        sample: how many grasps to draw; all of them if there are fewer.
        seed: draws the sample.
    """
    if not recheck.check(data, sample, seed):
        raise SystemExit(1)


def sheet(out: tyro.conf.Positional[Path], data: Path | None = None, n: int = 24, seed: int = 0) -> None:
    """Draw grasps with their hands as a PNG.

    Three examples:

    python -m perpart.grasps sheet grasps.png

    python -m perpart.grasps sheet grasps.png --data grasps

    python -m perpart.grasps sheet grasps.png --n 48 --seed 1

    Args:
        out: the PNG to write.
        data: the folder; the set shipped with the package if none is named.
        n: how many grasps.
        seed: draws which.
    """
    gallery.sheet(out, graspset.load(data), n, seed)
    print(f"wrote {out}")


VERBS = {"make": make, "describe": describe, "card": card, "check": check, "sheet": sheet}


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line. A Mistake is told in one line and ends with exit code 2."""
    with told(arguments) as words:
        verbs.obeyed(VERBS, "perpart.grasps", __doc__, words)


if __name__ == "__main__":
    main()
