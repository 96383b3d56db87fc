"""A data folder small enough that a start of the main job takes a moment"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from perpart.data import graspset


def few_grasps(folder: Path, each: int = 10) -> Path:
    """Two objects to train on and one to validate on, out of the set that ships with the package."""
    whole = graspset.load(None)
    things = [i for split, n in (("train", 2), ("valid", 1)) for i in _of(whole, split)[:n]]
    chosen = np.concatenate([np.flatnonzero(whole.object_of == i)[:each] for i in things])
    few = replace(
        whole,
        objects=tuple(whole.objects[i] for i in things),
        split=tuple(whole.split[i] for i in things),
        object_of=np.array([things.index(i) for i in whole.object_of[chosen]]),
        **{name: getattr(whole, name)[chosen] for name in ("angles", "root", "bones", "kind", "quality")},
    )
    graspset.save(few, folder, {"from": "the shipped set"})
    return folder


def _of(whole: graspset.GraspSet, split: str) -> list[int]:
    return [i for i, name in enumerate(whole.split) if name == split and (whole.object_of == i).any()]
