"""MANO: read from a file in its format, posed as a formula written another way says, divided into our parts"""

import os
import pickle

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from perpart import hand
from perpart.data import mano
from perpart.errors import Mistake
from tests.perpart.borrowed import PARENTS, Python2, mano_file, model, turns

HAND = model()


@pytest.fixture(scope="module")
def read(tmp_path_factory) -> mano.Mano:
    return mano.read(mano_file(tmp_path_factory.mktemp("mano") / "MANO_RIGHT.pkl", HAND))


def slowly(turn: np.ndarray, shift: np.ndarray, template: np.ndarray, vertices: range) -> tuple[np.ndarray, np.ndarray]:
    """Some vertices, and the joints' matrices, of one hand: a joint moves by (where it is)(where it was)^-1."""
    joints = HAND["J_regressor"] @ template

    def now(joint: int) -> np.ndarray:
        matrix = np.eye(4)
        matrix[:3, :3] = turn[joint]
        parent = PARENTS[joint]
        matrix[:3, 3] = joints[joint] - (joints[parent] if parent >= 0 else 0)
        return now(parent) @ matrix if parent >= 0 else matrix

    moves = []
    for joint in range(16):
        before = np.eye(4)
        before[:3, 3] = joints[joint]
        moves.append(now(joint) @ np.linalg.inv(before))
    feature = np.concatenate([(turn[joint] - np.eye(3)).ravel() for joint in range(1, 16)])
    found = []
    for v in vertices:
        corrected = np.append(template[v] + HAND["posedirs"][v] @ feature, 1)
        found.append(sum(HAND["weights"][v, k] * moves[k] @ corrected for k in range(16))[:3] + shift)
    return np.array(found), np.array([now(joint) for joint in range(16)])


def test_posed_vertices_and_joints_are_those_of_the_slow_formula(read):
    rng = np.random.default_rng(2)
    turn, shift = turns(rng, 5, 16), rng.normal(size=(5, 3))
    shape = HAND["v_template"] * rng.uniform(0.9, 1.1, (5, 1, 1))
    vertices, frames = read.pose(turn, shift, shape)
    some = range(0, 778, 7)
    for i in range(5):
        expected, joints = slowly(turn[i], shift[i], shape[i], some)
        np.testing.assert_allclose(vertices[i, some], expected, atol=1e-12)
        np.testing.assert_allclose(frames[i, :, :3, 3], joints[mano.FROM_MANO, :3, 3] + shift[i], atol=1e-12)
        rest = mano.axes((HAND["J_regressor"] @ shape[i])[None])[0]
        np.testing.assert_allclose(frames[i, :, :3, :3], (joints[:, :3, :3] @ rest)[mano.FROM_MANO], atol=1e-12)


def test_a_hand_that_nothing_bends_is_its_shape(read):
    still = np.tile(np.eye(3), (1, 16, 1, 1))
    vertices, _ = read.pose(still, np.zeros((1, 3)), read.template[None])
    np.testing.assert_allclose(vertices[0], HAND["v_template"], atol=1e-15)


def test_a_vertex_is_of_the_part_that_it_follows_most_in_our_order(read):
    mine = {"palm": 0, "index1": 1, "middle1": 4, "little1": 7, "ring1": 10, "thumb1": 13, "thumb3": 15}
    for name, theirs in mine.items():
        following = np.flatnonzero(HAND["weights"].argmax(1) == theirs)
        assert len(following)
        assert (read.part[following] == hand.PARTS.index(name)).all()
    assert set(read.part) == set(range(16))


def test_the_parts_are_permuted_as_their_names_are():
    theirs = [
        "palm",
        *(f"{digit}{bone}" for digit in ("index", "middle", "little", "ring", "thumb") for bone in (1, 2, 3)),
    ]
    assert [theirs[i] for i in mano.FROM_MANO] == list(hand.PARTS)


