"""MANO, a hand of 778 vertices: read from a person's own file, posed by rotation matrices, divided into our parts

MANO (Romero, Tzionas & Black, 2017) is licensed to each person by its makers, so no file of it is here: `read` takes
the `MANO_RIGHT.pkl` that one has. Vertices follow sixteen joints by linear blend skinning, after correctives that are
linear in the rotations minus the identity. Its joints come as palm, index, middle, little, ring, thumb.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from perpart.anatomy import PRONATION
from perpart.data import pickles
from perpart.data.order import MANO
from perpart.errors import Mistake

FROM_MANO = np.array(MANO)
"""Our part k is MANO's FROM_MANO[k]: `ours = theirs[FROM_MANO]`."""
PARENTS = (0, 0, 1, 2, 0, 4, 5, 0, 7, 8, 0, 10, 11, 0, 13, 14)
"""Which joint each of MANO's joints hangs on; the first one hangs on nothing."""
SHAPES = {
    "v_template": (778, 3),
    "posedirs": (778, 3, 135),
    "J_regressor": (16, 778),
    "weights": (778, 16),
    "kintree_table": (2, 16),
    "f": (1538, 3),
}
"""What is used of the file (version 1.2), and how large it must be. Its shape basis is not: each person's hand of
GRAB comes as vertices."""


@dataclass(frozen=True)
class Mano:
    """The hand of a MANO file. Metres; joints and weights in MANO's order."""

    template: Float[np.ndarray, "778 3"]
    correctives: Float[np.ndarray, "778 3 135"]
    regressor: Float[np.ndarray, "16 778"]
    weights: Float[np.ndarray, "778 16"]
    faces: Int[np.ndarray, "1538 3"]  # open at the wrist

    @property
    def part(self) -> Int[np.ndarray, "778"]:
        """Per vertex: the part, in our order, that it follows most."""
        return np.argsort(FROM_MANO)[self.weights.argmax(1)]

    def pose(
        self,
        rotations: Float[np.ndarray, "batch 16 3 3"],
        translation: Float[np.ndarray, "batch 3"],
        shape: Float[np.ndarray, "batch 778 3"],
    ) -> tuple[Float[np.ndarray, "batch 778 3"], Float[np.ndarray, "batch 16 4 4"]]:
        """Vertices (m) of posed hands, and the frames of their joints, both in our order of parts.

        Rotations are of each joint in its parent's axes, in MANO's order, the first one of the whole hand about its
        wrist; translation is added at the end. `shape` is the hand at rest of whoever holds (`template`, or a
        person's own). The frames have our hand's axes: +x along the bone, +z out of the back.
        """
        joints = self.regressor @ shape
        moved = chained(rotations, joints)
        bend = (rotations[:, 1:] - np.eye(3)).reshape(len(rotations), -1)
        corrected = shape + (bend @ self.correctives.reshape(-1, bend.shape[1]).T).reshape(shape.shape)
        # Each joint moves a vertex from where it is at rest: first to the joint, then along with it.
        moves = moved[:, :, :3].copy()
        moves[..., 3] -= np.einsum("bjxy,bjy->bjx", moved[..., :3, :3], joints)
        blended = (self.weights @ moves.reshape(-1, 16, 12)).reshape(*shape.shape[:2], 3, 4)
        vertices = np.einsum("bvxy,bvy->bvx", blended[..., :3], corrected) + blended[..., 3]
        moved[..., :3, :3] = moved[..., :3, :3] @ axes(joints)
        moved[..., :3, 3] += translation[:, None]
        return vertices + translation[:, None], moved[:, FROM_MANO]


def read(path: Path) -> Mano:
    """The hand of a person's own MANO file, of which nothing is run. Raises Mistake when it is not such a file."""
    held = pickles.read(path, SHAPES)
    arrays = {name: _array(path, held, name) for name in SHAPES}
    if tuple(arrays["kintree_table"][0, 1:].astype(np.int64)) != PARENTS[1:]:
        raise Mistake(f"{path}: its joints hang on one another in another way than MANO's; give MANO_RIGHT.pkl")
    faces = arrays["f"].astype(np.int64)
    if faces.min() < 0 or faces.max() >= len(arrays["v_template"]):
        raise Mistake(f"{path}: its faces are of vertices that it does not have; give MANO_RIGHT.pkl")
    template, correctives, regressor, weights = (
        arrays[name].astype(np.float64) for name in ("v_template", "posedirs", "J_regressor", "weights")
    )
    return Mano(template, correctives, regressor, weights, faces)


