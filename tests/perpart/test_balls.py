import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch.nn.functional import normalize

from perpart import balls
from perpart.pointnet import gather


def cloud(seed: int = 0, batch: int = 2, n: int = 300) -> torch.Tensor:
    """Points on spheres of 4 cm radius, in random order."""
    return 0.04 * normalize(torch.randn(batch, n, 3, generator=torch.Generator().manual_seed(seed)), dim=-1)


def test_a_ball_holds_only_points_within_its_radius():
    points = cloud()
    index = balls.ball(points, points[:, :50], 0.02, 16)
    reach = (gather(points, index) - points[:, :50, None]).norm(dim=-1)
    assert index.shape == (2, 50, 16)
    assert reach.max() <= 0.02 + 1e-4


def test_a_crowded_ball_is_sampled_over_its_whole_width():
    points = cloud(n=3000)
    index = balls.ball(points, points[:, :50], 0.02, 16)
    reach = (gather(points, index) - points[:, :50, None]).norm(dim=-1)
    assert reach.amax(-1).min() > 0.01


def test_an_empty_ball_falls_back_on_the_nearest_point():
    points = cloud()
    centre = torch.zeros(2, 1, 3) + torch.tensor([1.0, 0.0, 0.0])
    index = balls.ball(points, centre, 0.02, 4)
    nearest = (points - centre).norm(dim=-1).argmin(1)
    assert (index == nearest[:, None, None]).all()


def test_the_fixed_order_is_a_permutation_and_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    order = balls.scattered(100, torch.device("cpu"))
    assert torch.equal(order.sort().values, torch.arange(100))
    assert torch.equal(order, balls.scattered(100, torch.device("cpu")))
    assert torch.equal(before, torch.get_rng_state())


def test_what_is_found_beforehand_is_what_is_found_on_the_way():
    points = cloud(batch=1, n=2000)
    order = balls.scattered(2000, points.device)
    near, far = balls.tables(points[0].numpy())
    taken = points[:, order]
    assert (near.shape, far.shape) == ((500, 16), (125, 16))
    found = balls.ball(taken, taken[:, :500], balls.RADII[0], balls.NEIGHBOURS)[0].numpy()
    np.testing.assert_array_equal(near, found)
    beyond = balls.ball(taken[:, :500], taken[:, :125], balls.RADII[1], balls.NEIGHBOURS)[0].numpy()
    np.testing.assert_array_equal(far, beyond)


def test_an_object_that_is_turned_keeps_its_balls():
    points = cloud(batch=1)[0].numpy()
    turned = points @ Rotation.from_euler("xyz", [20, -10, 30], degrees=True).as_matrix().astype(np.float32).T
    for here, there in zip(balls.tables(points), balls.tables(turned), strict=True):
        np.testing.assert_array_equal(here, there)


def test_where_fewer_lie_in_a_ball_the_nearest_stands_in():
    points = np.array([[0, 0, 0], [0.01, 0, 0], [0.05, 0, 0], [1, 0, 0]], np.float32)
    index = balls.lowest(points, points, 0.02)
    assert index.tolist() == [[0, 1, 0, 0], [0, 1, 1, 1], [2, 2, 2, 2], [3, 3, 3, 3]]
    apart = balls.lowest(points, np.array([[5, 0, 0]], np.float32), 0.02)
    assert apart.tolist() == [[3, 3, 3, 3]]
