"""Contact maps that are invented and look like such: every part touches around a spot of its own"""

from pathlib import Path

import numpy as np
import torch
import trimesh
from trimesh.visual import TextureVisuals
from trimesh.visual.material import PBRMaterial

from perpart import clouds
from perpart.export import Drawn, write
from perpart.hand import LIMITS, MEAN_BONES, PARTS, meshes, pose
from perpart.objects import build
from perpart.sampled import Sampled

MUG = build("mug", 0).mesh
META = {"unit": "m", "parts": list(PARTS), "object": "mug.ply", "object_unit": "m", "seed": 3, "epoch": 7}


def drawn(n: int, points: int, seed: int = 0) -> Drawn:
    """n samples on a mug; contact is 1 within 5 mm of a part's spot and 0 beyond 15."""
    rng = np.random.default_rng(seed)
    cloud = clouds.surface(MUG, points, rng).astype(np.float32)
    spots = cloud[rng.integers(points, size=(n, 16)), :3]
    gap = np.linalg.norm(cloud[None, :, None, :3] - spots[:, None], axis=3)
    direction = np.tile(cloud[:, 3:], (n, 1, 1))
    return Drawn(cloud, np.clip(1.5 - gap / 0.01, 0, 1).astype(np.float32), gap.argmin(axis=2), direction)


def found(n: int, points: int) -> Sampled:
    """The same as `drawn`, as it is read from a folder."""
    made = drawn(n, points)
    return Sampled(made.points, made.contact, made.part, made.direction, META)


def folder(place: Path, n: int, points: int) -> Path:
    """A sampling folder."""
    write(place, drawn(n, points), MUG, "mug", {"object": "mug.ply", "object_unit": "m", "seed": 3})
    return place


def hand(path: Path, angle: float = 0.4) -> Path:
    """A fitted hand as a file: a mesh and a material for each part, named as it."""
    one = [torch.as_tensor(a[None], dtype=torch.float64) for a in (LIMITS[:, 1] * angle, np.eye(4), MEAN_BONES)]
    parts = dict(zip(PARTS, meshes(pose(*one), step=0.004), strict=True))
    return _groups(path, parts) if path.suffix == ".obj" else _scene(path, parts)


def _scene(path: Path, parts: dict[str, trimesh.Trimesh]) -> Path:
    scene = trimesh.Scene()
    for part, mesh in parts.items():
        mesh.visual = TextureVisuals(material=PBRMaterial(name=part))
        scene.add_geometry(mesh, node_name=part, geom_name=part)
    scene.export(path)
    return path


def _groups(path: Path, parts: dict[str, trimesh.Trimesh]) -> Path:
    path.with_suffix(".mtl").write_text("".join(f"newmtl {part}\nKd 0.5 0.5 0.5\n" for part in parts))
    lines, first = [f"mtllib {path.stem}.mtl"], 1
    for part, mesh in parts.items():
        corners = ["v {:.6f} {:.6f} {:.6f}".format(*corner) for corner in mesh.vertices]
        lines += [
            f"g {part}",
            f"usemtl {part}",
            *corners,
            *("f {} {} {}".format(*(face + first)) for face in mesh.faces),
        ]
        first += len(mesh.vertices)
    path.write_text("\n".join([*lines, ""]))
    return path
