"""A sheet of contact maps as a PNG: which part touches where, sample by sample, seen from two sides"""

from pathlib import Path

import matplotlib
import numpy as np
import trimesh
from jaxtyping import Float
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from perpart import canvas
from perpart.colours import DIGITS, UNTOUCHED, colour, digit, paint
from perpart.hand import PARTS
from perpart.scores.levels import TOUCH

FRONT, BACK = (-60.0, 25.0), (120.0, 25.0)  # degrees: around z, above the horizon
SHOWN = 11  # samples on a sheet; the summary is the twelfth
WIDTH, CAPTION, TITLE, LEGEND = (
    10.8,
    0.3,
    0.32,
    0.45,
)  # inches: the sheet's, and the heights of what is written


def sheet(
    path: str | Path,
    points: Float[np.ndarray, "points 6"],
    contact: Float[np.ndarray, "n points 16"],
    mesh: trimesh.Trimesh | None,
    title: str,
) -> None:
    """Draws samples of contact (in [0, 1]) on an object's points and normals (m) and writes the PNG.

    With the mesh the surface itself is shaded, without it the points as little discs. The last cell shows how
    many of all samples touch each place.
    """
    surfels = canvas.dense(points, mesh, np.random.default_rng(0))
    onto = canvas.spread(points, surfels)
    views = [canvas.look(surfels, *direction) for direction in (FRONT, BACK)]
    shown = contact[:SHOWN]
    often = (contact.max(axis=2) > TOUCH).mean(axis=0)[:, None]
    cells = [(_pair(views, paint(onto(maps))), f"sample {k}: {touching(maps)}") for k, maps in enumerate(shown)]
    last = f"all {len(contact)} samples: touched seldom (pale) to always (dark)"
    cells.append((_pair(views, _scale(onto(often)[:, 0])), last))
    more = f" (the first {SHOWN} of {len(contact)} samples)" if len(contact) > SHOWN else ""
    figure = _grid(cells, title + more)
    _legend(figure)
    figure.savefig(path)


def _pair(views: list[canvas.View], colours: Float[np.ndarray, "dense 3"]) -> Float[np.ndarray, "high wide 3"]:
    """Both views in one image without empty margins: side by side, or one above the other if they are flat."""
    seen = np.any([view.shown[:: canvas.FINER, :: canvas.FINER] >= 0 for view in views], axis=0)
    rows, columns = (np.flatnonzero(seen.any(axis=axis)) for axis in (1, 0))
    part = np.s_[max(rows[0] - 6, 0) : rows[-1] + 7, max(columns[0] - 6, 0) : columns[-1] + 7]
    images = [view.image(colours)[part] for view in views]
    return np.clip(np.concatenate(images, axis=0 if 2 * len(rows) < len(columns) else 1), 0, 1)


def _grid(cells: list[tuple[np.ndarray, str]], title: str) -> Figure:
    columns = min(3, len(cells))
    rows = -(-len(cells) // columns)
    high, wide = cells[0][0].shape[:2]
    height = rows * (WIDTH / columns * high / wide + CAPTION) + TITLE + LEGEND
    figure = Figure(figsize=(WIDTH, height), dpi=150)
    figure.suptitle(title, fontsize=10, y=1 - 0.08 / height, va="top")
    step = (1 - (TITLE + LEGEND) / height) / rows
    for k, (image, caption) in enumerate(cells):
        left, low = (k % columns) / columns, LEGEND / height + step * (rows - 1 - k // columns)
        cell = figure.add_axes((left + 0.005, low, 1 / columns - 0.01, step - CAPTION / height))
        cell.imshow(image, aspect="equal")
        cell.set_axis_off()
        cell.set_title(caption, fontsize=6.5, pad=2)
    return figure


def touching(contact: Float[np.ndarray, "points 16"]) -> str:
    """The parts that touch, in words: "palm, thumb 2 3, index 3"."""
    parts = [part for part, strongest in zip(PARTS, contact.max(axis=0), strict=True) if strongest > TOUCH]
    bones = {name: [part[-1] for part in parts if digit(part) == name] for name in DIGITS}
    words = [" ".join([name, *(b for b in found if b in "123")]) for name, found in bones.items() if found]
    return ", ".join(words) or "nothing touches"


def _scale(share: Float[np.ndarray, "dense"]) -> Float[np.ndarray, "dense 3"]:
    """Untouched grey, then from pale yellow to dark blue."""
    ramp = matplotlib.colormaps["YlGnBu"](0.15 + 0.85 * share)[:, :3]
    return np.where(share[:, None] > 0.02, ramp, UNTOUCHED)


def _legend(figure: Figure) -> None:
    """A strip at the foot: every digit's bones, and how the strength of contact reads."""
    strip = figure.add_axes((0.0, 0.0, 1.0, 0.42 / figure.get_figheight()))
    strip.set_axis_off()
    strip.set_xlim(0, 10)
    strip.set_ylim(0, 1)
    for k, name in enumerate(DIGITS):
        bones = [part for part in PARTS if digit(part) == name]
        for i, part in enumerate(bones):
            strip.add_patch(Rectangle((0.2 + 1.2 * k + 0.16 * i, 0.3), 0.14, 0.4, color=tuple(colour(part))))
        strip.text(0.24 + 1.2 * k + 0.16 * len(bones), 0.5, name, fontsize=7, va="center")
    ramp = np.linspace(0, 1, 64)[None, :, None]
    thumb = UNTOUCHED + ramp * (colour("thumb3") - UNTOUCHED)
    strip.imshow(thumb, extent=(7.75, 8.75, 0.3, 0.7), aspect="auto")
    strip.text(7.7, 0.5, "contact 0", fontsize=7, va="center", ha="right")
    strip.text(8.8, 0.5, "1   (bones: base to tip)", fontsize=7, va="center")
