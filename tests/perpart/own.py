"""Small data folders of every kind, as a person would write them: a ball and a can, held by our own hand"""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import trimesh

from perpart import clouds, contact, hand
from perpart.data import folder as files

SPLITS = ("train", "valid")


def things() -> dict[str, trimesh.Trimesh]:
    """A ball, and a can that lies beside the origin of its file; metres, z up."""
    can = trimesh.creation.cylinder(0.03, 0.12, sections=24).subdivide()
    can.apply_translation([0.2, -0.1, 0.06])
    return {"ball": trimesh.creation.icosphere(3, 0.035), "can": can}


def hands(per: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Joint angles [2 * per, 21] and palm frames [2 * per, 4, 4] of nearly flat hands that lie on the two things."""
    rng = np.random.default_rng(0)
    angles = np.tile(hand.limited(hand.LIMITS[:, 1] * 0.1), (2 * per, 1))
    roots = [_palm_on(spot[:3], spot[3:], rng) for mesh in things().values() for spot in clouds.surface(mesh, per, rng)]
    return (angles + rng.uniform(-0.05, 0.05, angles.shape)).clip(*hand.LIMITS.T), np.stack(roots)


def angles_folder(folder: Path, per: int = 3, **changed: Any) -> Path:
    """Poses."""
    angles, root = hands(per)
    arrays = {"object_of": np.repeat([0, 1], per), "angles": angles, "root": root} | changed
    files.write(folder, "angles", entries(), arrays)
    return folder


def contact_folder(folder: Path, per: int = 3, **changed: Any) -> Path:
    """Maps on the vertices of the meshes."""
    arrays: dict[str, np.ndarray] = {"object_of": np.repeat([0, 1], per)}
    for i, mesh in enumerate(things().values()):
        arrays[f"contact_{i}"] = maps(mesh, per, i)[0]
    files.write(folder, "contact", entries(), arrays | changed)
    return folder


def mesh_folder(folder: Path, per: int = 3, with_joints: bool = True, **changed: Any) -> Path:
    """Skins of our hand, coarse."""
    skin = skins(per)
    if not with_joints:
        del skin["joints"]
    files.write(folder, "mesh", entries(), {"object_of": np.repeat([0, 1], per), **skin} | changed)
    return folder


def entries() -> list[dict[str, Any]]:
    meshes = things().items()
    return [{"name": name, "mesh": mesh, "split": split} for (name, mesh), split in zip(meshes, SPLITS, strict=True)]


def maps(mesh: trimesh.Trimesh, per: int, i: int) -> tuple[np.ndarray, np.ndarray]:
    """Contact [per, V, 16] and part [per, V] of our hands on the vertices of a thing."""
    posed = pose(*(array[i * per : (i + 1) * per] for array in hands(per)))
    points, normals = (torch.from_numpy(np.tile(a, (per, 1, 1))) for a in (mesh.vertices, mesh.vertex_normals))
    touch, part, _ = contact.labels(posed, points, normals)
    return touch.numpy(), part.numpy()


def skins(per: int) -> dict[str, np.ndarray]:
    """Vertices, faces, parts and joints: each part's mesh in its resting shape, moved with its frame."""
    angles, root = hands(per)
    rest, meshes = resting()
    part = np.repeat(np.arange(16), [len(mesh.vertices) for mesh in meshes])
    offset = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
    moved = pose(angles, root).frames.numpy() @ np.linalg.inv(rest.frames.numpy())
    corners = np.concatenate([mesh.vertices for mesh in meshes])
    moved = moved[:, part]
    turn, shift = moved[..., :3, :3], moved[..., :3, 3]
    return {
        "vertices": (np.einsum("gvij,vj->gvi", turn, corners) + shift).astype(np.float32),
        "faces": np.concatenate([mesh.faces + start for mesh, start in zip(meshes, offset, strict=False)]),
        "part": part.astype(np.uint8),
        "joints": pose(angles, root).frames.numpy().astype(np.float32),
    }


@cache
def resting() -> tuple[hand.Posed, list[trimesh.Trimesh]]:
    """A hand at rest, and the meshes of its parts."""
    rest = pose(hand.limited(hand.LIMITS[:, 1] * 0.1)[None], np.eye(4)[None])
    return rest, hand.meshes(rest, 0.006)


def pose(angles: np.ndarray, root: np.ndarray) -> hand.Posed:
    bones = np.tile(hand.MEAN_BONES, (len(angles), 1))
    return hand.pose(*(torch.from_numpy(np.asarray(a, np.float64)) for a in (angles, root, bones)))


def _palm_on(point: np.ndarray, normal: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A wrist frame whose palm lies on the point, 7 cm before the wrist."""
    across = np.cross(normal, rng.normal(size=3))
    across /= np.linalg.norm(across)
    root = np.eye(4)
    root[:3, :3] = np.stack([across, np.cross(normal, across), normal], axis=1)
    root[:3, 3] = point + 0.029 * normal - 0.07 * across
    return root
