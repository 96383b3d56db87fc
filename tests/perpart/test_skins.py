from pathlib import Path

import numpy as np
import pytest
import trimesh
from trimesh.triangles import closest_point

from perpart import contact
from perpart.data import folder as files
from perpart.data import graspset, kinds, order, things
from perpart.data.dataset import Contacts
from perpart.data.skins import Scatter
from perpart.errors import Mistake
from tests.perpart import own
from tests.perpart.test_things import moved
from tests.perpart.unpacked import unpacked


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return own.mesh_folder(tmp_path_factory.mktemp("skins"))


@pytest.fixture(scope="module")
def labelled(folder) -> Contacts:
    return unpacked(Contacts(kinds.load(folder), "train", 300, augment=False))


def refusal(folder: Path) -> str:
    with pytest.raises(Mistake) as refused:
        kinds.load(folder)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_a_skin_is_labelled_as_the_hand_under_it(labelled, tmp_path):
    truth = unpacked(Contacts(graspset.load(own.angles_folder(tmp_path)), "train", 300, augment=False))
    np.testing.assert_array_equal(labelled.clouds, truth.clouds)
    assert truth.contact.max() > 100
    assert abs(labelled.contact.astype(int) - truth.contact).max() < 0.1 * 255  # a mesh of 6 mm is not round
    touched = truth.contact.max(-1) > 25
    same = (labelled.part == truth.part) & touched
    assert same.sum() > 0.9 * touched.sum()
    np.testing.assert_allclose(labelled.direction[same], truth.direction[same], atol=1e-3)


def test_the_formula_is_contacts_with_the_exact_nearest_point_of_each_part():
    skin = own.skins(1)
    scatter = Scatter.over(skin["vertices"][0], skin["faces"], skin["part"])
    cloud = np.hstack([own.things()["ball"].vertices, own.things()["ball"].vertex_normals])[::5]
    touch, part = scatter.labels(skin["vertices"][0], cloud)
    corners, away = skin["vertices"][0][skin["faces"]].astype(float), []
    for k in range(16):
        mine = corners[skin["part"][skin["faces"]][:, 0] == k]
        feet = closest_point(np.repeat(mine, len(cloud), 0), np.tile(cloud[:, :3], (len(mine), 1)))
        offset = feet.reshape(len(mine), len(cloud), 3) - cloud[:, :3]
        nearest = offset[np.linalg.norm(offset, axis=-1).argmin(0), np.arange(len(cloud))]
        away.append(np.linalg.norm(nearest, axis=1))
        along = (nearest * cloud[:, 3:]).sum(1).clip(-contact.BELOW, contact.ABOVE)
        gap = np.linalg.norm(nearest - along[:, None] * cloud[:, 3:], axis=1)
        expected = np.clip(1 / (gap / contact.SCALE + 1e-4), 0, 1) * np.clip((0.020 - gap) / 0.005, 0, 1)
        np.testing.assert_allclose(touch[:, k], expected, atol=0.02)
    assert (touch > 0.3).any()
    near = np.min(away, axis=0) < 0.02
    assert (part == np.argmin(away, axis=0))[near].mean() > 0.99


def test_samples_lie_on_their_triangles_closely_and_move_with_them():
    ball = trimesh.creation.icosphere(1, 0.05)
    scatter = Scatter.over(ball.vertices, ball.faces, np.zeros(len(ball.vertices), int))
    samples = np.einsum("sc,scd->sd", scatter.weight, ball.triangles[scatter.which])
    feet = closest_point(ball.triangles[scatter.which], samples)
    np.testing.assert_allclose(feet, samples, atol=1e-12)
    np.testing.assert_allclose(scatter.weight.sum(1), 1)
    _, gap, _ = trimesh.proximity.closest_point_naive(ball, samples[:50])
    assert gap.max() < 1e-9
    assert len(samples) > ball.area / 0.003**2


