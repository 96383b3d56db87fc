"""Writes hands for other programs: OBJ, GLB, numpy"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from trimesh.exchange.gltf import export_glb
from trimesh.visual.material import PBRMaterial
from trimesh.visual.texture import TextureVisuals

from perpart import hand, outs
from perpart.colours import colour
from perpart.fits.solve import Fits
from perpart.hand import ANGLES, BONES, PARTS
from perpart.hands import Hands

RECORD, SHEET = "fit.json", "fits.png"


def write(folder: Path, hands: Hands, fits: Fits, record: dict[str, Any]) -> list[Path]:
    """Write all hands, their numbers and the record in the place of an earlier fit's, and give the paths. Raises
    Mistake where that cannot be."""
    with outs.replaced(folder, RECORD, "fit", SHEET) as fresh:
        files = [path for i in range(len(hands)) for path in _hand(fresh, f"hand_{i:03d}", hands.posed[i : i + 1])]
        files.append(fresh / "hands.npz")
        np.savez(files[-1], angles=hands.angles, root=hands.root, bones=hands.bones, cost=fits.cost,
                 angle_names=ANGLES, bone_names=BONES, part_names=PARTS)  # fmt: skip
        names = [path.name for path in files]
        (fresh / RECORD).write_text(json.dumps({**record, "files": names}, indent=2) + "\n")
    return [folder / name for name in (*names, RECORD)]


def _hand(folder: Path, name: str, posed: hand.Posed) -> list[Path]:
    """One hand twice: as OBJ with its materials, and as GLB; a mesh and a material for each part, named by it."""
    meshes = hand.meshes(posed)
    obj, mtl, glb = (folder / f"{name}.{suffix}" for suffix in ("obj", "mtl", "glb"))
    mtl.write_text("".join(f"newmtl {part}\nKd {_numbers(colour(part))}\n" for part in PARTS))
    obj.write_text("\n".join([f"# metres; one group per part\nmtllib {mtl.name}", *_groups(meshes), ""]))
    scene = trimesh.Scene()
    for part, mesh in zip(PARTS, meshes, strict=True):
        paint = PBRMaterial(name=part, baseColorFactor=[*colour(part), 1.0], metallicFactor=0.0, roughnessFactor=0.7)
        mesh.visual = TextureVisuals(material=paint)
        scene.add_geometry(mesh, node_name=part, geom_name=part)
    glb.write_bytes(export_glb(scene))
    return [obj, mtl, glb]


def _groups(meshes: Sequence[trimesh.Trimesh]) -> list[str]:
    lines, first = [], 1
    for part, mesh in zip(PARTS, meshes, strict=True):
        lines += [f"g {part}", f"usemtl {part}"]
        lines += [f"v {_numbers(vertex)}" for vertex in mesh.vertices]
        lines += ["f {} {} {}".format(*(face + first)) for face in mesh.faces]
        first += len(mesh.vertices)
    return lines


def _numbers(values: Sequence[float] | np.ndarray) -> str:
    return " ".join(f"{value:.6f}" for value in values)
