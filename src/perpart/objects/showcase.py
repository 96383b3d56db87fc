"""Every category on one sheet, family by family: two instances each, with their sizes"""

from pathlib import Path

import numpy as np

from perpart import canvas, sheets
from perpart.clouds import cover
from perpart.objects import CATEGORIES, Object, build

VIEW = (-60.0, 22.0)  # degrees: around z, above the horizon
SIZE, POINTS = 150, 60_000  # pixels of one instance's picture, and surface points in it
COLUMNS = 11  # categories in a row
HUES = {  # sRGB, one per family, pale enough for the shading to show
    "turned": (0.62, 0.78, 0.91),
    "handled": (0.55, 0.80, 0.72),
    "hollow": (0.80, 0.80, 0.80),
    "long tools": (0.95, 0.78, 0.55),
    "two halves": (0.93, 0.66, 0.60),
    "boxes": (0.79, 0.72, 0.90),
    "tubes": (0.96, 0.88, 0.60),
    "thin": (0.75, 0.85, 0.58),
    "plain": (0.86, 0.85, 0.83),
    "organic": (0.90, 0.74, 0.82),
    "twins": (0.68, 0.74, 0.80),
}


def sheet(path: Path, instances: int = 2) -> None:
    """Draw so many instances of every category, each as large as its place allows, and write the PNG."""
    cells = [_cell(name, [build(name, seed) for seed in range(instances)]) for name in CATEGORIES]
    title = (
        f"{len(CATEGORIES)} categories, {instances} instances each (seeds 0 to {instances - 1}); sizes x × y × z in mm"
    )
    sheets.sheet(path, cells, COLUMNS, title, shape=0.75, lines=2 + instances)


def size(thing: Object) -> str:
    """The bounding box in words: "120 × 80 × 95"."""
    return " × ".join(f"{1000 * side:.0f}" for side in thing.mesh.extents)


def _cell(name: str, things: list[Object]) -> tuple[np.ndarray, str]:
    family = CATEGORIES[name].family
    images = [_image(thing, np.array(HUES[family])) for thing in things]
    return sheets.beside(images), "\n".join([name.replace("_", " "), f"({family})", *map(size, things)])


def _image(thing: Object, hue: np.ndarray) -> np.ndarray:
    surface = cover(thing.mesh, POINTS)
    return sheets.trimmed(canvas.look(surface, *VIEW, SIZE).image(np.tile(hue, (len(surface), 1))))
