"""From a checkpoint and a person's file to files that other programs read back"""

import json
import subprocess
import sys
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
import torch
import trimesh

from perpart import clouds
from perpart.hand import PARTS
from perpart.model import ContactCVAE
from perpart.objects import build
from perpart.sample import Sampling, draw, main, restored, sample
from unbroken import checkpoint

SHAPE = {"width": 8, "points": 64, "latents": 4, "radii": (0.02, 0.06), "norm": "layer", "prior": "flow"}
FACTS = {
    "epoch": 1, "batch": 0, "step": 1, "seed": 0, "settings": SHAPE, "journal": {}, "kept": {}, "means": {},
    "parameters": {}, "environment": {},
}  # fmt: skip
AWAY = np.array([0.5, -0.3, 0.2])  # metres by which the mug's file lies off the origin


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A checkpoint of an untrained small model, a mug in millimetres away from the origin, and one sampling."""
    place = tmp_path_factory.mktemp("sample")
    with torch.random.fork_rng():
        torch.default_generator.manual_seed(0)
        model = ContactCVAE(**SHAPE)
    checkpoint.write(
        {**FACTS, "epoch": 7, "step": 84, "state_dict": dict(model.state_dict())}, str(place / "checkpoint.pt")
    )
    mesh = build("mug", 0).mesh.copy()
    mesh.apply_translation(AWAY)
    mesh.apply_scale(1000).export(place / "mug.ply")
    sample(sampling(place, "maps"))
    return place


def sampling(place: Path, out: str, **changes) -> Sampling:
    asked = {"n": 3, "points": 500, "seed": 5, "device": "cpu"} | changes
    return Sampling(str(place / "checkpoint.pt"), str(place / "mug.ply"), str(place / out), **asked)


def test_the_arrays_have_the_stated_shapes_types_and_ranges(folder):
    contact = np.load(folder / "maps/contact_maps.npy")
    points = np.load(folder / "maps/points.npy")
    part = np.load(folder / "maps/part_map.npy")
    direction = np.load(folder / "maps/uv_map.npy")
    assert (contact.shape, contact.dtype) == ((3, 500, 16), np.float32)
    assert (points.shape, points.dtype) == ((500, 6), np.float32)
    assert (part.shape, part.dtype) == ((3, 500), np.int64)
    assert (direction.shape, direction.dtype) == ((3, 500, 3), np.float32)
    assert contact.min() >= 0
    assert contact.max() <= 1
    assert set(np.unique(part)) <= set(range(16))
    assert np.linalg.norm(direction, axis=2) == pytest.approx(1, abs=1e-4)


def test_the_points_stay_where_the_object_is_in_metres(folder):
    points = np.load(folder / "maps/points.npy")
    mesh = build("mug", 0).mesh
    assert points[:, :3].min(axis=0) == pytest.approx(mesh.bounds[0] + AWAY, abs=0.006)
    assert points[:, :3].max(axis=0) == pytest.approx(mesh.bounds[1] + AWAY, abs=0.006)
    assert np.linalg.norm(points[:, 3:], axis=1) == pytest.approx(1, abs=1e-5)


def test_the_place_of_the_object_does_not_change_what_the_model_says(folder):
    model, _ = restored(str(folder / "checkpoint.pt"), torch.device("cpu"))
    mesh = build("mug", 0).mesh
    here = draw(model, clouds.Cloud(mesh.vertices, mesh, "m", ""), 300, 2, seed=1)
    moved = mesh.copy()
    moved.apply_translation(AWAY)
    there = draw(model, clouds.Cloud(moved.vertices, moved, "m", ""), 300, 2, seed=1)
    assert there.contact == pytest.approx(here.contact, abs=1e-3)
    assert there.points[:, :3] == pytest.approx(here.points[:, :3] + AWAY, abs=1e-6)


def test_the_seed_of_a_drawing_is_the_seed_of_its_samples(folder):
    model, _ = restored(str(folder / "checkpoint.pt"), torch.device("cpu"))
    mesh = build("mug", 0).mesh
    drawn = draw(model, clouds.Cloud(mesh.vertices, mesh, "m", ""), 100, 2, seed=9)
    centred = drawn.points[None, :, :3] - mesh.bounds.mean(axis=0).astype(np.float32)
    points, normals = torch.from_numpy(centred), torch.from_numpy(drawn.points[None, :, 3:])
    maps = model.sample(points, normals, 2, torch.Generator().manual_seed(9))
    assert drawn.contact == pytest.approx(maps.contact.numpy(), abs=1e-5)


def test_meta_says_unit_frame_parts_constants_seed_and_digest(folder):
    meta = json.loads((folder / "maps/meta.json").read_text())
    assert meta["unit"] == "m"
    assert meta["object_unit"] == "mm"
    assert meta["parts"] == list(PARTS)
    assert meta["digits"]["thumb"] == [1, 2, 3]
    assert meta["seed"] == 5
    assert meta["epoch"] == 7
    assert meta["checkpoint_digest"] == checkpoint.load(str(folder / "checkpoint.pt"))["digest"]
    assert meta["contact"]["fade_m"] == [0.015, 0.02]
    assert "origin" in meta["frame"]
    assert sorted(meta["files"]) == sorted(path.name for path in (folder / "maps").iterdir())


@pytest.mark.parametrize("k", range(3))
def test_each_sample_s_ply_carries_points_colours_and_all_parts(folder, k):
    cloud = trimesh.load(folder / f"maps/sample_{k:03d}.ply", process=False)
    points = np.load(folder / "maps/points.npy")
    contact = np.load(folder / "maps/contact_maps.npy")[k]
    assert cloud.vertices == pytest.approx(points[:, :3])
    data = cloud.metadata["_ply_raw"]["vertex"]["data"]
    stored = np.stack([data[f"contact_{part}"].ravel() for part in PARTS], axis=1)
    assert stored.tobytes() == contact.tobytes()
    assert data["part"].ravel().tolist() == np.load(folder / "maps/part_map.npy")[k].tolist()
    assert len(np.unique(cloud.colors, axis=0)) > 1


def test_the_ply_is_itself_an_object_to_sample_on(folder):
    again = clouds.read(folder / "maps/sample_000.ply")
    points = np.load(folder / "maps/points.npy")
    assert again.points == pytest.approx(points, abs=1e-6)
    assert "with normals" in again.said


def test_the_sheet_is_a_picture_with_more_than_grey_in_it(folder):
    picture = matplotlib.image.imread(folder / "maps/sheet.png")
    assert picture.shape[1] == 1620
    assert picture.shape[0] > 300
    assert np.ptp(picture[:, :, :3], axis=2).max() > 0.3


def test_the_same_seed_writes_the_same_bytes_and_another_seed_others(folder):
    sample(sampling(folder, "again"))
    for name in ("contact_maps.npy", "points.npy", "part_map.npy", "uv_map.npy", "sample_002.ply", "meta.json"):
        assert (folder / "again" / name).read_bytes() == (folder / "maps" / name).read_bytes()
    model, _ = restored(str(folder / "checkpoint.pt"), torch.device("cpu"))
    other = draw(model, clouds.read(folder / "mug.ply"), 500, 3, seed=6)
    assert other.points.tobytes() != np.load(folder / "maps/points.npy").tobytes()
    assert other.contact.tobytes() != np.load(folder / "maps/contact_maps.npy").tobytes()


def test_a_point_cloud_without_a_mesh_can_be_sampled_on(folder):
    surface = clouds.surface(build("mug", 0).mesh, 700, np.random.default_rng(0))
    np.save(folder / "cloud.npy", surface)
    asked = Sampling(str(folder / "checkpoint.pt"), str(folder / "cloud.npy"), str(folder / "c"), n=1, device="cpu")
    sample(asked)
    assert np.load(folder / "c/contact_maps.npy").shape == (1, 2048, 16)
    assert matplotlib.image.imread(folder / "c/sheet.png").size


# --- the command line ---


def refused(capsys, *arguments: str) -> str:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    return error


def flags(folder: Path, **changes: str) -> list[str]:
    asked = {"checkpoint": folder / "checkpoint.pt", "object": folder / "mug.ply", "out": folder / "cli"} | changes
    return [word for name, value in asked.items() for word in (f"--{name}", str(value))]


def test_the_script_runs_and_says_what_it_read_and_wrote(folder):
    script = Path(__file__).parents[2] / "sample_per_part.py"
    command = [sys.executable, str(script), *flags(folder, n="1", points="64", device="cpu")]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "taken as mm (its bounding box" in ran.stdout
    assert "look at" in ran.stdout
    assert (folder / "cli/sheet.png").exists()


def test_a_missing_checkpoint_is_one_line(folder, capsys):
    assert "no such file" in refused(capsys, *flags(folder, checkpoint=str(folder / "none.pt")))


def test_a_missing_object_is_one_line(folder, capsys):
    assert "no such file" in refused(capsys, *flags(folder, object=str(folder / "none.ply")))


USELESS = [("n", "0"), ("n", "1000000000"), ("points", "3"), ("points", "10000000000"), ("seed", "-1"),
           ("seed", "9" * 21), ("device", "gpu")]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), USELESS)
def test_a_number_or_device_of_no_use_is_one_line(folder, capsys, name, value):
    assert f"--{name} {value}" in refused(capsys, *flags(folder, **{name: value}))


def test_an_empty_out_is_one_line(folder, capsys):
    assert "--out is empty" in refused(capsys, *flags(folder, out=""))


def test_a_folder_that_is_a_file_is_one_line(folder, capsys):
    (folder / "taken").write_text("")
    assert "give another --out" in refused(capsys, *flags(folder, out=str(folder / "taken")))


def test_a_checkpoint_of_another_model_is_one_line(folder, capsys):
    tree = {**FACTS, "state_dict": {"weight": torch.zeros(3)}}
    checkpoint.write(tree, str(folder / "other.pt"))
    assert "holds another model" in refused(capsys, *flags(folder, checkpoint=str(folder / "other.pt")))
