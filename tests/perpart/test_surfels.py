"""Points all over a hand"""

import numpy as np
import torch
from scipy.spatial import KDTree

from perpart import hand
from perpart.hands import Hands
from perpart.surfels import surfels

HALF = Hands.of(hand.limited(hand.LIMITS[None, :, 1] * 0.5), np.eye(4)[None], hand.MEAN_BONES[None]).posed


def test_every_point_lies_on_the_hands_surface_and_its_normal_points_out_of_it():
    skin = surfels(HALF, 0.002)
    signed, gradient = (a[0].numpy() for a in hand.distance(HALF, torch.as_tensor(skin.points[None, :, :3])))
    assert abs(signed.min(axis=1)).max() < 2e-6
    mine = gradient[np.arange(len(skin.part)), skin.part]
    # Where two cones of the palm meet, the nearest one is a matter of rounding.
    agree = np.einsum("ij,ij->i", mine, skin.points[:, 3:]) > 0.999
    assert agree.mean() > 0.99
    assert agree[skin.part > 0].all()


def test_every_part_shows_and_there_are_no_holes():
    skin = surfels(HALF, 0.001)
    assert set(skin.part) == set(range(16))
    for part, mesh in enumerate(hand.meshes(HALF, 0.004)):
        signed = hand.distance(HALF, torch.tensor(mesh.triangles_center[None]))[0][0].numpy()
        outer = (np.delete(signed, part, axis=1) > 0.001).all(axis=1)
        assert KDTree(skin.points[:, :3]).query(mesh.triangles_center[outer])[0].max() < 0.002


def test_the_same_hand_gives_the_same_points():
    np.testing.assert_array_equal(surfels(HALF, 0.003).points, surfels(HALF, 0.003).points)
