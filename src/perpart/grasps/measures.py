"""What is in a data folder, as plain numbers: counts, quality, contact, diversity, and what was rejected why

Everything follows from the folder alone. Contact is measured on each object's pool of 2,048 points, where a part
touches from a contact of 0.5 on (a gap of 6 mm); areas are the touched share of the object's surface.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Int

from perpart.data import things
from perpart.data.graspset import SPLITS, GraspSet
from perpart.grasps import search, variety
from perpart.hand import ANGLES, PARTS
from perpart.objects import CATEGORIES

POINTS = 2048  # of an object's pool
MOST = 10_000  # grasps whose contact is measured; of more, so many are drawn (seed 0)
PAIRED = 24  # grasps of one object whose contact maps are held against each other; of more, so many are drawn (seed 0)
UNITS = {  # figure -> unit it is shown in, and how many of it make one of the stored
    "depth": ("mm", 1e3),
    "volume": ("mm³", 1e9),
    "epsilon": ("1", 1.0),
    "shift": ("mm", 1e3),
    "turn": ("°", 180 / np.pi),
}


@dataclass
class Touched:
    """Contact over the measured grasps: areas (cm²) per part and in all, and how the maps of one object differ."""

    grasps: int = 0
    areas: list[np.ndarray] = field(default_factory=list)  # [g, 17]: sixteen parts, and the hand as a whole
    maps: list[np.ndarray] = field(default_factory=list)  # D of the pairs of each object
    nearest: list[np.ndarray] = field(default_factory=list)  # D of each grasp to the nearest of its object


def counts(grasps: GraspSet) -> dict[str, Any]:
    """Grasps and objects by split, category and pre-shape."""
    split = np.array(grasps.split)[grasps.object_of]
    category = np.array([things.category(thing) for thing in grasps.objects])
    return {
        "grasps": len(grasps),
        "objects": len(grasps.objects),
        "objects with grasps": len(np.unique(grasps.object_of)),
        "splits": {
            name: {"objects": grasps.split.count(name), "grasps": int((split == name).sum())} for name in SPLITS
        },
        "categories": {
            name: {
                "family": CATEGORIES[name].family if name in CATEGORIES else "own",
                "objects": int((category == name).sum()),
                **_tally(split, mine),
                "pre-shapes": _shapes(grasps, mine),
            }
            for name, mine in ((name, category[grasps.object_of] == name) for name in dict.fromkeys(category.tolist()))
        },
        "pre-shapes": {name: _tally(split, grasps.kind == kind) for kind, name in enumerate(grasps.preshapes)},
    }


def quality(grasps: GraspSet) -> dict[str, Any]:
    """Each stored figure's spread, in units for people."""
    spread = {}
    for name, column in zip(grasps.figures, grasps.quality.T, strict=True):
        unit, scale = UNITS[name]
        spread[name] = {"unit": unit, **(_spread(column.astype(np.float64) * scale) or {})}
    return spread


def touched(grasps: GraspSet) -> Touched:
    """Label the grasps, object by object."""
    found, rng = Touched(), np.random.default_rng(0)
    chosen = np.arange(len(grasps))
    if len(chosen) > MOST:
        chosen = np.sort(rng.choice(chosen, MOST, replace=False))
    for thing in np.unique(grasps.object_of[chosen]):
        _touch(grasps, chosen[grasps.object_of[chosen] == thing], found, rng)
    return found


def contact(found: Touched) -> dict[str, Any]:
    """Per part: the share of grasps in which it touches, and the area (cm²) it then touches."""
    areas = np.concatenate(found.areas)
    rows = {}
    for name, column in zip((*PARTS, "whole hand"), areas.T, strict=True):
        touching = column[column > 0]
        rows[name] = {"touches": _rounded((column > 0).mean()), "area": _spread(touching) if len(touching) else None}
    parts = (areas[:, :16] > 0).sum(axis=1)
    return {"measured grasps": found.grasps, "parts": rows, "parts touching in a grasp": _spread(parts)}


