"""Many small pictures with captions on one sheet, as one small PNG, drawn without a display"""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from PIL import Image

WIDTH, DPI, TITLE = 12.0, 130, 0.4  # inches, dots per inch, inches
COLOURS = 192  # of the palette: shading stays smooth, and the file a third of its size


def trimmed(image: Float[np.ndarray, "high wide 3"], margin: int = 4) -> Float[np.ndarray, "high wide 3"]:
    """The picture without its white borders."""
    seen = np.pad((image < 0.999).any(axis=2), margin)
    padded = np.pad(image, ((margin, margin), (margin, margin), (0, 0)), constant_values=1.0)
    rows, columns = (np.flatnonzero(np.logical_or.reduce(seen, axis=axis)) for axis in (1, 0))
    return padded[rows[0] - margin : rows[-1] + margin + 1, columns[0] - margin : columns[-1] + margin + 1]


def beside(images: list[np.ndarray]) -> np.ndarray:
    """Pictures beside each other, or below each other where they are flat, each in the middle of its place."""
    high, wide = (max(image.shape[axis] for image in images) for axis in (0, 1))
    places = [np.ones((high, wide, 3)) for _ in images]
    for place, image in zip(places, images, strict=True):
        top, left = (high - image.shape[0]) // 2, (wide - image.shape[1]) // 2
        place[top : top + image.shape[0], left : left + image.shape[1]] = image
    return np.concatenate(places, axis=0 if 2 * high < wide else 1)


def sheet(
    path: Path, cells: Sequence[tuple[np.ndarray, str]], columns: int, title: str, *, shape: float = 1.0, lines: int = 2
) -> None:
    """Write pictures [high, wide, 3] (sRGB in [0, 1]) with captions of so many lines, row by row; `shape` is a cell's
    height over its width. The same cells give the same bytes."""
    rows, wide = -(-len(cells) // columns), WIDTH / columns
    text = 0.05 + 0.13 * lines
    height = rows * (wide * shape + text) + TITLE
    figure = Figure(figsize=(WIDTH, height), dpi=DPI)
    figure.suptitle(title, fontsize=10, y=1 - 0.1 / height, va="top")
    step = (1 - TITLE / height) / rows
    for k, (image, caption) in enumerate(cells):
        low = step * (rows - 1 - k // columns)
        at = (k % columns) / columns + 0.003, low + text / height, 1 / columns - 0.006, step - text / height
        cell = figure.add_axes(at)
        cell.imshow(np.clip(image, 0, 1), aspect="equal", interpolation="antialiased")
        cell.set_axis_off()
        figure.text((k % columns + 0.5) / columns, low + text / height, caption, fontsize=6, ha="center", va="top")
    save(figure, path)


def save(figure: Figure, path: Path) -> None:
    """Write a figure as a PNG with a palette, without anything in it that changes from run to run."""
    whole = io.BytesIO()
    figure.savefig(whole, format="png", metadata={"Software": None})
    image = Image.open(whole).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, format="PNG", optimize=True)
