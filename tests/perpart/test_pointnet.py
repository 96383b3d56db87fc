import torch
from torch.nn.functional import normalize

from perpart import pointnet


def cloud(seed: int = 0, batch: int = 2, n: int = 300) -> torch.Tensor:
    """Points on spheres of 4 cm radius, in random order."""
    return 0.04 * normalize(torch.randn(batch, n, 3, generator=torch.Generator().manual_seed(seed)), dim=-1)


def test_a_ball_holds_only_points_within_its_radius():
    points = cloud()
    index = pointnet.ball(points, points[:, :50], 0.02, 16)
    reach = (pointnet.gather(points, index) - points[:, :50, None]).norm(dim=-1)
    assert index.shape == (2, 50, 16)
    assert reach.max() <= 0.02 + 1e-4


def test_a_crowded_ball_is_sampled_over_its_whole_width():
    points = cloud(n=3000)
    index = pointnet.ball(points, points[:, :50], 0.02, 16)
    reach = (pointnet.gather(points, index) - points[:, :50, None]).norm(dim=-1)
    assert reach.amax(-1).min() > 0.01


def test_an_empty_ball_falls_back_on_the_nearest_point():
    points = cloud()
    centre = torch.zeros(2, 1, 3) + torch.tensor([1.0, 0.0, 0.0])
    index = pointnet.ball(points, centre, 0.02, 4)
    nearest = (points - centre).norm(dim=-1).argmin(1)
    assert (index == nearest[:, None, None]).all()


def test_blending_at_a_centre_gives_that_centre_and_weights_sum_to_one():
    centres = cloud(n=20)
    weight = pointnet.blend(centres, centres)
    torch.testing.assert_close(weight.sum(-1), torch.ones(2, 20))
    assert (weight.argmax(-1) == torch.arange(20)).all()


def test_a_level_sees_shape_and_not_place():
    points, features = cloud(), torch.ones(2, 300, 8)
    level = pointnet.Ball(8, 16).eval()
    there = points + torch.tensor([0.3, -0.2, 0.1])
    here = level(points, features, points[:, :20], 0.02, 16)
    torch.testing.assert_close(here, level(there, features, there[:, :20], 0.02, 16), atol=1e-3, rtol=0)


def test_any_number_of_points_can_be_asked_for_their_features():
    net = pointnet.PointNet(8, 128).eval()
    points = cloud()
    shape = net(points, normalize(points, dim=-1))
    assert shape.centres.shape == (2, 32, 3)
    assert shape.at(cloud(1, n=777)).shape == (2, 777, 16)
    assert shape.whole.shape == (2, 32)


def test_a_sorted_cloud_is_covered_like_a_shuffled_one():
    points = cloud(n=2000)
    points = points.gather(1, points[..., :1].argsort(1).expand(-1, -1, 3))
    centres = pointnet.PointNet(8, 512).eval()(points, normalize(points, dim=-1)).centres
    gap = torch.cdist(points, centres).amin(-1)
    assert gap.max() < 0.025


def test_the_fixed_order_is_a_permutation_and_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    order = pointnet.scattered(100, torch.device("cpu"))
    assert torch.equal(order.sort().values, torch.arange(100))
    assert torch.equal(order, pointnet.scattered(100, torch.device("cpu")))
    assert torch.equal(before, torch.get_rng_state())
