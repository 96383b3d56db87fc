"""Signed distance for torch"""

import numpy as np
import torch

from perpart.fits.ground import BALLS, clear
from perpart.hands import gaps
from tests.perpart.fitting import single


def test_it_is_the_field_with_a_gradient(toothpaste):
    low, high = toothpaste.thing.mesh.bounds
    points = np.random.default_rng(0).uniform(low - 0.015, high + 0.015, (500, 3)).astype(np.float32)
    asked = torch.from_numpy(points).requires_grad_(True)
    far = toothpaste.place.ground.distance(asked)
    true, slope = toothpaste.thing.field.distance(points)
    np.testing.assert_allclose(far.detach(), true, atol=2e-6)
    far.sum().backward()
    unit = torch.nn.functional.normalize(asked.grad, dim=-1)
    assert np.median((unit.numpy() * slope).sum(-1)) > 0.999


def test_balls_are_as_clear_as_the_data_s_filters_say(toothpaste):
    free = clear(toothpaste.place.ground, single(toothpaste.hands.posed))
    np.testing.assert_allclose(free, gaps(toothpaste.thing.field, *toothpaste.hands.balls(BALLS)), atol=5e-6)
