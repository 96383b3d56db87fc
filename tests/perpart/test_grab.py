"""GRAB comes in: a folder in its format, of a made-up hand and made-up objects, becomes a data folder of ours"""

import json
import os
import shutil

import numpy as np
import pytest
import trimesh
from scipy.spatial.distance import cdist

from perpart.data import grab, kinds, mano
from perpart.data.__main__ import main
from perpart.data.dataset import Contacts
from perpart.errors import Mistake
from tests.perpart.borrowed import NAMES, grab_folder, mano_file, model

HAND = model()
ORDER = [(split, i) for split in ("train", "val", "test") for i in range(len(NAMES[split]))]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The source folder, the MANO file, and what they were brought into."""
    folder = tmp_path_factory.mktemp("grab")
    source, file = grab_folder(folder / "grab_data", HAND), mano_file(folder / "MANO_RIGHT.pkl", HAND)
    said = grab.bring(source, file, folder / "out")
    return source, file, folder / "out", said


@pytest.fixture
def source(whole, tmp_path):
    """A copy of the source folder, to spoil."""
    return shutil.copytree(whole[0], tmp_path / "grab_data")


def brought(out) -> tuple[dict, dict]:
    with np.load(out / "grasps.npz", allow_pickle=False) as file:
        return json.loads((out / "grasps.json").read_text()), dict(file)


def test_the_folder_says_what_it_holds(whole):
    said, arrays = brought(whole[2])
    assert said["format"] == "perpart-grasps"
    assert (said["version"], said["kind"], said["unit"], said["up"]) == (1, "mesh", "m", "z")
    assert said["objects"] == [
        {"name": "ball", "mesh": "objects/ball.ply", "split": "train"},
        {"name": "mug", "mesh": "objects/mug.ply", "split": "train"},
        {"name": "apple", "mesh": "objects/apple.ply", "split": "valid"},
        {"name": "cup", "mesh": "objects/cup.ply", "split": "test"},
    ]
    assert {name: (array.dtype.str, array.shape) for name, array in arrays.items()} == {
        "object_of": ("<i4", (6,)),
        "vertices": ("<f4", (6, 778, 3)),
        "joints": ("<f4", (6, 16, 4, 4)),
        "faces": ("<i4", (1538, 3)),
        "part": ("|u1", (778,)),
    }
    assert arrays["object_of"].tolist() == [1, 0, 1, 2, 3, 3]
    for name in ("ball", "mug", "apple", "cup"):
        copy, first = whole[2] / "objects" / f"{name}.ply", whole[0] / "obj_meshes" / f"{name}.ply"
        np.testing.assert_array_equal(trimesh.load(copy).triangles, trimesh.load(first).triangles)


def test_what_came_in_can_be_trained_on(whole):
    _, _, out, _ = whole
    data = kinds.load(out)
    assert [len(data.of(split)) for split in ("train", "valid", "test")] == [3, 1, 2]
    item = Contacts(data, "train", 64, augment=False)[1]
    assert item["contact"].shape == (64, 16)
    cloud = data.cloud(int(data.object_of[1]), 64)
    _, _, direction = data.label(np.array([1]), cloud[None], np.array([0]))
    np.testing.assert_allclose(np.linalg.norm(direction.astype(np.float32), axis=-1), 1, atol=1e-3)


def in_the_world(source, file, split, i):
    """Hand, joints and object of a frame as they stand in the world, by the loaders' own words: rows times matrix."""
    with np.load(source / split / f"grabnet_{split}.npz") as npz:
        frame = {name: npz[name][i].astype(float) for name in grab.SHAPES}
    person = NAMES[split][i].split("/")[-3]
    shape = HAND["v_template"] * {"s1": 1.0, "s2": 1.1, "s10": 0.95}[person]
    turns = np.concatenate([frame["global_orient_rhand_rotmat"], frame["fpose_rhand_rotmat"]])[None]
    vertices, frames = mano.read(file).pose(turns, frame["trans_rhand"][None], shape[None])
    mesh = trimesh.load(source / "obj_meshes" / f"{NAMES[split][i].split('/')[-2].split('_')[0]}.ply")
    stands = mesh.vertices @ frame["root_orient_obj_rotmat"].reshape(3, 3) + frame["trans_obj"]
    return vertices[0], frames[0], stands, mesh.vertices


def test_hands_are_as_far_from_the_mesh_as_they_were_from_the_object_in_the_world(whole):
    source, file, out, _ = whole
    _, arrays = brought(out)
    for grasp, (split, i) in enumerate(ORDER):
        vertices, frames, stands, mesh = in_the_world(source, file, split, i)
        np.testing.assert_allclose(cdist(arrays["vertices"][grasp], mesh), cdist(vertices, stands), atol=1e-6)
        joints = arrays["joints"][grasp]
        np.testing.assert_allclose(cdist(joints[:, :3, 3], mesh), cdist(frames[:, :3, 3], stands), atol=1e-6)


