"""A picture of a data folder: every object, and where its grasps touch it, drawn without a display"""

from pathlib import Path

import matplotlib
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from perpart import canvas
from perpart.clouds import cover
from perpart.colours import UNTOUCHED
from perpart.data import things
from perpart.data.check import Report
from perpart.data.source import Source
from perpart.data.things import Thing

SHOWN = 60
"""Objects in the picture."""
LOOKED_AT = 24
"""Grasps of an object that are added up."""
POOL, COLUMNS, SIDE = 2048, 6, 220
VIEW = (-60.0, 25.0)  # degrees: around z, above the horizon


def survey(report: Report, path: Path) -> None:
    """Draw the objects that could be read, with the sum of their contact where there is any, as a PNG."""
    placed = report.placed.things if report.placed else ()
    shown = [(i, thing) for i, thing in enumerate(placed) if thing is not None][:SHOWN]
    rows = max(1, -(-len(shown) // COLUMNS))
    figure = Figure(figsize=(1.8 * COLUMNS, 2.0 * rows + 0.5), dpi=110)
    more = f" (the first {SHOWN} objects)" if len(placed) > SHOWN else ""
    legend = "seldom (pale) to always (dark) touched; grey: never" if report.usable else "touches are not drawn"
    title = f"{report.summary}{more}\n{legend}"
    figure.suptitle(title, fontsize=8, y=1 - 0.08 / (2.0 * rows + 0.5), va="top", wrap=True)
    axes = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    for axis in axes:
        axis.set_axis_off()
    for axis, (i, thing) in zip(axes, shown, strict=False):
        axis.imshow(_image(report, i, thing))
        count = 0 if report.found is None else int((report.found.object_of == i).sum())
        axis.set_title(f"{i} {things.name(thing)}: {count} grasps", fontsize=6, pad=2)
    figure.subplots_adjust(0.01, 0.01, 0.99, 1 - 0.5 / (2.0 * rows + 0.5) - 0.02, 0.04, 0.12)
    figure.savefig(path)


def _image(report: Report, i: int, thing: Thing) -> Float[np.ndarray, "size size 3"]:
    mesh = things.mesh(thing)
    surfels = cover(mesh, canvas.DENSE)
    share = _share(report.found, i, surfels) if report.found and report.usable else np.zeros(len(surfels))
    ramp = matplotlib.colormaps["YlGnBu"](0.15 + 0.85 * share)[:, :3]
    colours = np.where(share[:, None] > 0.02, ramp, UNTOUCHED)
    return np.clip(canvas.look(surfels, *VIEW, SIDE).image(colours), 0, 1)


def _share(found: Source, i: int, surfels: Float[np.ndarray, "dense 6"]) -> Float[np.ndarray, "dense"]:
    """How often each place of an object is touched: the mean of its grasps' strongest contacts, at most 1."""
    mine = np.flatnonzero(found.object_of == i)
    if not len(mine):
        return np.zeros(len(surfels))
    some = mine[np.unique(np.linspace(0, len(mine) - 1, LOOKED_AT).astype(int))]
    cloud = found.cloud(i, POOL)
    touch = found.label(some, cloud[None], np.zeros(len(some), int))[0].max(-1).mean(0) / 255
    return canvas.spread(cloud, surfels)(touch[:, None].astype(np.float32))[:, 0]
