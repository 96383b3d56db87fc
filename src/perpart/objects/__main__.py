"""Everyday objects: the command that lists the categories and draws them all

python -m perpart.objects list

python -m perpart.objects list --seeds 20

python -m perpart.objects sheet objects.png --instances 2
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tyro

from perpart import verbs
from perpart.errors import Mistake, told
from perpart.objects import CATEGORIES, SYMMETRIES, build, showcase


def table(seeds: int = 8) -> None:
    """List every category: its family, the sizes and masses that seeds give, and its symmetry.

    Three examples:

    python -m perpart.objects list

    python -m perpart.objects list --seeds 20

    python -m perpart.objects list --seeds 1

    Args:
        seeds: how many instances to grow of each, with the seeds from 0 on.
    """
    _several(seeds, "--seeds")
    print(f"z is up in all; sizes x, y, z in mm and mass in g, least to most of seeds 0 to {seeds - 1}")
    for name, recipe in CATEGORIES.items():
        things = [build(name, seed) for seed in range(seeds)]
        sizes = 1000 * np.array([thing.mesh.extents for thing in things])
        mass = 1000 * np.array([[thing.mass] for thing in things])
        ranges = "".join(f"{_range(column):>10s}" for column in np.concatenate([sizes, mass], axis=1).T)
        print(f"{name:16s} {recipe.family:11s} {ranges}   {SYMMETRIES[recipe.symmetry]}")


def sheet(out: tyro.conf.Positional[Path], instances: int = 2) -> None:
    """Draw every category as a PNG.

    Three examples:

    python -m perpart.objects sheet objects.png

    python -m perpart.objects sheet objects.png --instances 1

    python -m perpart.objects sheet docs/objects.png --instances 4

    Args:
        out: the PNG to write.
        instances: how many of each, with the seeds from 0 on.
    """
    _several(instances, "--instances")
    showcase.sheet(out, instances)
    print(f"wrote {out}")


VERBS = {"list": table, "sheet": sheet}


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line. A Mistake is told in one line and ends with exit code 2."""
    with told(arguments) as words:
        verbs.obeyed(VERBS, "perpart.objects", __doc__, words)


def _several(count: int, option: str) -> None:
    if count < 1:
        raise Mistake(f"{option} is {count}; it must be 1 or more")


def _range(values: np.ndarray) -> str:
    return f"{values.min():.0f}-{values.max():.0f}"


if __name__ == "__main__":
    main()
