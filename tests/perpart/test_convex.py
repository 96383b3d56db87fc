"""A mesh as convex pieces"""

import numpy as np
import trimesh
from manifold3d import Manifold, OpType

from perpart import objects
from perpart.fits.convex import MOST, hulls


def volume(pieces) -> float:
    return Manifold.batch_boolean([Manifold.hull_points(piece) for piece in pieces], OpType.Add).volume()


def test_a_box_is_one_piece():
    (piece,) = hulls(trimesh.creation.box((0.05, 0.06, 0.07)))
    assert np.ptp(piece, axis=0).round(6).tolist() == [0.05, 0.06, 0.07]


def test_two_boxes_apart_are_two_pieces():
    mesh = trimesh.util.concatenate([
        trimesh.creation.box((0.02,) * 3), trimesh.creation.box((0.02,) * 3, np.diag([1.0] * 4) + _aside(0.1)),
    ])  # fmt: skip
    assert len(hulls(mesh)) == 2


def test_a_mug_stays_hollow_and_keeps_its_handle():
    mesh = objects.build("mug", 0).mesh
    pieces = hulls(mesh)
    assert 10 < len(pieces) <= MOST + 8
    assert mesh.volume <= volume(pieces) + 1e-9
    assert volume(pieces) < 1.25 * mesh.volume  # walls of 4 mm, thicker by some tenths
    assert volume(pieces) < 0.5 * mesh.convex_hull.volume


def _aside(x: float) -> np.ndarray:
    shift = np.zeros((4, 4))
    shift[0, 3] = x
    return shift