def test_directions_from_the_joints_to_the_object_are_what_they_were_in_the_world(whole):
    source, file, out, _ = whole
    _, arrays = brought(out)
    for grasp, (split, i) in enumerate(ORDER):
        _, frames, stands, mesh = in_the_world(source, file, split, i)
        for part in range(16):
            was = (stands - frames[part, :3, 3]) @ frames[part, :3, :3]
            now = (mesh - arrays["joints"][grasp, part, :3, 3]) @ arrays["joints"][grasp, part, :3, :3]
            np.testing.assert_allclose(now, was, atol=1e-6)


def test_it_is_said_how_many_there_are_and_how_near_the_hands_are(whole):
    first, second = whole[3]
    assert first.startswith("6 grasps (3 train, 1 valid, 2 test) of 4 objects by 3 people are in")
    assert second.startswith("half of the hands have a vertex within")


def test_most_takes_frames_evenly_spread_over_each_split(whole, tmp_path):
    grab.bring(whole[0], whole[1], tmp_path / "few", most=2)
    _, arrays = brought(whole[2])
    _, few = brought(tmp_path / "few")
    np.testing.assert_array_equal(few["vertices"], arrays["vertices"][[0, 1, 3, 4, 5]])


def test_hands_posed_in_two_goes_are_those_posed_in_one(whole, tmp_path, monkeypatch):
    monkeypatch.setattr(grab, "TOGETHER", 2)
    grab.bring(whole[0], whole[1], tmp_path / "goes")
    np.testing.assert_allclose(brought(tmp_path / "goes")[1]["vertices"], brought(whole[2])[1]["vertices"], atol=1e-7)


def change(path, **arrays):
    with np.load(path) as file:
        held = dict(file)
    np.savez(path, **{name: value for name, value in (held | arrays).items() if value is not None})


SPOILED = {
    "no split": (lambda s: shutil.rmtree(s / "val"), r"grabnet_val\.npz: there is no such file"),
    "no names": (lambda s: (s / "test" / "frame_names.npz").unlink(), r"frame_names\.npz: there is no such file"),
    "no people": (lambda s: (s / "sbj_info.npy").unlink(), r"sbj_info\.npy: cannot be read \(No such file"),
    "no mesh": (lambda s: (s / "obj_meshes" / "cup.ply").unlink(), r"cup\.ply: there is no such file"),
    "no key": (
        lambda s: change(s / "train" / "grabnet_train.npz", trans_obj=None),
        "trans_obj is not a file in the archive.*not a file of GRAB's frames",
    ),
    "shape": (
        lambda s: change(s / "train" / "grabnet_train.npz", fpose_rhand_rotmat=np.zeros((3, 45))),
        r"fpose_rhand_rotmat has the shape \(3, 45\); expected \(3, 15, 3, 3\)",
    ),
    "count": (
        lambda s: change(s / "train" / "frame_names.npz", frame_names=np.array(["a/s1/mug_lift/1"])),
        r"root_orient_obj_rotmat has the shape \(3, 1, 3, 3\); expected \(1, 1, 3, 3\) for its frame_names",
    ),
    "short name": (
        lambda s: change(s / "val" / "frame_names.npz", frame_names=np.array(["apple.npz"])),
        r"'apple\.npz' says no person and object",
    ),
    "stranger": (
        lambda s: change(s / "val" / "frame_names.npz", frame_names=np.array(["val/s7/apple_eat_1/1"])),
        "says no right hand .* of s7",
    ),
    "not finite": (
        lambda s: change(s / "val" / "grabnet_val.npz", trans_obj=np.full((1, 3), np.nan)),
        "trans_obj is not finite numbers",
    ),
    "no rotation": (
        lambda s: change(s / "val" / "grabnet_val.npz", root_orient_obj_rotmat=2 * np.eye(3)[None, None]),
        "root_orient_obj_rotmat holds matrices that are no rotations",
    ),
    "cut": (
        lambda s: os.truncate(s / "train" / "grabnet_train.npz", 200),
        r"grabnet_train\.npz: cannot be read",
    ),
    "points": (
        lambda s: trimesh.PointCloud(np.random.default_rng(0).random((50, 3))).export(s / "obj_meshes" / "cup.ply"),
        "cup.ply: holds no triangles",
    ),
}


@pytest.mark.parametrize("spoiled", SPOILED)
def test_what_is_missing_or_wrong_is_told_in_one_line(whole, source, tmp_path, spoiled):
    spoil, told = SPOILED[spoiled]
    spoil(source)
    with pytest.raises(Mistake, match=told) as caught:
        grab.bring(source, whole[1], tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out" / "grasps.json").exists()


def test_the_command_brings_it_in_once(whole, tmp_path, capsys):
    source, file, out, _ = whole
    command = ["import-grab", str(source), "--mano", str(file), "--out", str(tmp_path / "out")]
    with pytest.raises(SystemExit) as ended:
        main(command)
    assert not ended.value.code
    assert "6 grasps" in capsys.readouterr().out
    assert (tmp_path / "out" / "grasps.npz").read_bytes() == (out / "grasps.npz").read_bytes()
    with pytest.raises(SystemExit) as ended:
        main(command)
    assert ended.value.code == 2
    assert "holds a data set already" in capsys.readouterr().err
