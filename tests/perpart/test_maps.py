from pathlib import Path

import numpy as np
import pytest

from perpart.data import folder as files
from perpart.data import kinds, things
from perpart.data.dataset import Contacts
from perpart.data.maps import Maps
from perpart.errors import Mistake
from tests.perpart import own
from tests.perpart.test_things import moved


def refusal(folder: Path) -> str:
    with pytest.raises(Mistake) as refused:
        kinds.load(folder)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def pooled(found: Maps, grasp: int, points: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A grasp's pool, and its contact, part and direction there."""
    cloud = found.cloud(int(found.object_of[grasp]), points)
    contact, part, direction = found.label(np.array([grasp]), cloud[None], np.zeros(1, int))
    return cloud, contact[0], part[0], direction[0]


@pytest.mark.parametrize("points", [100, 642, 2048])
def test_the_pool_is_of_the_given_points_and_each_carries_its_own_labels(tmp_path, points):
    found = kinds.load(own.contact_folder(tmp_path))
    given = {tuple(row.round(6)): k for k, row in enumerate(found.points[0][:, :3])}
    cloud, contact, part, direction = pooled(found, 1, points)
    rows = np.array([given[tuple(row.round(6))] for row in cloud[:, :3]])
    _, count = np.unique(rows, return_counts=True)
    assert count.max() - (count.min() if points >= len(given) else 0) <= 1
    np.testing.assert_array_equal(contact, found.contact[0][1, rows])
    np.testing.assert_array_equal(part, contact.argmax(-1))
    assert not direction.any()


def test_maps_on_the_vertices_say_what_the_hand_itself_would(tmp_path):
    found, mesh = kinds.load(own.contact_folder(tmp_path)), own.things()["can"]
    truth, part = own.maps(mesh, 3, 1)
    cloud, contact, parts, _ = pooled(found, 5, len(mesh.vertices))
    rows = found._drawn(1, len(mesh.vertices))
    np.testing.assert_allclose(contact / 255, truth[2, rows], atol=0.003)
    np.testing.assert_allclose(
        cloud[:, :3] - cloud[:, :3].mean(0), (mesh.vertices - mesh.vertices.mean(0))[rows], atol=1e-6
    )
    sure = np.sort(truth[2, rows], axis=-1)
    sure = (sure[:, -1] > 0.1) & (sure[:, -1] - sure[:, -2] > 0.01)
    assert (parts == part[2, rows])[sure].mean() > 0.9


@pytest.mark.parametrize(("unit", "up"), [("mm", "z"), ("cm", "y")])
def test_points_move_with_their_object_so_that_the_pool_stays(tmp_path, unit, up):
    meshes = own.things().values()
    points = {f"points_{i}": np.hstack([mesh.vertices, mesh.vertex_normals]) for i, mesh in enumerate(meshes)}
    plain = kinds.load(own.contact_folder(tmp_path / "plain", **points))
    scale, shift = 1 / files.UNITS[unit], np.array([0.3, -0.2, 0.1])
    objects = [entry | {"mesh": moved(entry["mesh"], scale, up, tuple(shift))} for entry in own.entries()]
    turn = things.UPRIGHT[up]
    arrays = {f"contact_{i}": plain.contact[i] for i in range(2)} | {"object_of": plain.object_of}
    for name, rows in points.items():
        arrays[name] = np.hstack([(rows[:, :3] + shift) @ turn * scale, rows[:, 3:] @ turn])
    files.write(tmp_path / "other", "contact", objects, arrays, unit=unit, up=up)
    same = kinds.load(tmp_path / "other")
    for i in range(2):
        np.testing.assert_allclose(same.cloud(i, 300), plain.cloud(i, 300), atol=1e-6)


def test_points_without_normals_take_the_nearest_corners(tmp_path):
    ball = own.things()["ball"]
    folder = own.contact_folder(tmp_path, points_0=ball.vertices * 1.001)
    normals = kinds.load(folder).points[0][:, 3:]
    np.testing.assert_allclose(normals, ball.vertices / 0.035, atol=0.02)


def test_grasps_need_not_stand_object_by_object(tmp_path):
    found = kinds.load(own.contact_folder(tmp_path, object_of=np.array([1, 0, 1, 0, 0, 1])))
    np.testing.assert_array_equal(found.row_of, [0, 0, 1, 1, 2, 2])
    for grasp in range(6):
        i = int(found.object_of[grasp])
        rows = found._drawn(i, 50)
        np.testing.assert_array_equal(pooled(found, grasp, 50)[1], found.contact[i][found.row_of[grasp], rows])


def test_floats_and_255_steps_say_the_same(tmp_path):
    floats = kinds.load(own.contact_folder(tmp_path / "floats"))
    steps = {f"contact_{i}": floats.contact[i] for i in range(2)}
    assert kinds.load(own.contact_folder(tmp_path / "steps", **steps)).fingerprint() == floats.fingerprint()


def test_they_are_a_data_set_like_any_other(tmp_path):
    item = Contacts(kinds.load(own.contact_folder(tmp_path)), "train", 100)[0]
    assert item["contact"].max() > 0.1
    assert not item["direction"].any()


BALL, N = own.things()["ball"], len(own.things()["ball"].vertices)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"contact_0": np.full((3, N, 16), 1.5)}, "contact_0 runs from 1.5 to 1.5; give floats in [0, 1]"),
        ({"contact_0": np.full((3, N, 16), -0.1)}, "contact_0 runs from -0.1"),
        ({"contact_0": np.full((3, N, 16), np.nan)}, "contact_0 is not finite"),
        ({"contact_0": np.zeros((2, N, 16))}, f"contact_0 has shape [2, {N}, 16], not [3, {N}, 16]"),
        ({"contact_0": np.zeros((3, 50, 16))}, f"contact_0 has shape [3, 50, 16], not [3, {N}, 16]"),
        ({"contact_0": np.zeros((3, N, 16), np.uint16)}, "or uint8 with 255 for 1"),
        ({"contact_0": np.zeros((3, N, 16), bool)}, "contact_0 is of type bool"),
        ({"points_0": BALL.vertices[:9]}, "points_0 holds 9 points; give 16 or more"),
        ({"points_0": BALL.vertices[:, :2]}, f"points_0 has shape [{N}, 2], not [any, 3]"),
        ({"points_0": BALL.vertices * np.nan}, "points_0 is not finite"),
        ({"points_0": np.hstack([BALL.vertices] * 2)}, "columns 4 to 6 of points_0 are no unit normals"),
        ({"points_0": BALL.vertices * 1000}, "mixed units or frames: points_0 measures 70 m"),
        ({"points_0": BALL.vertices / 1000}, "mixed units or frames: points_0 measures 7e-05 m"),
        ({"points_0": BALL.vertices + 0.2}, f"and {N} points lie beside it"),
    ],
)
def test_maps_and_points_that_do_not_fit_are_refused(tmp_path, changed, said):
    assert said in refusal(own.contact_folder(tmp_path, **changed))


def test_maps_on_a_recipe_say_their_points(tmp_path):
    entries = [{"category": "egg", "seed": 0, "split": split} for split in ("train",)]
    files.write(tmp_path, "contact", entries, {"object_of": np.zeros(1, int), "contact_0": np.zeros((1, 99, 16))})
    assert "points_0 is missing" in refusal(tmp_path)
