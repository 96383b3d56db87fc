"""Writes one offline page to look at contact maps in 3-D: samples, parts, areas, uncertainty, truth, fitted hands"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from perpart import outs, sampled
from perpart.errors import Mistake, told
from perpart.export import PAGE
from perpart.shown import beside, grips
from perpart.shown.page import Shown, page
from perpart.shown.surface import surface


@dataclass(frozen=True)
class Showing:
    """Write one HTML file that shows contact maps in 3-D; it opens in any browser and needs no network.

    Three examples:

    python show_per_part.py --samples maps

    python show_per_part.py --samples maps --truth true_maps.npy --out mug.html

    python show_per_part.py --samples maps --object mug.ply --hands hands

    --debug tells the traceback of an error too.
    """

    samples: str
    """The folder that sample_per_part.py wrote."""
    out: str | None = None
    """The file to write; by default show.html in that folder, where sampling anew removes it."""
    object: str | None = None
    """The object's mesh (.ply .obj .stl .glb .off); by default the one in the folder; without, points are drawn."""
    truth: str | None = None
    """True contact maps on the same points: .npy of [m, points, 16], values in [0, 1]."""
    hands: str | None = None
    """Fitted hands: a folder with hand_000.glb or .obj and so on, by sample, or one such file."""


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line: `python show_per_part.py --samples DIR [--out FILE.html]`."""
    with told(arguments) as words:
        show(tyro.cli(Showing, args=words))


def show(showing: Showing) -> Path:
    """Writes the page as asked, says where it is, and gives its path. Raises `Mistake`."""
    found = sampled.read(showing.samples)
    path = outs.page(str(Path(showing.samples) / PAGE) if showing.out is None else showing.out)
    beside.held(found, showing.samples)
    truth = None if showing.truth is None else beside.truth(showing.truth, found)
    mesh = beside.surface(found, showing.samples, showing.object)
    hands = [] if showing.hands is None else grips.read(showing.hands, found)
    skin = None if mesh is None else surface(mesh, found.points)
    text = page(Shown(found, beside.area(found.points, mesh), truth, skin, hands))
    _write(path, text)
    print(f"wrote {path} ({path.stat().st_size / 1e6:.1f} MB): open it in a browser; press ? there for its keys")
    return path


def _write(path: Path, text: str) -> None:
    """The file as a whole or not at all."""
    fresh = path.with_name(path.name + ".part")
    try:
        fresh.write_text(text, encoding="utf-8")
        os.replace(fresh, path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise Mistake(f"{path}: cannot be written ({error.strerror}); give another --out") from error
