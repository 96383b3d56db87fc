import torch
from torch.nn.functional import normalize

from perpart.prior import Prior


def rings(n: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Latents on a circle whose radius the object tells: nothing like a normal distribution."""
    radius = torch.randint(1, 3, (n, 1), generator=generator).float()
    return radius * normalize(torch.randn(n, 2, generator=generator), dim=-1), radius


def test_noise_is_carried_to_where_latents_of_this_object_are():
    generator = torch.Generator().manual_seed(0)
    torch.default_generator.manual_seed(0)
    prior = Prior(2, 1, 32)
    optimizer = torch.optim.Adam(prior.parameters(), 3e-3)
    for _ in range(600):
        latent, radius = rings(128, generator)
        optimizer.zero_grad()
        prior.misfit(latent, radius).backward()
        optimizer.step()
    noise, radius = torch.randn(400, 2, generator=generator), torch.tensor([1.0, 2.0]).repeat_interleave(200)[:, None]
    with torch.no_grad():
        reached = prior.carry(noise, radius).norm(dim=-1, keepdim=True)
    assert (reached - radius).abs().median() < 0.2
    assert (noise.norm(dim=-1, keepdim=True) - radius).abs().median() > 0.3


def test_an_untrained_prior_is_the_standard_normal():
    prior, noise = Prior(4, 3, 8), torch.randn(5, 4)
    torch.nn.init.zeros_(prior.leave.bias)
    torch.testing.assert_close(prior.carry(noise, torch.randn(5, 3)), noise)


def test_training_draws_from_the_global_generator():
    prior, latent, whole = Prior(4, 3, 8), torch.randn(5, 4), torch.randn(5, 3)
    first, second = (prior.misfit(latent, whole) for _ in range(2))
    assert first != second
