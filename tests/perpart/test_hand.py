"""The hand: its shape, its kinematics and its signed distance"""

import numpy as np
import pytest
import torch

from perpart import hand
from perpart.anatomy import CONE_PARTS
from perpart.errors import Mistake
from tests.perpart import dense

FLAT = torch.zeros(1, len(hand.ANGLES), dtype=torch.float64)
HERE = torch.eye(4, dtype=torch.float64)[None]
MEAN = torch.tensor(hand.MEAN_BONES)[None]


def drawn(n: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """n random hands: angles within the limits, root frames turned anyhow, sizes of people."""
    rng = np.random.default_rng(seed)
    angles = hand.limited(rng.uniform(hand.LIMITS[:, 0], hand.LIMITS[:, 1], (n, len(hand.ANGLES))))
    return torch.tensor(angles), moved(rng, n), torch.tensor(hand.draw_bones(rng, n))


def moved(rng: np.random.Generator, n: int) -> torch.Tensor:
    """n rigid motions."""
    turns, corner = np.linalg.qr(rng.standard_normal((n, 3, 3)))
    turns = turns * np.sign(np.diagonal(corner, axis1=1, axis2=2))[:, None]
    turns[:, :, 0] *= np.linalg.det(turns)[:, None]
    frames = np.tile(np.eye(4), (n, 1, 1))
    frames[:, :3, :3], frames[:, :3, 3] = turns, rng.uniform(-0.1, 0.1, (n, 3))
    return torch.tensor(frames)


def around(posed: hand.Posed, n: int, seed: int = 1) -> torch.Tensor:
    """n points per hand, in it and around it."""
    rng = np.random.default_rng(seed)
    ends = torch.cat([posed.a, posed.b], 1)
    chosen = ends[:, rng.integers(ends.shape[1], size=n)]
    return chosen + torch.tensor(0.02 * rng.standard_normal((len(ends), n, 3)))


def test_there_are_sixteen_parts_in_the_agreed_order():
    assert len(hand.PARTS) == 16
    assert [hand.PARTS[i] for i in (0, 1, 4, 7, 10, 13, 15)] == [
        "palm", "thumb1", "index1", "middle1", "ring1", "little1", "little3",
    ]  # fmt: skip


def test_the_mean_hand_has_the_lengths_of_the_table():
    frames = hand.pose(FLAT, HERE, MEAN).frames[0, :, :3, 3]
    between = (frames[1:] - frames[:-1]).norm(dim=-1) * 1000
    thumb, index, little = between[[1, 2]], between[[4, 5]], between[[13, 14]]
    torch.testing.assert_close(thumb, torch.tensor([46.2, 31.6], dtype=torch.float64))
    torch.testing.assert_close(index, torch.tensor([39.8, 22.4], dtype=torch.float64))
    torch.testing.assert_close(little, torch.tensor([32.7, 18.1], dtype=torch.float64))


@pytest.mark.parametrize(
    ("part", "millimetres"), [("thumb3", 27.4), ("index3", 19.6), ("middle3", 21.4), ("little3", 19.7)]
)
def test_a_finger_ends_where_its_soft_tip_ends(part, millimetres):
    posed = hand.pose(FLAT, HERE, MEAN)
    cone = posed.part.tolist().index(hand.PARTS.index(part))
    reach = (posed.b - posed.a)[0, cone].norm() + posed.rb[0, cone]
    assert float(reach) * 1000 == pytest.approx(millimetres)


def test_the_palm_is_as_broad_as_a_palm():
    knuckles = hand.pose(FLAT, HERE, MEAN)
    points = torch.cat([knuckles.a[0, :4], knuckles.b[0, :4]])
    radii = torch.cat([knuckles.ra[0, :4], knuckles.rb[0, :4]])
    breadth = (points[:, 1] + radii).max() - (points[:, 1] - radii).min()
    assert 0.075 <= float(breadth) <= 0.084


def test_it_is_a_right_hand():
    at = hand.pose(FLAT, HERE, MEAN).frames[0, :, :3, 3]
    to_fingers, to_thumb = at[7] - at[0], at[2] - at[13]
    palm_looks_down = torch.tensor([0.0, 0.0, -1.0], dtype=torch.float64)
    assert float(torch.linalg.cross(to_fingers, to_thumb) @ palm_looks_down) < 0


def test_flexion_brings_the_fingertips_to_the_palms_side():
    bent = FLAT.clone()
    bent[:, [hand.ANGLES.index(f"{finger}_mcp") for finger in hand.FINGERS]] = np.pi / 2
    tips = hand.pose(bent, HERE, MEAN).b[0, [CONE_PARTS.index(part) for part in (6, 9, 12, 15)]]
    assert (tips[:, 2] < -0.06).all()


def test_distance_agrees_with_balls_densely_strung_along_every_cone():
    posed = hand.pose(*drawn(4))
    points = around(posed, 200)
    share = torch.linspace(0, 1, 4001, dtype=torch.float64)
    got, _ = hand.distance(posed, points)
    for part in range(16):
        dense = torch.full(points.shape[:2], np.inf, dtype=torch.float64)
        for cone in (posed.part == part).nonzero()[:, 0].tolist():
            centres = posed.a[:, cone, None] + share[:, None] * (posed.b - posed.a)[:, cone, None]
            radii = posed.ra[:, cone, None] + share * (posed.rb - posed.ra)[:, cone, None]
            dense = dense.minimum((torch.cdist(points, centres) - radii[:, None]).amin(-1))
        torch.testing.assert_close(got[..., part], dense, atol=5e-8, rtol=0)


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_distance_is_that_to_a_dense_mesh_of_the_part_to_a_tenth_of_a_millimetre(seed):
    posed = hand.pose(*drawn(1, seed))
    rng = np.random.default_rng(seed)
    ends = torch.cat([posed.a, posed.b], 1)[0].numpy()
    spread = rng.choice([0.005, 0.02, 0.08], (150, 1))  # in it, on it, and where a taper left out would show
    points = ends[rng.integers(len(ends), size=150)] + spread * rng.normal(size=(150, 3))
    expected = np.full((150, 16), np.inf)
    for number, part in enumerate(posed.part.tolist()):
        mesh = dense.cone(*(array[0, number].numpy() for array in (posed.a, posed.b, posed.ra, posed.rb)))
        assert mesh.off() < 0.00005
        expected[:, part] = np.minimum(expected[:, part], mesh.signed(points))
    got, _ = hand.distance(posed, torch.tensor(points)[None])
    np.testing.assert_allclose(got[0], expected, rtol=0, atol=0.0001)


def test_the_point_minus_distance_times_gradient_lies_on_the_part():
    posed = hand.pose(*drawn(3))
    points = around(posed, 100)
    far, way = hand.distance(posed, points)
    for part in range(16):
        nearest = points - far[..., part, None] * way[..., part, :]
        outside = far[..., part] > 0  # inside a union such as the palm, the nearest cone's surface may be covered
        on = hand.distance(posed, nearest)[0][..., part][outside]
        torch.testing.assert_close(on, torch.zeros_like(on), atol=1e-9, rtol=0)


def test_the_gradient_is_a_unit_vector_and_equals_autograd():
    posed = hand.pose(*drawn(3))
    points = around(posed, 100).requires_grad_()
    far, way = hand.distance(posed, points)
    torch.testing.assert_close(way.norm(dim=-1), torch.ones_like(far))
    for part in range(16):
        (slope,) = torch.autograd.grad(far[..., part].sum(), points, retain_graph=True)
        torch.testing.assert_close(way[..., part, :], slope)


def test_distance_in_single_precision_is_good_to_a_micrometre():
    angles, root, bones = drawn(4)
    points = around(hand.pose(angles, root, bones), 200)
    exact, _ = hand.distance(hand.pose(angles, root, bones), points)
    single, _ = hand.distance(hand.pose(angles.float(), root.float(), bones.float()), points.float())
    torch.testing.assert_close(single.double(), exact, atol=1e-6, rtol=0)


def test_moving_hand_and_points_together_changes_no_distance():
    angles, root, bones = drawn(3)
    posed = hand.pose(angles, root, bones)
    points = around(posed, 100)
    far, way = hand.distance(posed, points)
    motion = moved(np.random.default_rng(5), 3)
    turned = points @ motion[:, :3, :3].mT + motion[:, None, :3, 3]
    far_moved, way_moved = hand.distance(hand.pose(angles, motion @ root, bones), turned)
    torch.testing.assert_close(far_moved, far)
    torch.testing.assert_close(way_moved, torch.einsum("bij,bpkj->bpki", motion[:, :3, :3], way))


def test_distance_is_differentiable_in_angles_root_and_sizes():
    angles, root, bones = (tensor.requires_grad_() for tensor in drawn(1))
    points = around(hand.pose(*(tensor.detach() for tensor in (angles, root, bones))), 4)

    def total(*inputs: torch.Tensor) -> torch.Tensor:
        return hand.distance(hand.pose(*inputs), points)[0].sum((1, 2))

    assert torch.autograd.gradcheck(total, (angles, root, bones), eps=1e-7, atol=1e-5)


def test_frames_are_rigid_and_start_at_their_joints():
    posed = hand.pose(*drawn(5))
    turns = posed.frames[..., :3, :3]
    identity = torch.eye(3, dtype=torch.float64).expand_as(turns)
    torch.testing.assert_close(turns @ turns.mT, identity)
    torch.testing.assert_close(torch.linalg.det(turns), torch.ones(5, 16, dtype=torch.float64))
    torch.testing.assert_close(posed.frames[:, 1:, :3, 3], posed.a[:, 6:])


def test_meshes_are_closed_and_lie_on_the_surface():
    posed = hand.pose(*drawn(2))[1:]
    shown = hand.meshes(posed, step=0.004)
    assert len(shown) == 16
    for part, mesh in enumerate(shown):
        assert mesh.is_watertight
        off = hand.distance(posed, torch.tensor(mesh.vertices)[None])[0][0, :, part]
        assert float(off.abs().max()) < 0.001


def test_wrong_shapes_are_told_in_one_line():
    with pytest.raises(Mistake, match=r"angles have shape \(1, 20\)"):
        hand.pose(FLAT[:, 1:], HERE, MEAN)
    with pytest.raises(Mistake, match="2 hands in the batch"):
        hand.meshes(hand.pose(*drawn(2)))
