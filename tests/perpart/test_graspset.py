from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from perpart import hand
from perpart.data import folder as files
from perpart.data import graspset, kinds, things
from perpart.data.dataset import Contacts
from perpart.errors import Mistake
from tests.perpart import own
from tests.perpart.test_things import moved
from tests.perpart.unpacked import unpacked


def refusal(folder: Path) -> str:
    with pytest.raises(Mistake) as refused:
        graspset.load(folder)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_own_poses_need_no_bones_pre_shapes_or_figures(tmp_path):
    found = graspset.load(own.angles_folder(tmp_path))
    np.testing.assert_allclose(found.bones, np.tile(hand.MEAN_BONES, (6, 1)), rtol=1e-6)
    assert (found.preshapes, found.figures, found.quality.shape) == (("unknown",), (), (6, 0))
    assert [things.name(thing) for thing in found.objects] == ["ball", "can"]


@pytest.mark.parametrize(("unit", "up"), [("mm", "z"), ("cm", "y")])
def test_poses_move_with_their_object_so_that_labels_stay(tmp_path, unit, up):
    plain = graspset.load(own.angles_folder(tmp_path / "plain"))
    angles, root = own.hands()
    scale, shift = 1 / files.UNITS[unit], np.array([0.3, -0.2, 0.1])
    objects = [entry | {"mesh": moved(entry["mesh"], scale, up, tuple(shift))} for entry in own.entries()]
    turned = root.copy()
    turned[:, :3, 3] = (root[:, :3, 3] + shift) @ things.UPRIGHT[up] * scale
    turned[:, :3, :3] = things.UPRIGHT[up].T @ root[:, :3, :3]
    arrays = {"object_of": plain.object_of, "angles": angles, "root": turned}
    files.write(tmp_path / "other", "angles", objects, arrays, unit=unit, up=up)
    same = graspset.load(tmp_path / "other")
    np.testing.assert_allclose(same.root, plain.root, atol=1e-6)
    one, other = (unpacked(Contacts(data, "valid", augment=False)).contact.astype(int) for data in (plain, same))
    assert one.any()
    assert abs(one - other).max() <= 1


def test_an_own_set_saved_again_is_the_same(tmp_path):
    found = graspset.load(own.angles_folder(tmp_path / "one"))
    graspset.save(found, tmp_path / "two", {})
    again = graspset.load(tmp_path / "two")
    np.testing.assert_allclose(again.root, found.root, atol=1e-7)
    np.testing.assert_allclose(again.objects[1].vertices, found.objects[1].vertices, atol=1e-7)


def test_the_fingerprint_covers_the_meshes_but_not_how_the_unit_was_known(tmp_path):
    found = graspset.load(own.angles_folder(tmp_path))
    assert replace(found, notes=()).fingerprint() == found.fingerprint()
    other = replace(found.objects[1], vertices=found.objects[1].vertices * 1.01)
    assert replace(found, objects=(found.objects[0], other)).fingerprint() != found.fingerprint()


def test_the_shipped_set_is_what_it_was_before_folders_had_a_version():
    digest = "579e9ab88b4555531caedeff8ec6ad4a0664ccd032cffef370fa71f6be36eda0"
    assert kinds.load().fingerprint() == graspset.load().fingerprint() == digest


def test_degrees_are_refused(tmp_path):
    folder = own.angles_folder(tmp_path, angles=np.degrees(own.hands()[0]))
    assert "give radians, not degrees" in refusal(folder)


def test_frames_that_are_no_rotations_are_refused(tmp_path):
    root = own.hands()[1]
    root[4, :3, :3] *= 1.5
    assert "root is no rotation and place in 1 of 6 grasps (grasp 4 first)" in refusal(
        own.angles_folder(tmp_path, root=root)
    )
    root = own.hands()[1] * np.array([1, -1, 1, 1])[:, None]
    assert "in 6 of 6 grasps" in refusal(own.angles_folder(tmp_path, root=root))


@pytest.mark.parametrize("scale", [1000, 0.001])
def test_poses_in_another_unit_than_their_object_are_refused(tmp_path, scale):
    root = own.hands()[1]
    root[:, :3, 3] *= scale
    assert "mixed units: wrists are" in refusal(own.angles_folder(tmp_path, root=root))


def test_bones_in_millimetres_are_refused(tmp_path):
    bones = np.tile(hand.MEAN_BONES, (6, 1)) * 1000
    assert "give metres, whatever the folder's unit" in refusal(own.angles_folder(tmp_path, bones=bones))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"angles": np.zeros((6, 20))}, "angles has shape [6, 20], not [6, 21]"),
        ({"root": np.zeros((5, 4, 4))}, "root has shape [5, 4, 4], not [6, 4, 4]"),
        ({"angles": np.full((6, 21), np.nan)}, "angles is not finite in 126 of 126 numbers"),
        ({"angles": np.zeros((6, 21), int)}, "angles is of type int64"),
        ({"object_of": np.full(6, 2)}, "object_of names objects 2 to 2, which grasps.json does not list (2 there)"),
        ({"object_of": np.full(6, -1)}, "object_of names objects -1 to -1"),
        ({"object_of": np.zeros(6)}, "object_of is of type float64"),
        ({"kind": np.full(6, 3)}, "kind names a pre-shape that grasps.json does not"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path, changed, said):
    assert said in refusal(own.angles_folder(tmp_path, **changed))


def test_objects_without_grasps_are_no_reason_not_to_train(tmp_path):
    folder = own.angles_folder(tmp_path, object_of=np.zeros(6, int))
    assert len(graspset.load(folder).of("valid")) == 0


def test_other_kinds_are_for_other_commands(tmp_path):
    assert "holds no poses of our hand" in refusal(own.contact_folder(tmp_path))
