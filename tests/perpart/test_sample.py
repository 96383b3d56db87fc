"""From a checkpoint and a person's file to files that other programs read back"""

import json
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
import torch
import trimesh

from perpart import clouds, export, forms
from perpart.errors import Mistake
from perpart.hand import PARTS
from perpart.objects import build
from perpart.sample import Sampling, arc, draw, main, restored, sample
from tests.perpart.refused import refused
from unbroken import checkpoint

SHAPE = {
    "width": 8,
    "points": 64,
    "latents": 4,
    "radii": (0.02, 0.06),
    "norm": "layer",
    "prior": "flow",
    "form": "sixteen",
}
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
        model = forms.built(SHAPE)
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
    return Sampling((str(place / "mug.ply"),), str(place / out), str(place / "checkpoint.pt"), **asked)


def drawn(folder: Path, cloud: clouds.Cloud, **changes) -> export.Drawn:
    """Samples of the folder's model on a cloud, unwritten."""
    model, _ = restored(str(folder / "checkpoint.pt"), torch.device("cpu"))
    return draw(model, cloud, sampling(folder, "unwritten", **changes))[0]


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
    mesh = build("mug", 0).mesh
    here = drawn(folder, clouds.Cloud(mesh.vertices, mesh, "m", ""))
    moved = mesh.copy()
    moved.apply_translation(AWAY)
    there = drawn(folder, clouds.Cloud(moved.vertices, moved, "m", ""))
    assert there.contact == pytest.approx(here.contact, abs=1e-3)
    assert there.points[:, :3] == pytest.approx(here.points[:, :3] + AWAY, abs=1e-6)


def test_the_seed_of_a_drawing_is_the_seed_of_its_samples(folder):
    mesh = build("mug", 0).mesh
    found = drawn(folder, clouds.Cloud(mesh.vertices, mesh, "m", ""), points=100, seed=9, n=2, tries=1)
    centred = found.points[None, :, :3] - mesh.bounds.mean(axis=0).astype(np.float32)
    points, normals = torch.from_numpy(centred), torch.from_numpy(found.points[None, :, 3:])
    model, _ = restored(str(folder / "checkpoint.pt"), torch.device("cpu"))
    maps = model.draw(torch.randn(2, 4, generator=torch.Generator().manual_seed(9)), points, normals)
    assert found.contact == pytest.approx(maps.contact.numpy(), abs=1e-5)


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
    other = drawn(folder, clouds.read(folder / "mug.ply"), seed=6)
    assert other.points.tobytes() != np.load(folder / "maps/points.npy").tobytes()
    assert other.contact.tobytes() != np.load(folder / "maps/contact_maps.npy").tobytes()


def test_a_sample_s_glb_is_the_object_itself_painted(folder):
    scene = trimesh.load_scene(folder / "maps/sample_001.glb")
    (shown,) = scene.geometry.values()
    mesh = build("mug", 0).mesh
    assert shown.bounds == pytest.approx(mesh.bounds + AWAY, abs=1e-5)
    assert shown.area == pytest.approx(mesh.area, rel=1e-4)
    assert len(np.unique(shown.visual.vertex_colors, axis=0)) > 10


def test_several_objects_have_a_folder_each_and_the_same_noise(folder):
    build("pen", 0).mesh.export(folder / "pen.ply")
    both = sampling(folder, "both")
    sample(replace(both, object=(*both.object, str(folder / "pen.ply"))))
    alone = np.load(folder / "maps/contact_maps.npy")
    assert np.load(folder / "both/mug/contact_maps.npy").tobytes() == alone.tobytes()
    assert np.load(folder / "both/pen/contact_maps.npy").shape == alone.shape


def test_of_several_objects_a_missing_one_stops_before_anything_is_written(folder):
    lost = sampling(folder, "lost")
    with pytest.raises(Mistake, match="no such file"):
        sample(replace(lost, object=(*lost.object, str(folder / "none.ply"))))
    assert not (folder / "lost").exists()


def test_the_way_from_one_sample_to_another_begins_and_ends_with_them(folder):
    sample(sampling(folder, "way", between=(2, 0), n=5))
    way, ends = (np.load(folder / name / "contact_maps.npy") for name in ("way", "maps"))
    assert way[0] == pytest.approx(ends[2], abs=1e-4)
    assert way[-1] == pytest.approx(ends[0], abs=1e-4)
    assert np.abs(np.diff(way, axis=0)).max() < np.abs(way[-1] - way[0]).max()
    assert json.loads((folder / "way/meta.json").read_text())["between"] == [2, 0]


def test_samples_are_chosen_and_all_is_told(folder, capsys):
    sample(sampling(folder, "best", n=8, tries=2))
    assert "8 samples, each the best of 2 draws; 8 still no grasp, which has" in capsys.readouterr().out
    sample(sampling(folder, "once", n=8, tries=1))
    assert "8 samples, 8 no grasp, which has" in capsys.readouterr().out
    best, once = (json.loads((folder / name / "meta.json").read_text()) for name in ("best", "once"))
    assert (best["tries"], once["tries"], once["drawn_at_try"]) == (2, 1, [1] * 8)
    other = np.array(best["drawn_at_try"]) > 1
    assert 0 < other.sum() < 8
    assert (np.array(best["doubt"]) < once["doubt"]).tolist() == other.tolist()
    maps, first = (np.load(folder / name / "contact_maps.npy") for name in ("best", "once"))
    assert (np.abs(maps - first).max((1, 2)) > 0).tolist() == other.tolist()


