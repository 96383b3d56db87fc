"""Writes drawn contact maps as files that other programs read: numpy, PLY, GLB, JSON, PNG

Everything is in metres and in the object's own frame and place, whatever unit its file had, so a map lies on
the object it was drawn for. `meta.json` says this and all else that the arrays cannot say themselves.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from jaxtyping import Float, Int
from trimesh.exchange.ply import export_ply

from perpart import contact as labels
from perpart import outs, picture
from perpart.colours import DIGITS, digit, paint
from perpart.glb import Canvas
from perpart.hand import PARTS

FORMAT = 1
META = "meta.json"
SURFACE = "surface.ply"
PAGE = "show.html"
"""What show_per_part.py writes beside the maps; a page of other maps must not stay."""


@dataclass(frozen=True)
class Drawn:
    """n samples on one object: its points and unit normals (m), and what the model says of each point."""

    points: Float[np.ndarray, "points 6"]
    contact: Float[np.ndarray, "n points 16"]
    part: Int[np.ndarray, "n points"]
    direction: Float[np.ndarray, "n points 3"]


def write(
    folder: str | Path, drawn: Drawn, mesh: trimesh.Trimesh | None, title: str, facts: dict[str, Any]
) -> list[Path]:
    """Writes all files of one sampling and gives their paths.

    `facts` (where the samples come from: seed, checkpoint, object) join the constants in meta.json. Files of
    an earlier sampling in the same folder are replaced once all is written, also those with no successor; other
    files are left alone. Raises `Mistake` if the folder is a file or cannot be written.
    """
    folder = Path(folder)
    with outs.replaced(folder, META, "sampling", PAGE) as fresh:
        arrays = _arrays(fresh, drawn)
        clouds = [_cloud(fresh / f"sample_{k:03d}.ply", drawn, k) for k in range(len(drawn.contact))]
        surfaces = _surfaces(fresh, drawn, mesh)
        sheet = fresh / "sheet.png"
        picture.sheet(sheet, drawn.points, drawn.contact, mesh, title)
        whole = [] if mesh is None else [_whole(fresh / SURFACE, mesh)]
        names = [path.name for path in (*arrays, *clouds, *surfaces, *whole, sheet, fresh / META)]
        (fresh / META).write_text(json.dumps({**_constants(drawn), **facts, "files": names}, indent=2) + "\n")
    return [folder / name for name in names]


def _arrays(folder: Path, drawn: Drawn) -> list[Path]:
    arrays = {
        "contact_maps.npy": drawn.contact.astype(np.float32),
        "points.npy": drawn.points.astype(np.float32),
        "part_map.npy": drawn.part.astype(np.int64),
        "uv_map.npy": drawn.direction.astype(np.float32),
    }
    for name, array in arrays.items():
        np.save(folder / name, array)
    return [folder / name for name in arrays]


def _cloud(path: Path, drawn: Drawn, k: int) -> Path:
    """One sample as a binary PLY: points, normals, colours, the nearest part, and contact_<part> for every part."""
    columns = {name: drawn.points[:, i] for i, name in enumerate(("x", "y", "z", "nx", "ny", "nz"))}
    colours = np.round(255 * np.clip(paint(drawn.contact[k]), 0, 1))
    columns |= {name: colours[:, i] for i, name in enumerate(("red", "green", "blue"))}
    columns |= {"part": drawn.part[k]}
    columns |= {f"contact_{part}": drawn.contact[k, :, i] for i, part in enumerate(PARTS)}
    kinds = {name: "u1" if name in ("red", "green", "blue", "part") else "<f4" for name in columns}
    table = np.empty(len(drawn.points), dtype=list(kinds.items()))
    for name, column in columns.items():
        table[name] = column
    lines = [f"property {'uchar' if kind == 'u1' else 'float'} {name}" for name, kind in kinds.items()]
    head = ["ply", "format binary_little_endian 1.0", "comment unit metre", f"element vertex {len(table)}"]
    path.write_bytes("\n".join([*head, *lines, "end_header", ""]).encode() + table.tobytes())
    return path


def _surfaces(folder: Path, drawn: Drawn, mesh: trimesh.Trimesh | None) -> list[Path]:
    """Each sample as a GLB: the object, painted."""
    canvas, paths = Canvas(drawn.points, mesh), []
    for k, contact in enumerate(drawn.contact):
        paths.append(folder / f"sample_{k:03d}.glb")
        paths[-1].write_bytes(canvas.painted(paint(contact)))
    return paths


def _whole(path: Path, mesh: trimesh.Trimesh) -> Path:
    """The object's own mesh, in metres and in its place, for whoever looks at the maps."""
    path.write_bytes(export_ply(trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)))
    return path


def _constants(drawn: Drawn) -> dict[str, Any]:
    n, points = drawn.part.shape
    return {
        "format": FORMAT,
        "n": n,
        "points": points,
        "unit": "m",
        "frame": (
            "points are in the frame and place of the object's file, brought to metres; the model saw them with the "
            "centre of the bounding box moved to the origin, axes unchanged, and was trained on objects with z up"
        ),
        "parts": list(PARTS),
        "digits": {name: [i for i, part in enumerate(PARTS) if digit(part) == name] for name in DIGITS},
        "arrays": {
            "contact_maps.npy": "[n, points, 16] float32 in [0, 1]: contact of each part, in the order of `parts`",
            "points.npy": "[points, 6] float32: x y z (m) and the outward unit normal",
            "part_map.npy": "[n, points] int64: index of the nearest part",
            "uv_map.npy": "[n, points, 3] float32: unit vector from the nearest part's joint to the point, in the "
            "joint's axes",
        },
        "contact": {
            "definition": "clamp(1 / (gap / scale + 1e-4), 0, 1), faded linearly to 0 between the two ends of fade; "
            "gap is from the part's nearest point to the segment along the normal, from above to below the point",
            "scale_m": labels.SCALE,
            "above_m": labels.ABOVE,
            "below_m": labels.BELOW,
            "fade_m": list(labels.FADE),
        },
    }
