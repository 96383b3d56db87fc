import numpy as np
import pytest

from perpart import hand
from perpart.data import kinds, poses
from tests.perpart import own


def test_good_hands_are_left_alone(tmp_path):
    found = kinds.load(own.angles_folder(tmp_path))
    assert list(poses.beyond(found)) == list(poses.deep(found)) == []


def test_joints_beyond_their_limits_are_counted_and_the_worst_is_named(tmp_path):
    angles = own.hands()[0]
    angles[2, hand.ANGLES.index("index_pip")] = np.radians(134)
    angles[4, hand.ANGLES.index("thumb_ip")] = np.radians(-30)
    ((what, do),) = poses.beyond(kinds.load(own.angles_folder(tmp_path, angles=angles)))
    assert what.startswith("2 of 6 grasps bend a joint beyond its limits; worst is grasp 2, index_pip at 134 degrees")
    assert "(0 to 100)" in what
    assert "hand.limited" in do


@pytest.mark.parametrize("kind", ["angles", "mesh"])
def test_hands_deep_in_their_object_are_counted_and_the_worst_is_named(tmp_path, kind):
    root = own.hands()[1]
    root[3, :3, 3] -= 0.02 * root[3, :3, 2]  # two centimetres further towards where the palm looks
    skin = own.skins(3)
    down = skin["vertices"].copy()
    down[3] -= (0.02 * root[3, :3, 2]).astype(np.float32)
    write, changed = {"angles": (own.angles_folder, {"root": root}), "mesh": (own.mesh_folder, {"vertices": down})}[
        kind
    ]
    ((what, _),) = poses.deep(kinds.load(write(tmp_path, **changed)))
    assert what.startswith("1 of 6 grasps penetrate their object by more than 5 mm; worst is grasp 3, ")
    assert what.endswith("in 'can'")
    assert 8 < float(what.split("grasp 3, ")[1].split()[0]) < 25