def _array(path: Path, held: dict, name: str) -> np.ndarray:
    array = held.get(name)
    if not isinstance(array, np.ndarray) or array.shape != SHAPES[name]:
        found = "is missing" if array is None else f"has the shape {np.shape(array)}, not {SHAPES[name]}"
        raise Mistake(f"{path}: {name} {found}; give the MANO_RIGHT.pkl of MANO version 1.2")
    if array.dtype.kind not in "iuf" or not np.isfinite(array).all():
        raise Mistake(f"{path}: {name} is not finite numbers; give the MANO_RIGHT.pkl of MANO version 1.2")
    return array


def chained(
    rotations: Float[np.ndarray, "batch 16 3 3"], joints: Float[np.ndarray, "batch 16 3"]
) -> Float[np.ndarray, "batch 16 4 4"]:
    """The joints' frames after each has turned in its parent's: identity where nothing turns, but for the place."""
    local = np.tile(np.eye(4), (*joints.shape[:2], 1, 1))
    local[..., :3, :3] = rotations
    local[:, 0, :3, 3] = joints[:, 0]
    local[:, 1:, :3, 3] = joints[:, 1:] - joints[:, list(PARENTS[1:])]
    for joint in range(1, 16):
        local[:, joint] = local[:, PARENTS[joint]] @ local[:, joint]
    return local


def axes(joints: Float[np.ndarray, "batch 16 3"]) -> Float[np.ndarray, "batch 16 3 3"]:
    """Our hand's axes at each of MANO's joints at rest, as columns, so that directions mean the same in both hands.

    The palm's +x leads from the wrist to the knuckle of the middle finger, +y to the thumb's side. A digit's first
    bone is turned as our hand would turn it to point there, the thumb rolled by its PRONATION; the bones behind keep
    its +y as well as they can, and the last one, which has no joint at its end, is taken to go on straight.
    """
    along = np.empty_like(joints)
    along[:, 0] = joints[:, 4] - joints[:, 0]
    for first in range(1, 16, 3):
        along[:, first : first + 2] = joints[:, first + 1 : first + 3] - joints[:, first : first + 2]
        along[:, first + 2] = along[:, first + 1]
    found = np.empty((*joints.shape, 3))
    found[:, 0] = _frame(along[:, 0], joints[:, 1] - joints[:, 7])
    for joint in range(1, 16):
        before = found[:, PARENTS[joint]]
        aside = _aside(before, along[:, joint], thumb=joint == 13) if PARENTS[joint] == 0 else before[..., 1]
        found[:, joint] = _frame(along[:, joint], aside)
    return found


def _aside(palm: Float[np.ndarray, "batch 3 3"], along: Float[np.ndarray, "batch 3"], thumb: bool) -> np.ndarray:
    """The +y of a digit's first bone that leaves the palm this way: turned about z, then y, then about itself."""
    x, y, z = np.einsum("bij,bi->jb", palm, along / np.linalg.norm(along, axis=-1, keepdims=True))
    offset, per_angle = PRONATION
    turn, dip = np.arctan2(y, x), -np.arcsin(z)
    roll = -(np.radians(offset) + per_angle * dip) if thumb else np.zeros_like(dip)
    level = np.stack([-np.sin(turn), np.cos(turn), np.zeros_like(turn)], -1)
    down = np.stack([np.sin(dip) * np.cos(turn), np.sin(dip) * np.sin(turn), np.cos(dip)], -1)
    return np.einsum("bij,bj->bi", palm, np.cos(roll)[:, None] * level + np.sin(roll)[:, None] * down)


def _frame(along: Float[np.ndarray, "batch 3"], aside: Float[np.ndarray, "batch 3"]) -> Float[np.ndarray, "batch 3 3"]:
    """The rotation whose +x is along and whose +y is as near to aside as can be."""
    x = along / np.linalg.norm(along, axis=-1, keepdims=True)
    z = np.cross(x, aside)
    z /= np.linalg.norm(z, axis=-1, keepdims=True)
    return np.stack([x, np.cross(z, x), z], -1)