def test_frames_at_rest_lead_along_the_bones_and_have_the_back_of_the_hand_above(read):
    still = np.tile(np.eye(3), (1, 16, 1, 1))
    frames = read.pose(still, np.zeros((1, 3)), read.template[None])[1][0]
    turn = frames[:, :3, :3]
    np.testing.assert_allclose(turn @ turn.transpose(0, 2, 1), np.tile(np.eye(3), (16, 1, 1)), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(turn), 1)
    for part in (1, 2, 4, 5, 7, 8, 10, 11, 13, 14):
        bone = frames[part + 1, :3, 3] - frames[part, :3, 3]
        np.testing.assert_allclose(turn[part, :, 0], bone / np.linalg.norm(bone), atol=1e-12)
    up, thumbs_side = np.array([0, 1, 0]), np.array([0, 0, 1])
    assert (turn[[0, *range(4, 16)], :, 2] @ up > 0.95).all()
    assert (turn[[0, *range(4, 16)], :, 1] @ thumbs_side > 0.95).all()


def test_our_own_hand_at_rest_gets_the_axes_it_has():
    """Put our hand's joints in the place of MANO's: what is found from them must be what our hand says."""
    angles = torch.zeros(1, len(hand.ANGLES), dtype=torch.float64)
    for name, degrees in {"thumb_cmc_palmar": 30, "thumb_cmc_radial": 40}.items():
        angles[0, hand.ANGLES.index(name)] = np.radians(degrees)
    root = torch.eye(4, dtype=torch.float64)[None]
    root[0, :3, :3] = torch.tensor(Rotation.from_euler("xyz", (0.3, -1, 2)).as_matrix())
    ours = hand.pose(angles, root, torch.tensor(hand.MEAN_BONES)[None]).frames[0].numpy()
    found = mano.axes(ours[np.argsort(mano.FROM_MANO), :3, 3][None])[0][mano.FROM_MANO]
    off = Rotation.from_matrix(found.transpose(0, 2, 1) @ ours[:, :3, :3]).magnitude()
    assert (np.degrees(off) < 12).all()  # the fingers' own roll, and where the middle's knuckle is
    assert np.degrees(off[1:4]).max() < 6


def test_a_bent_joint_takes_its_axes_along(read):
    rng = np.random.default_rng(4)
    still = np.tile(np.eye(3), (1, 16, 1, 1))
    turned = still.copy()
    turned[:, 0] = turns(rng, 1)
    before, after = (read.pose(t, np.zeros((1, 3)), read.template[None])[1][0] for t in (still, turned))
    np.testing.assert_allclose(after[:, :3, :3], turned[0, 0] @ before[:, :3, :3], atol=1e-12)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"weights": None}, "weights is missing"),
        ({"v_template": np.zeros((777, 3))}, r"v_template has the shape \(777, 3\), not \(778, 3\)"),
        ({"posedirs": np.zeros((778, 3, 207))}, r"posedirs has the shape \(778, 3, 207\), not"),
        ({"v_template": np.full((778, 3), np.nan)}, "v_template is not finite numbers"),
        ({"kintree_table": np.zeros((2, 16), np.int64)}, "hang on one another in another way"),
        ({"f": np.full((1538, 3), 778)}, "faces are of vertices that it does not have"),
    ],
)
def test_a_file_of_something_else_is_told_in_one_line(tmp_path, change, told):
    held = {name: value for name, value in (HAND | change).items() if value is not None}
    (tmp_path / "x.pkl").write_bytes(Python2(held).data)
    with pytest.raises(Mistake, match=told) as caught:
        mano.read(tmp_path / "x.pkl")
    assert "\n" not in str(caught.value)


def test_a_cut_file_and_a_hostile_one_are_refused(tmp_path):
    whole = mano_file(tmp_path / "MANO_RIGHT.pkl", HAND)
    (tmp_path / "cut.pkl").write_bytes(whole.read_bytes()[:-1000])
    with pytest.raises(Mistake, match=r"cut\.pkl: is not a whole pickle"):
        mano.read(tmp_path / "cut.pkl")
    (tmp_path / "evil.pkl").write_bytes(pickle.dumps(HAND | {"v_template": Evil()}))
    with pytest.raises(Mistake, match=r"names posix\.system.*nothing ran"):
        mano.read(tmp_path / "evil.pkl")


class Evil:
    def __reduce__(self):
        return os.system, ("exit 1",)
