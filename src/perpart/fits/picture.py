"""A sheet of fitted hands on their object, each from two sides, drawn without a display"""

from pathlib import Path

import numpy as np
import trimesh

from perpart import canvas, sheets
from perpart.fits.trials import Worth
from perpart.grasps import gallery
from perpart.hands import Hands

MOST, COLUMNS = 12, 6
"""Hands on a sheet: the first ones; and columns."""


def draw(path: Path, mesh: trimesh.Trimesh, hands: Hands, worth: Worth) -> Path:
    """Draw the first hands and write the PNG."""
    count = min(MOST, len(hands))
    cells = [cell(mesh, hands[i : i + 1], words(f"hand {i:03d}", worth, i)) for i in range(count)]
    sheets.sheet(path, cells, min(COLUMNS, count), f"{count} of {len(hands)} hands fitted to contact maps", shape=0.62)
    return path


def cell(mesh: trimesh.Trimesh, one: Hands, caption: str) -> tuple[np.ndarray, str]:
    """One hand on its object from two sides, and its caption."""
    seen = gallery.scene(mesh, one.posed)
    images = [
        sheets.trimmed(canvas.look(seen.points, *way, gallery.SIZE).image(seen.colours)) for way in gallery.ways(seen)
    ]
    return sheets.beside(images), caption


def words(name: str, worth: Worth, i: int) -> str:
    """A caption: which hand, and what it is worth."""
    said = name if np.isnan(worth.f1[i]) else f"{name}: F1 {worth.f1[i]:.2f}"
    if np.isnan(worth.depth[i]):
        return said
    return f"{said}, {1000 * worth.depth[i]:.1f} mm deep\n{'holds' if worth.holds[i] else 'does not hold'}"
