import numpy as np
import torch
from torch.nn.functional import normalize

from perpart import balls, pointnet


def cloud(seed: int = 0, batch: int = 2, n: int = 300) -> torch.Tensor:
    """Points on spheres of 4 cm radius, in random order."""
    return 0.04 * normalize(torch.randn(batch, n, 3, generator=torch.Generator().manual_seed(seed)), dim=-1)


def test_blending_at_a_centre_gives_that_centre_and_weights_sum_to_one():
    centres = cloud(n=20)
    weight = pointnet.blend(centres, centres)
    torch.testing.assert_close(weight.sum(-1), torch.ones(2, 20))
    assert (weight.argmax(-1) == torch.arange(20)).all()


def test_a_level_sees_shape_and_not_place():
    points, features = cloud(), torch.ones(2, 300, 8)
    level = pointnet.Ball(8, 16, "layer").eval()
    there = points + torch.tensor([0.3, -0.2, 0.1])
    index = balls.ball(points, points[:, :20], 0.02, 16)
    here = level(points, features, points[:, :20], 0.02, index)
    torch.testing.assert_close(here, level(there, features, there[:, :20], 0.02, index), atol=1e-3, rtol=0)


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


def test_with_the_balls_found_beforehand_the_shape_is_the_same():
    net, points = pointnet.PointNet(8, 300).eval(), cloud()
    near, far = (torch.from_numpy(np.stack(level)) for level in zip(*map(balls.tables, points.numpy()), strict=True))
    found, known = (net(points, normalize(points, dim=-1), tables) for tables in (None, (near, far)))
    torch.testing.assert_close(known.features, found.features)
    torch.testing.assert_close(known.whole, found.whole)


def test_balls_that_were_found_on_another_cloud_give_another_shape():
    net, points = pointnet.PointNet(8, 300).eval(), cloud()
    near, far = (torch.from_numpy(np.stack(level)) for level in zip(*map(balls.tables, cloud(1).numpy()), strict=True))
    found, known = (net(points, normalize(points, dim=-1), tables) for tables in (None, (near, far)))
    assert not torch.allclose(known.features, found.features)