def test_a_way_is_between_the_samples_that_were_kept_and_says_so(folder, capsys):
    sample(sampling(folder, "kept", tries=3))
    sample(sampling(folder, "kept way", tries=3, between=(0, 1), n=4))
    kept, steps = (json.loads((folder / n / "meta.json").read_text())["drawn_at_try"] for n in ("kept", "kept way"))
    assert f"samples 0 and 1: draws {kept[0]} and {kept[1]} of 3 each" in capsys.readouterr().out
    way, ends = (np.load(folder / name / "contact_maps.npy") for name in ("kept way", "kept"))
    assert way[0] == pytest.approx(ends[0], abs=1e-4)
    assert way[-1] == pytest.approx(ends[1], abs=1e-4)
    assert steps == [1] * 4, "steps are taken as they come"
    assert max(kept[:2]) > 1, "or this test sees nothing"


def test_a_way_at_temperature_0_stays_where_it_is(folder):
    sample(sampling(folder, "cold way", temperature=0.0, between=(0, 2), n=4))
    way = np.load(folder / "cold way/contact_maps.npy")
    assert np.isfinite(way).all()
    assert np.ptp(way, axis=0).max() == 0


def test_noise_on_the_way_is_as_long_as_noise_is():
    start, stop = torch.randn(2, 4, generator=torch.Generator().manual_seed(0))
    steps = arc(start, stop, 9)
    assert steps.norm(dim=1).numpy() == pytest.approx(torch.linspace(start.norm(), stop.norm(), 9).numpy(), rel=1e-5)
    turns = [float(a @ b / a.norm() / b.norm()) for a, b in pairwise(steps)]
    assert turns == pytest.approx([turns[0]] * 8, abs=1e-5)


def test_at_temperature_0_all_samples_are_the_same(folder):
    sample(sampling(folder, "cold", temperature=0.0))
    cold = np.load(folder / "cold/contact_maps.npy")
    assert np.ptp(cold, axis=0).max() == 0


def test_a_point_cloud_without_a_mesh_can_be_sampled_on(folder):
    surface = clouds.surface(build("mug", 0).mesh, 700, np.random.default_rng(0))
    np.save(folder / "cloud.npy", surface)
    asked = Sampling((str(folder / "cloud.npy"),), str(folder / "c"), str(folder / "checkpoint.pt"), n=1, device="cpu")
    sample(asked)
    assert np.load(folder / "c/contact_maps.npy").shape == (1, 2048, 16)
    assert matplotlib.image.imread(folder / "c/sheet.png").size


# --- the command line ---


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
    assert "no such file" in refused(capsys, main, *flags(folder, checkpoint=str(folder / "none.pt")))


def test_a_missing_object_is_one_line(folder, capsys):
    assert "no such file" in refused(capsys, main, *flags(folder, object=str(folder / "none.ply")))


def test_a_folder_in_the_place_of_an_object_is_one_line(folder, capsys):
    assert "is a folder; name the files in it" in refused(capsys, main, *flags(folder, object=str(folder)))


def test_an_object_that_no_hand_holds_is_one_line(folder, capsys):
    said = refused(capsys, main, *flags(folder), "--unit", "m")
    assert "mm wide as m; say another --unit, or give an object of 5 to 2,000 mm" in said


def test_two_files_of_one_name_are_one_line(folder, capsys):
    (folder / "elsewhere").mkdir()
    build("mug", 1).mesh.export(folder / "elsewhere/mug.ply")
    arguments = [*flags(folder, n="1"), "--object", str(folder / "mug.ply"), str(folder / "elsewhere/mug.ply")]
    assert "the same name" in refused(capsys, main, *arguments)


def test_a_way_from_a_sample_to_itself_is_one_line(folder, capsys):
    assert "--between 1 1" in refused(capsys, main, *flags(folder), "--between", "1", "1")


USELESS = [
    ("temperature", "-1"), ("tries", "0"), ("n", "0"), ("n", "1000000000"), ("points", "3"), ("points", "10000000000"),
    ("seed", "-1"), ("seed", "9" * 21), ("device", "gpu"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), USELESS)
def test_a_number_or_device_of_no_use_is_one_line(folder, capsys, name, value):
    assert f"--{name} {value}" in refused(capsys, main, *flags(folder, **{name: value}))


def test_an_empty_out_is_one_line(folder, capsys):
    assert "--out is empty" in refused(capsys, main, *flags(folder, out=""))


def test_a_folder_that_is_a_file_is_one_line(folder, capsys):
    (folder / "taken").write_text("")
    assert "name a folder to write to" in refused(capsys, main, *flags(folder, out=str(folder / "taken")))


def test_a_checkpoint_of_another_model_is_one_line(folder, capsys):
    tree = {**FACTS, "state_dict": {"weight": torch.zeros(3)}}
    checkpoint.write(tree, str(folder / "other.pt"))
    assert "holds another model" in refused(capsys, main, *flags(folder, checkpoint=str(folder / "other.pt")))
