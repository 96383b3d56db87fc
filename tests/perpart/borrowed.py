"""Files in the formats of MANO and GRAB, of a hand that is made up here: nobody's licence is on them"""

import struct
from pathlib import Path

import numpy as np
import trimesh
from scipy.sparse import csc_matrix
from scipy.spatial.transform import Rotation

PARENTS = (-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 0, 10, 11, 0, 13, 14)


class Python2:
    """Writes a pickle as Python 2 wrote it: texts are bytes, numpy and scipy are where they were then."""

    def __init__(self, value):
        self.data = b"\x80\x02" + self.told(value) + b"."

    def told(self, value) -> bytes:
        """The instructions that make a value."""
        match value:
            case np.ndarray():
                made = self.array(value)
            case csc_matrix():
                parts = {"_shape": value.shape, "data": value.data, "indices": value.indices, "indptr": value.indptr}
                made = self.instance("scipy.sparse.csc", "csc_matrix", {"format": "csc", "maxprint": 50, **parts})
            case Node():
                made = self.instance(*value)
            case dict():
                made = b"}(" + b"".join(self.told(key) + self.told(part) for key, part in value.items()) + b"u"
            case tuple():
                made = b"(" + b"".join(map(self.told, value)) + b"t"
            case set():
                made = b"c__builtin__\nset\n(](" + b"".join(map(self.told, value)) + b"etR"
            case str():
                made = b"T" + struct.pack("<I", len(value)) + value.encode("latin1")
            case _:
                made = b"J" + struct.pack("<i", value)
        return made

    def instance(self, module: str, name: str, state: dict) -> bytes:
        """An object of a class, made empty and filled."""
        return f"c{module}\n{name}\n".encode() + b")\x81" + self.told(state) + b"b"

    def array(self, value: np.ndarray) -> bytes:
        """An array as numpy reduces it."""
        columns_first = value.ndim > 1 and value.flags.f_contiguous
        dtype = b"cnumpy\ndtype\n" + self.told((value.dtype.str[1:], 0, 1)) + b"R"
        dtype += b"(" + self.told(3) + self.told("<") + b"NNN" + self.told(-1) + self.told(-1) + self.told(0) + b"tb"
        raw = value.tobytes("A").decode("latin1")
        empty = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n" + self.told((0,)) + self.told("b") + b"tR"
        state = self.told(1) + self.told(value.shape) + dtype + (b"\x88" if columns_first else b"\x89") + self.told(raw)
        return empty + b"(" + state + b"tb"


class Node(tuple):
    """An object of a class that is not here: module, name and state."""


def model(seed: int = 0) -> dict[str, np.ndarray]:
    """A right hand of 778 points strung along its bones, at rest as MANO is: fingers -x, thumb +z, back +y.

    Each part has 48 points, of which the first 8 lie about its joint; the palm has ten more.
    """
    rng = np.random.default_rng(seed)
    joints = np.zeros((16, 3))
    for first, z, start in ((1, 0.025, -0.09), (4, 0.0, -0.095), (7, -0.04, -0.08), (10, -0.02, -0.09)):
        joints[first : first + 3] = [[start - reach, 0, z] for reach in (0, 0.035, 0.06)]
    joints[13:16] = [[-0.02, -0.01, 0.02], [-0.045, -0.02, 0.045], [-0.065, -0.025, 0.065]]
    joints += [0.095, 0.006, 0.006]
    along = np.array([joints[k + 1] - joints[k] if k % 3 else joints[k] - joints[k - 1] for k in range(1, 16)])
    share = np.sort(rng.random((15, 40, 1)), axis=1)
    bones = joints[1:, None] + share * along[:, None] + 0.005 * rng.normal(size=(15, 40, 3))
    palm = joints[0] + rng.random((50, 1)) * (joints[rng.choice([1, 4, 7, 10, 13], 50)] - joints[0])
    rings = 0.006 * rng.normal(size=(16, 8, 3))
    rings += joints[:, None] - rings.mean(1, keepdims=True)
    points = [np.concatenate([rings[k], palm[:40] if k == 0 else bones[k - 1]]) for k in range(16)]
    regressor = np.zeros((16, 778))
    for joint in range(16):
        regressor[joint, 48 * joint : 48 * joint + 8] = 1 / 8
    part = np.concatenate([np.repeat(np.arange(16), 48), np.zeros(10, int)])
    weights = 0.4 * rng.dirichlet(np.full(16, 0.1), 778)
    weights[np.arange(778), part] += 0.6
    return {
        "v_template": np.concatenate([*points, palm[40:]]),
        "posedirs": 0.0005 * rng.normal(size=(778, 3, 135)),
        "J_regressor": regressor,
        "weights": weights,
        "kintree_table": np.array([(2**32 - 1, *PARENTS[1:]), range(16)], np.uint32),
        "f": (48 * (np.arange(1538) % 16)[:, None] + rng.integers(0, 48, (1538, 3))).astype(np.uint32),
    }


