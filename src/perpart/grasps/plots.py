"""The data card's pictures: how many of what, how good, and what touches, drawn without a display"""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from perpart import sheets
from perpart.colours import colour
from perpart.data.graspset import GraspSet
from perpart.grasps import measures
from perpart.hand import PARTS

PICTURES = {
    "grasps by category and pre-shape": "card_counts.png",
    "how good the grasps are": "card_quality.png",
    "what touches, and how different grasps are": "card_contact.png",
}
BAR = (0.35, 0.55, 0.7)


def draw(place: Path, grasps: GraspSet, numbers: dict[str, Any], found: measures.Touched) -> dict[str, str]:
    """Write the pictures into a folder; returns their names by what they show."""
    figures = (_counts(numbers), _quality(grasps, numbers), _contact(numbers, found))
    for figure, name in zip(figures, PICTURES.values(), strict=True):
        sheets.save(figure, place / name)
    return dict(PICTURES)


def _counts(numbers: dict[str, Any]) -> Figure:
    categories, shapes = numbers["categories"], list(numbers["pre-shapes"])
    table = np.array([[row["pre-shapes"].get(shape, 0) for shape in shapes] for row in categories.values()])
    figure = Figure(figsize=(0.22 * len(categories) + 2.6, 4.2), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(table.T, cmap="YlGnBu", aspect="auto")
    axes.set_yticks(range(len(shapes)), [name.replace("_", " ") for name in shapes], fontsize=8)
    axes.set_xticks(range(len(categories)), [name.replace("_", " ") for name in categories], rotation=90, fontsize=7)
    figure.colorbar(image, ax=axes, label="grasps", pad=0.01)
    return figure


def _quality(grasps: GraspSet, numbers: dict[str, Any]) -> Figure:
    figure = Figure(figsize=(13, 2.6), dpi=100, layout="constrained")
    panels = np.ravel(figure.subplots(1, len(grasps.figures) + 1))
    for axes, name, column in zip(panels, grasps.figures, grasps.quality.T, strict=False):
        unit, scale = measures.UNITS[name]
        axes.hist(column * scale, bins=40, color=BAR)
        axes.set_title(f"{name}, {unit}", fontsize=9)
        axes.tick_params(labelsize=7)
    _bars(panels[-1], {why: row["tries"] for why, row in numbers["tries"].items()}, "tries, by outcome")
    return figure


def _contact(numbers: dict[str, Any], found: measures.Touched) -> Figure:
    figure = Figure(figsize=(13, 3.2), dpi=100, layout="constrained")
    share, area, apart = figure.subplots(1, 3)
    parts = numbers["contact"]["parts"]
    hues = [tuple(colour(part)) for part in PARTS]
    share.bar(range(16), [100 * parts[part]["touches"] for part in PARTS], color=hues)
    share.set_title("grasps in which a part touches, %", fontsize=9)
    areas = [parts[part]["area"]["median"] if parts[part]["area"] else 0 for part in PARTS]
    area.bar(range(16), areas, color=hues)
    area.set_title("median area where it touches, cm²", fontsize=9)
    for axes in (share, area):
        axes.set_xticks(range(16), PARTS, rotation=90, fontsize=7)
    for gaps, word in ((found.maps, "pairs"), (found.nearest, "nearest")):
        apart.hist(
            np.concatenate([np.zeros(0), *gaps]),
            bins=np.linspace(0, 1, 41).tolist(),
            density=True,
            alpha=0.6,
            label=word,
        )
    apart.legend(fontsize=8)
    apart.set_title("D between the maps of one object", fontsize=9)
    return figure


def _bars(axes: Axes, counts: dict[str, int], title: str) -> None:
    axes.barh(range(len(counts)), list(counts.values()), color=BAR)
    axes.set_yticks(range(len(counts)), list(counts), fontsize=7)
    axes.tick_params(axis="x", labelsize=7)
    axes.invert_yaxis()
    axes.set_title(title, fontsize=9)
