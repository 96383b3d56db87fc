from collections.abc import Callable

import pytest
import torch
from torch.nn.functional import normalize

from perpart.pointnet import Shape
from perpart.prior import Prior


def told(whole: torch.Tensor, tokens: torch.Tensor | None = None) -> Shape:
    """Objects of which no more is known than this."""
    n, channels = whole.shape
    return Shape(
        torch.zeros(n, 1, 3), torch.zeros(n, 1, 1), whole, torch.zeros(n, 4, channels + 3) if tokens is None else tokens
    )


def rings(radius: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Latents on circles of these radii: nothing like a normal distribution."""
    return radius * normalize(torch.randn(len(radius), 2, generator=generator), dim=-1)


def radii(n: int) -> torch.Tensor:
    return torch.tensor([1.0, 2.0]).repeat(n // 2)[:, None]


def by_the_whole(radius: torch.Tensor) -> Shape:
    return told(radius)


def by_a_token(radius: torch.Tensor) -> Shape:
    """The radius is told by the one token that lies at a place of its own."""
    tokens = torch.zeros(len(radius), 4, 4)
    tokens[:, :, 1] = torch.arange(4.0)
    tokens[:, 2, :1] = radius
    return told(torch.zeros_like(radius), tokens)


@pytest.mark.parametrize("tell", [by_the_whole, by_a_token])
def test_noise_is_carried_to_where_latents_of_this_object_are(tell: Callable[[torch.Tensor], Shape]):
    generator = torch.Generator().manual_seed(0)
    torch.default_generator.manual_seed(0)
    prior, radius = Prior(2, 1, 32), radii(64)
    optimizer = torch.optim.Adam(prior.parameters(), 3e-3)
    for _ in range(300):
        optimizer.zero_grad()
        prior.misfit(rings(radius, generator), tell(radius)).backward()
        optimizer.step()
    radius, noise = radii(2), torch.randn(2, 200, 2, generator=generator)
    with torch.no_grad():
        reached = prior.carry(noise, tell(radius)).norm(dim=-1)
    assert (reached - radius).abs().median() < 0.2
    assert (noise.norm(dim=-1) - radius).abs().median() > 0.3


def test_an_untrained_prior_is_the_standard_normal():
    prior, noise = Prior(4, 3, 8), torch.randn(2, 5, 4)
    torch.nn.init.zeros_(prior.leave[1].bias)
    torch.testing.assert_close(prior.carry(noise, told(torch.randn(2, 3))), noise)


def test_latents_of_one_object_do_not_see_each_other():
    prior, noise = Prior(4, 3, 8), torch.randn(2, 5, 4)
    torch.nn.init.normal_(prior.leave[1].weight)
    shape = told(torch.randn(2, 3), torch.randn(2, 4, 6))
    together = prior.carry(noise, shape)
    alone = torch.cat([prior.carry(noise[:, i : i + 1], shape) for i in range(5)], dim=1)
    torch.testing.assert_close(together, alone)


def test_training_draws_from_the_global_generator():
    prior, latent, shape = Prior(4, 3, 8), torch.randn(5, 4), told(torch.randn(5, 3))
    torch.nn.init.normal_(prior.leave[1].weight)
    first, second = (prior.misfit(latent, shape) for _ in range(2))
    assert first != second
    first, second = (prior.eval().misfit(latent, shape) for _ in range(2))
    assert first == second
