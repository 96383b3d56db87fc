"""Fits our hand to contact maps, says what each grasp is worth, and writes hands for other programs"""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tyro

from perpart import clouds, outs, sampled
from perpart.errors import Mistake, told
from perpart.fits import aims, files, picture, solve
from perpart.fits.asked import Maps
from perpart.fits.trials import DENSITY, NEAR, Place, Worth, own
from perpart.grasps.filters import VOXEL
from perpart.hands import Hands
from perpart.scores.levels import TOUCH
from perpart.scores.table import lines

UNITS = {"depth": 1e3, "volume": 1e6, "shift": 1e3, "turn": 180 / np.pi}
HEAD = ("hand", "F1", "depth mm", "volume cm³", "touches", "shift mm", "turn °", "holds", "cost mm")


@dataclass(frozen=True)
class Fitting:
    """Fit a hand to every contact map of a folder, judge it, and write hands as .obj, .glb and numbers.

    Three examples:

    python fit_per_part.py --maps maps --object mug.ply --out hands

    python fit_per_part.py --maps maps --object mug.stl --unit mm --mass 0.35 --out hands

    python fit_per_part.py --maps maps --object scan.npy --n 2 --out hands

    --debug tells the traceback of an error too.
    """

    maps: str
    """The folder that sample_per_part.py wrote."""
    object: str
    """The object that the maps were drawn for. On a watertight mesh hands are kept out of it, and penetration and
    physics are told; on an open mesh or a point cloud hands are kept off its points only."""
    out: str
    """The folder to write to; files of an earlier fit there are replaced."""
    n: int | None = None
    """How many of the maps, the first ones; by default all."""
    seed: int = 0
    """Decides where fits start: the same seed, the same hands."""
    unit: Literal["m", "cm", "mm"] | None = None
    """The unit of the object's file; by default inferred from its size, and said."""
    mass: float | None = None
    """The object's kilograms; by default its volume at 400 kg/m³."""


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line: `python fit_per_part.py --maps maps --object mug.ply --out hands`."""
    with told(arguments) as words:
        fit(tyro.cli(Fitting, args=words))


def fit(wish: Fitting) -> Worth:
    """Fits, judges, writes and says what it did. Raises Mistake."""
    asked = _asked(wish)
    cloud = clouds.read(wish.object, wish.unit)
    print(cloud.said)
    sampled.on(asked.points, cloud, wish.maps, wish.object)
    place, centre = _place(cloud, wish.mass)
    maps = _centred(asked, centre)[: wish.n]
    began = time.perf_counter()
    fits = solve.fitted(maps, place.ground, wish.seed)
    fitted = time.perf_counter()
    worth = place.worth(Hands.of(fits.angles, fits.root, fits.bones), maps)
    seconds = np.diff([began, fitted, time.perf_counter()]) / len(maps)
    back = fits.root.copy()
    back[:, :3, 3] += centre
    hands = Hands.of(fits.angles, back, fits.bones)
    written = files.write(Path(wish.out), hands, fits, _record(wish, asked, cloud.unit, place, _rows(worth, fits.cost)))
    if cloud.mesh is not None:
        written.append(picture.draw(Path(wish.out) / files.SHEET, cloud.mesh, hands, worth))
    print(table(worth, fits.cost))
    print("{:.2f} s a grasp to fit and {:.2f} s to judge, on one core".format(*seconds))
    print(f"wrote {len(written)} files to {wish.out}")
    return worth


def table(worth: Worth, cost: np.ndarray) -> str:
    """A line for each hand, and one for all: the median, of yes and no the share."""
    figures = {name: values * UNITS.get(name, 1.0) for name, values in asdict(worth).items()}
    rows = [_row(f"{i:03d}", {k: v[i] for k, v in figures.items()}, cost[i], share=False) for i in range(len(cost))]
    every = {k: np.mean(v) if k in ("touches", "holds") else _median(v) for k, v in figures.items()}
    return lines(HEAD, [*rows, _row("median, %", every, float(np.median(cost)), share=True)])


def _median(values: np.ndarray) -> float:
    """Of what is known."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else np.nan


