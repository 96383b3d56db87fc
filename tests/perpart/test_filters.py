"""The filters a grasp must pass before physics tries it"""

import numpy as np
import pytest
import trimesh
from scipy.spatial import ConvexHull

from perpart.anatomy import ANGLES, FINGERS, MEAN_BONES
from perpart.grasps import filters
from perpart.hand import PARTS
from perpart.hands import Hands
from perpart.objects import field


def hands(angles: np.ndarray | None = None, at: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Hands:
    """One hand of mean size, flat if no angles are given, its wrist at a place."""
    root = np.eye(4)[None].copy()
    root[:, :3, 3] = at
    return Hands.of(np.zeros((1, len(ANGLES))) if angles is None else angles[None], root, MEAN_BONES[None])


def touching(*parts: str) -> np.ndarray:
    return np.array([[part in parts for part in PARTS]])


@pytest.fixture(scope="module")
def board() -> field.Field:
    """A board of 2 cm whose upper face is the plane z = 0."""
    mesh = trimesh.creation.box([0.3, 0.3, 0.02])
    mesh.apply_translation([0, 0, -0.01])
    return field.build(mesh)


def test_a_pinch_of_three_links_with_the_thumb_is_enough():
    assert filters.enough(touching("thumb3", "index3", "index2")).all()
    assert filters.enough(touching("palm", "index3", "middle3")).all()


@pytest.mark.parametrize(
    "parts",
    [
        ("thumb3", "index3"),
        ("thumb1", "thumb2", "thumb3"),
        ("index3", "middle3", "ring3"),
        ("palm", "index2", "index3"),
    ],
    ids=["two links", "one digit", "neither thumb nor palm", "palm and one finger"],
)
def test_less_is_not_enough(parts):
    assert not filters.enough(touching(*parts)).any()


def test_a_hand_deep_in_the_board_is_rejected_for_its_depth(board):
    verdict = filters.judge(board, hands(at=(0, 0, 0.02)))
    assert verdict.why == ("depth",)
    assert verdict.depth[0] > filters.DEPTH


def test_a_hand_in_the_air_is_rejected_for_its_links(board):
    verdict = filters.judge(board, hands(at=(0, 0, 0.1)))
    assert verdict.why == ("links",)
    assert verdict.depth[0] == 0
    assert not verdict.touching.any()


def test_an_open_hand_does_not_pass_through_itself_and_a_fist_of_crossing_fingers_does():
    spread = np.zeros(len(ANGLES))
    spread[ANGLES.index("thumb_cmc_radial")] = np.radians(45)
    assert filters.through_itself(hands(spread)).max() < filters.PASS
    crossing = np.zeros(len(ANGLES))
    crossing[[ANGLES.index(f"{finger}_mcp") for finger in FINGERS]] = np.radians(60)
    crossing[[ANGLES.index(f"{finger}_pip") for finger in FINGERS]] = np.radians(80)
    crossing[ANGLES.index("thumb_cmc_palmar")] = np.radians(35)
    assert filters.through_itself(hands(crossing)).max() > filters.PASS


def test_overlap_is_the_volume_of_a_cap(board):
    one = hands(at=(0, 0, 0.0235))
    centres, radii = one.balls(400)
    sunk = np.clip(radii - centres[..., 2], 0, None)
    assert 0.0005 < sunk.max() < 0.004
    columns = np.arange(-0.15, 0.15, 0.00025)
    deepest = np.zeros((len(columns), len(columns)))
    for centre, radius in zip(centres[sunk > 0], radii[sunk > 0], strict=True):
        away = (columns[:, None] - centre[0]) ** 2 + (columns - centre[1]) ** 2
        deepest = np.maximum(deepest, np.sqrt(np.clip(radius**2 - away, 0, None)) - centre[2])
    exact = np.clip(deepest, 0, None).sum() * 0.00025**2
    assert filters.overlap(filters.skin(board), board, one) == pytest.approx(exact, rel=0.25)


def test_contacts_all_round_a_ball_close_it_and_those_on_one_side_do_not():
    around = np.array([[1, 0, 0], [-0.5, 0.87, 0], [-0.5, -0.87, 0], [0, 0, 1.0], [0, 0, -1.0]])
    around /= np.linalg.norm(around, axis=1, keepdims=True)
    assert filters._measure(filters._wrenches(0.03 * around, around, 0.03)) > 0.05
    beside = around[[0, 3]] + [0.5, 0, 0.5]
    beside /= np.linalg.norm(beside, axis=1, keepdims=True)
    assert filters._measure(filters._wrenches(0.03 * beside, beside, 0.03)) == 0


def test_no_contact_closes_nothing(board):
    assert filters.closure(board, hands(at=(0, 0, 0.1)), 0.1) == 0


def test_the_measure_is_the_radius_of_the_ball_that_fits_into_the_hull():
    corners = np.concatenate([np.eye(6), -np.eye(6)])
    assert filters._measure(corners) == pytest.approx(1 / np.sqrt(6))
    assert filters._measure(corners + 0.1) < 1 / np.sqrt(6)
    assert filters._measure(corners[:7]) == 0


def test_the_quick_look_whether_wrenches_surround_the_origin_agrees_with_their_hull():
    rng = np.random.default_rng(0)
    for shift in np.repeat([0.0, 0.3, 0.6, 1.0], 10):
        wrenches = rng.standard_normal((20, 6)) + shift
        radius = -ConvexHull(wrenches).equations[:, -1].max()
        assert filters._around(wrenches) == (radius > 0)


def test_wrenches_stay_inside_the_friction_cone():
    normals = np.array([[0, 0, 1.0]])
    force = filters._wrenches(np.array([[0.0, 0.0, 0.02]]), normals, 0.05)[:, :3]
    assert (np.linalg.norm(force[:, :2], axis=1) <= filters.FRICTION * -force[:, 2] + 1e-12).all()