def diversity(grasps: GraspSet, found: Touched) -> dict[str, Any]:
    """Within objects: maps, palms and joints of pairs and of nearest neighbours; over all: what the joints do."""
    pairs, nearest, twice = [], [], 0
    for thing in np.unique(grasps.object_of):
        mine = grasps.object_of == thing
        gaps = np.stack(variety.poses(grasps.angles[mine], grasps.root[mine]))
        twice += int(variety.same(grasps.angles[mine], grasps.root[mine], search.SAME).sum()) // 2
        pairs.append(gaps[:, *np.triu_indices(mine.sum(), 1)])
        if mine.sum() > 1:
            nearest.append(np.where(np.eye(mine.sum(), dtype=bool), np.inf, gaps).min(axis=2))
    words = ("palm shift, cm", "palm turn, °", "mean joint, °")
    scale = np.array([1e2, *[180 / np.pi] * 2])[:, None]
    joints = np.degrees(grasps.angles.astype(np.float64))
    return {
        "maps, pairs of one object": _spread(np.concatenate([np.zeros(0), *found.maps])),
        "maps, nearest of one object": _spread(np.concatenate([np.zeros(0), *found.nearest])),
        **{f"{what}, pairs": _spread(row) for what, row in zip(words, _joined(pairs) * scale, strict=True)},
        **{f"{what}, nearest": _spread(row) for what, row in zip(words, _joined(nearest) * scale, strict=True)},
        "near-duplicates": twice,
        "joints, sd in °": {name: _rounded(sd) for name, sd in zip(ANGLES, joints.std(axis=0), strict=True)},
        "components for 90 % of joint variance": _components(joints, 0.9),
        "hands, sd of size": _rounded((grasps.bones.sum(axis=1) / grasps.bones.sum(axis=1).mean()).std()),
    }


def rejections(tries: dict[str, int]) -> dict[str, Any]:
    """What became of the tries: counts and shares, most frequent first."""
    total = sum(tries.values())
    ordered = sorted(tries.items(), key=lambda item: (-item[1], item[0]))
    return {why: {"tries": count, "share": _rounded(count / total)} for why, count in ordered}


def _touch(grasps: GraspSet, mine: Int[np.ndarray, "g"], found: Touched, rng: np.random.Generator) -> None:
    thing = int(grasps.object_of[mine[0]])
    cloud = grasps.cloud(thing, POINTS)
    maps = grasps.label(mine, cloud[None], np.zeros(len(mine), np.int64))[0]
    area = things.mesh(grasps.objects[thing]).area * 1e4 / POINTS
    on = maps >= variety.TOUCH * 255
    found.grasps += len(mine)
    found.areas.append(np.concatenate([on.sum(axis=1), on.any(axis=2).sum(axis=1)[:, None]], axis=1) * area)
    if len(mine) > 1:
        some = np.sort(rng.choice(len(mine), min(PAIRED, len(mine)), replace=False))
        gaps = variety.maps(maps[some].astype(np.float32) / 255)
        found.maps.append(gaps[np.triu_indices(len(some), 1)])
        found.nearest.append(np.where(np.eye(len(some), dtype=bool), np.inf, gaps).min(axis=1))


def _tally(split: np.ndarray, mine: np.ndarray) -> dict[str, int]:
    return {name: int((split[mine] == name).sum()) for name in SPLITS} | {"grasps": int(mine.sum())}


def _shapes(grasps: GraspSet, mine: np.ndarray) -> dict[str, int]:
    found = Counter(grasps.preshapes[kind] for kind in grasps.kind[mine])
    return {name: found[name] for name in grasps.preshapes if found[name]}


def _joined(rows: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.zeros((3, 0)), *rows], axis=1)


def _spread(values: np.ndarray) -> dict[str, float] | None:
    """Least, fifth percentile, median, mean, 95th percentile, most; None of nothing."""
    if not len(values):
        return None
    low, middle, high = np.percentile(values, [5, 50, 95])
    words = ("least", "5 %", "median", "mean", "95 %", "most")
    figures = [values.min(), low, middle, values.mean(), high, values.max()]
    return {word: _rounded(float(figure)) for word, figure in zip(words, figures, strict=True)}


def _rounded(value: float) -> float:
    """Four digits that count: what is beyond them may differ from machine to machine."""
    return float(f"{float(value):.4g}")


def _components(joints: np.ndarray, share: float) -> int:
    variance = np.linalg.eigvalsh(np.cov(joints.T))[::-1]
    return int(np.searchsorted(np.cumsum(variance) / variance.sum(), share) + 1)