def _row(name: str, figures: dict[str, Any], cost: float, *, share: bool) -> list[str]:
    def number(key: str, digits: int) -> str:
        return "–" if np.isnan(figures[key]) else f"{figures[key]:.{digits}f}"

    def yes(key: str) -> str:
        if np.isnan(figures[key]):
            return "–"
        return f"{100 * figures[key]:.0f} %" if share else ("no", "yes")[int(figures[key])]

    return [
        name, number("f1", 2), number("depth", 1), number("volume", 2), yes("touches"), number("shift", 1),
        number("turn", 1), yes("holds"), f"{cost:.2f}",
    ]  # fmt: skip


def _asked(wish: Fitting) -> sampled.Sampled:
    outs.folder(wish.out)
    if not 0 <= wish.seed < 2**31:
        raise Mistake(f"--seed {wish.seed}: at least 0, less than {2**31}")
    if wish.mass is not None and not 0.001 <= wish.mass <= 50:
        raise Mistake(f"--mass {wish.mass}: kilograms, at least 0.001, at most 50")
    found = sampled.read(wish.maps)
    if wish.n is not None and not 1 <= wish.n <= len(found.contact):
        n = len(found.contact)
        raise Mistake(f"--n {wish.n}: {wish.maps} holds {n} maps, so at least 1, at most {n}")
    return found


def _centred(found: sampled.Sampled, centre: np.ndarray) -> Maps:
    """The maps, their points where the object's centre is the origin."""
    cloud = np.concatenate([found.points[:, :3] - centre, found.points[:, 3:]], axis=1)
    return Maps(cloud, found.contact, found.part, found.direction)


def _place(cloud: clouds.Cloud, mass: float | None) -> tuple[Place, np.ndarray]:
    """The object, centred, and where its centre was; said where it has no inside."""
    bounds = cloud.points[:, :3] if cloud.mesh is None else cloud.mesh.bounds
    centre = (bounds.min(axis=0) + bounds.max(axis=0)) / 2
    if cloud.mesh is None or not cloud.mesh.is_watertight:
        kind = "a point cloud" if cloud.mesh is None else "an open mesh"
        print(f"{kind} has no inside: penetration and physics are not told, and hands are kept off its points only")
        return Place(None), centre
    return Place(own(cloud.mesh, mass)), centre


def _rows(worth: Worth, cost: np.ndarray) -> list[dict[str, Any]]:
    """The figures hand by hand; None for what is not known."""
    figures = {**asdict(worth), "cost": cost}
    return [
        {name: None if np.isnan(values[i]) else round(float(values[i]), 9) for name, values in figures.items()}
        for i in range(len(cost))
    ]


def _record(
    wish: Fitting, asked: sampled.Sampled, unit: str, place: Place, rows: list[dict[str, Any]]
) -> dict[str, Any]:
    """What was fitted to what, how, and what came of it: nothing in it changes from run to run."""
    return {
        "what": "our hand fitted to contact maps; docs/fit.md says what each figure means",
        "unit": "m; angles in radians; root is the palm's frame in the frame and place of the object's file",
        "maps": {key: asked.meta.get(key) for key in ("object", "seed", "checkpoint_digest", "epoch")}
        | {"digest": asked.digest},
        "object": Path(wish.object).name,
        "object_unit": unit,
        "mass_kg": round(place.thing.mass, 6) if place.thing else None,
        "seed": wish.seed,
        "figures": {
            "depth": "m", "volume": f"m³, voxels of {VOXEL} m", "touches": f"a part within {NEAR} m",
            "shift": "m", "turn": "rad", "holds": "never lost", "f1": f"of touch, contact of at least {TOUCH}",
            "cost": "mm, as the fit weighs its aims",
        },
        "hands": rows,
        "constants": {
            "rounds": [asdict(turn) for turn in solve.ROUNDS], "density_kg_m3": DENSITY, "pressed_m": aims.PRESSED,
        },
        "versions": {name: version(name) for name in ("torch", "numpy", "scipy", "mujoco", "trimesh", "manifold3d")},
    }  # fmt: skip