def mano_file(path: Path, hand: dict[str, np.ndarray]) -> Path:
    """A file as MANO's: a pickle of Python 2, a sparse regressor, a shape basis cut out of a chumpy array."""
    basis = Node(("chumpy.ch", "Ch", {"x": np.zeros((4, 3)), "_dirty_vars": {"x"}, "_itr": 0}))
    whole = {
        **hand,
        "J_regressor": csc_matrix(hand["J_regressor"]),
        "posedirs": np.asfortranarray(hand["posedirs"]),
        "weights": Node(("chumpy.ch", "Ch", {"x": hand["weights"], "_dirty_vars": set()})),
        "shapedirs": Node(("chumpy.reordering", "Select", {"a": basis, "idxs": np.arange(3), "preferred_shape": (3,)})),
        "bs_type": "lrotmin",
        "bs_style": "lbs",
    }
    path.write_bytes(Python2(whole).data)
    return path


def turns(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Random rotations [*shape, 3, 3]."""
    return Rotation.random(int(np.prod(shape)), random_state=rng.integers(2**32)).as_matrix().reshape(*shape, 3, 3)


def bent(rng: np.random.Generator, count: int) -> np.ndarray:
    """Joint rotations [count, 15, 3, 3] of hands that hold: all bent by 10 to 50 degrees, about axes a little off."""
    axis = rng.normal((0, 0, 1), 0.1, (count, 15, 3))
    vectors = axis * np.radians(rng.uniform(10, 50, (count, 15, 1)))
    return Rotation.from_rotvec(vectors.reshape(-1, 3)).as_matrix().reshape(count, 15, 3, 3)


NAMES = {
    "train": (
        "train/data/s1/mug_lift/0001.npz",
        "train/data/s10/ball_pass_1/0007.npz",
        "train/data/s1/mug_drink/0002.npz",
    ),
    "val": ("val/data/s2/apple_eat_1/0003.npz",),
    "test": ("test/data/s1/cup_lift/0001.npz", "test/data/s2/cup_lift/0009.npz"),
}


def grab_folder(path: Path, hand: dict[str, np.ndarray]) -> Path:
    """A folder as ContactGen reads it: six frames of four objects, held by three people of different shape."""
    rng = np.random.default_rng(1)
    people = {
        person: {"gender": "male", "rh_vtemp": hand["v_template"] * size, "rh_betas": np.zeros(10)}
        for person, size in (("s1", 1.0), ("s2", 1.1), ("s10", 0.95))
    }
    (path / "obj_meshes").mkdir(parents=True)
    np.save(path / "sbj_info.npy", np.array(people, dtype=object), allow_pickle=True)
    for size, name in enumerate(("mug", "ball", "apple", "cup")):
        mesh = trimesh.creation.box((0.05, 0.07, 0.06 + 0.01 * size)).apply_translation((0.02, 0.01, -0.03))
        mesh.export(path / "obj_meshes" / f"{name}.ply")
    for split, names in NAMES.items():
        count = len(names)
        (path / split).mkdir()
        np.savez(path / split / "frame_names.npz", frame_names=np.array(names))
        np.savez(
            path / split / f"grabnet_{split}.npz",
            root_orient_obj_rotmat=turns(rng, count, 1).astype(np.float32),
            trans_obj=rng.normal(0, 0.1, (count, 3)).astype(np.float32),
            global_orient_rhand_rotmat=turns(rng, count, 1).astype(np.float32),
            fpose_rhand_rotmat=bent(rng, count).astype(np.float32),
            trans_rhand=rng.normal(0, 0.1, (count, 3)).astype(np.float32),
            verts_rhand=np.zeros((count, 1)),
        )
    return path