@pytest.mark.parametrize(("unit", "up"), [("mm", "z"), ("cm", "y")])
def test_skins_and_joints_move_with_their_object_so_that_labels_stay(labelled, tmp_path, unit, up):
    scale, shift, turn = 1 / files.UNITS[unit], np.array([0.3, -0.2, 0.1]), things.UPRIGHT[up]
    objects = [entry | {"mesh": moved(entry["mesh"], scale, up, tuple(shift))} for entry in own.entries()]
    skin = own.skins(3)
    joints = skin["joints"].astype(np.float64)
    joints[..., :3, 3] = (joints[..., :3, 3] + shift) @ turn * scale
    joints[..., :3, :3] = turn.T @ joints[..., :3, :3]
    arrays = skin | {"vertices": (skin["vertices"] + shift) @ turn * scale, "joints": joints}
    files.write(tmp_path, "mesh", objects, {"object_of": np.repeat([0, 1], 3)} | arrays, unit=unit, up=up)
    same = unpacked(Contacts(kinds.load(tmp_path), "train", 300, augment=False))
    assert abs(same.contact.astype(int) - labelled.contact).max() <= 1
    together = same.part == labelled.part
    assert together.mean() > 0.999
    np.testing.assert_allclose(same.direction[together], labelled.direction[together], atol=2e-3)


def test_without_joints_directions_are_unknown(tmp_path):
    data = unpacked(Contacts(kinds.load(own.mesh_folder(tmp_path, with_joints=False)), "train", 100))
    assert data.contact.any()
    assert not data.direction.any()


def test_labels_do_not_depend_on_which_grasps_are_asked_for_together(folder, labelled):
    found = kinds.load(folder)
    cloud = found.cloud(0, 2048)[None]
    alone = found.label(np.array([2]), cloud, np.zeros(1, int))
    np.testing.assert_allclose(alone[0][0].astype(int), labelled.contact[2].astype(int), atol=1)


@pytest.mark.parametrize("name", ["ours", "tip to base", "bone by bone", "palm last", "mano"])
def test_parts_in_another_order_are_refused_with_the_way_back(tmp_path, name):
    way = order.MANO if name == "mano" else order.CHAINS[name]
    part = np.array(way)[own.skins(1)["part"]]
    folder = own.mesh_folder(tmp_path, part=part)
    if name == "ours":
        assert len(kinds.load(folder)) == 6
    else:
        said = refusal(folder)
        assert f"ours = theirs[[{', '.join(map(str, way))}]]" in said
        assert ("MANO's order" in said) == (name == "mano")


def test_a_folder_that_lists_its_parts_by_name_is_believed(tmp_path):
    part = np.array(order.MANO)[own.skins(1)["part"]]
    arrays = {"object_of": np.repeat([0, 1], 3)} | own.skins(3) | {"part": part}
    files.write(tmp_path, "mesh", own.entries(), arrays, said={"parts": list(order.PARTS)})
    assert len(kinds.load(tmp_path)) == 6


@pytest.mark.parametrize("scale", [1000, 0.001])
def test_a_hand_in_another_unit_than_its_object_is_refused(tmp_path, scale):
    vertices = own.skins(3)["vertices"] * scale
    assert "mixed units: hands are" in refusal(own.mesh_folder(tmp_path, vertices=vertices))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"part": np.full(9, 16)}, "vertices has shape"),
        ({"part": own.skins(1)["part"] + 1}, "part runs from 1 to 16; number the parts 0 palm"),
        ({"faces": own.skins(1)["faces"] + 10}, "faces do not name the"),
        ({"faces": own.skins(1)["faces"][:0]}, "faces do not name the"),
        ({"faces": own.skins(1)["faces"] * 1.0}, "faces is of type float64"),
        ({"vertices": own.skins(3)["vertices"] * np.nan}, "vertices is not finite"),
        ({"joints": np.zeros((6, 15, 4, 4))}, "joints has shape [6, 15, 4, 4], not [6, 16, 4, 4]"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path, changed, said):
    assert said in refusal(own.mesh_folder(tmp_path, **changed))
