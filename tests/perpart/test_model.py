import pytest
import torch
from torch.nn.functional import normalize

from perpart.losses import objective
from perpart.model import ContactCVAE, Decoder


def batch(size: int = 3, points: int = 128, seed: int = 0) -> dict[str, torch.Tensor]:
    """Spheres of 4 cm, each touched by five random parts within 2 cm of five random points."""
    g = torch.Generator().manual_seed(seed)
    normals = normalize(torch.randn(size, points, 3, generator=g), dim=-1)
    contact = torch.zeros(size, points, 16)
    for i in range(size):
        for part in torch.randperm(16, generator=g)[:5]:
            gap = (normals[i] - normals[i, torch.randint(points, (), generator=g)]).norm(dim=-1) * 0.04
            contact[i, :, part] = (1 - gap / 0.02).clamp(0, 1)
    direction = normalize(torch.randn(size, points, 3, generator=g), dim=-1)
    return {
        "points": 0.04 * normals,
        "normals": normals,
        "contact": contact,
        "part": contact.argmax(-1),
        "direction": direction,
    }


@pytest.fixture
def model() -> ContactCVAE:
    torch.default_generator.manual_seed(0)
    return ContactCVAE(width=8, points=128)


def test_the_maps_have_their_shapes_and_directions_are_unit(model):
    out = model(batch())
    assert out["contact"].shape == out["part"].shape == (3, 128, 16)
    assert [mu.shape for mu in out["mu"]] == [(3, 48)]
    torch.testing.assert_close(out["direction"].norm(dim=-1), torch.ones(3, 128))


def test_every_parameter_gets_a_gradient(model):
    data = batch()
    for gate in (model.prior.leave[1], *(block.turn for block in model.prior.blocks)):
        torch.nn.init.normal_(gate.weight)  # 0 at first, which stops what comes before it for a single step
    objective(model(data), data, 1e-3)["loss"].backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    assert all(p.grad.abs().sum() > 0 for name, p in model.named_parameters() if "weight" in name)


def test_a_step_repeats_bit_for_bit_with_deterministic_algorithms(model):
    torch.use_deterministic_algorithms(True)
    try:
        runs = [gradients(model) for _ in range(2)]
    finally:
        torch.use_deterministic_algorithms(False)
    assert all(torch.equal(a, b) for a, b in zip(*runs, strict=True))


def gradients(model: ContactCVAE) -> list[torch.Tensor]:
    torch.default_generator.manual_seed(7)
    model.zero_grad()
    data = batch()
    objective(model(data), data, 1e-3)["loss"].backward()
    return [p.grad.clone() for p in model.parameters()]


def test_training_draws_from_the_global_generator_and_evaluation_does_not(model):
    state = torch.get_rng_state()
    model(batch())
    assert not torch.equal(state, torch.get_rng_state())
    state = torch.get_rng_state()
    model.eval()(batch())
    assert torch.equal(state, torch.get_rng_state())


def test_samples_are_the_noises_and_no_one_elses(model):
    model.eval()
    data, noise = batch(1, 400), torch.randn(4, 48, generator=torch.Generator().manual_seed(3))
    state = torch.get_rng_state()
    draws = [model.draw(noise, data["points"], data["normals"]) for _ in range(2)]
    assert torch.equal(draws[0].contact, draws[1].contact)
    assert torch.equal(state, torch.get_rng_state())
    assert draws[0].contact.shape == (4, 400, 16)
    assert draws[0].part.shape == (4, 400)
    assert draws[0].direction.shape == (4, 400, 3)
    assert not torch.equal(draws[0].contact[0], draws[0].contact[1])


def test_a_latents_maps_do_not_depend_on_the_others_drawn_with_it(model):
    model.eval()
    data = batch(1)
    latent = torch.randn(5, 48, generator=torch.Generator().manual_seed(1))
    together = model.decode(latent, data["points"], data["normals"])
    alone = model.decode(latent[3:4], data["points"], data["normals"])
    assert torch.equal(together.contact[3:4], alone.contact)


def test_a_sample_does_not_depend_on_how_many_are_drawn_after_it(model):
    model.eval()
    torch.nn.init.normal_(model.prior.leave[1].weight)
    data, noise = batch(1), torch.randn(40, 48, generator=torch.Generator().manual_seed(3))
    few, many = (model.draw(noise[:n], data["points"], data["normals"]).contact for n in (3, 40))
    assert torch.equal(few, many[:3])


def test_the_doubt_of_a_map_is_how_far_the_posterior_sees_its_latent(model):
    model.eval()
    data, latents = batch(1, 300), torch.randn(3, 48, generator=torch.Generator().manual_seed(1))
    maps = model.decode(latents, data["points"], data["normals"])
    for i, latent in enumerate(latents):
        own = {"contact": maps.contact[i : i + 1], "part": maps.part[i : i + 1], "direction": maps.direction[i : i + 1]}
        seen = model({"points": data["points"], "normals": data["normals"], **own})
        (mu,), (logvar,) = seen["mu"], seen["logvar"]
        far = ((mu[0] - latent) ** 2 / (logvar[0].exp() + 0.02)).mean()
        torch.testing.assert_close(maps.doubt[i], far)
    assert len(maps.doubt.unique()) == 3


def test_maps_are_sharpened_but_doubted_as_the_decoder_leaves_them(model):
    model.eval()
    data, latents = batch(1), torch.randn(2, 48, generator=torch.Generator().manual_seed(1))
    soft = model.decode(latents, data["points"], data["normals"])
    model.chances.sharpness = torch.tensor(1.5)
    sharp = model.decode(latents, data["points"], data["normals"])
    torch.testing.assert_close(sharp.contact, (1.5 * soft.contact.logit()).sigmoid())
    assert torch.equal(sharp.doubt, soft.doubt)
    assert torch.equal(sharp.expected, soft.expected)


def test_dreams_of_many_objects_are_samples_of_each(model):
    model.eval()
    torch.nn.init.normal_(model.prior.leave[1].weight)
    data = batch(3)
    dreams = model.dream(data, 1, torch.Generator().manual_seed(3))
    noise = torch.randn(1, 3, 48, generator=torch.Generator().manual_seed(3))[0]
    for i in range(3):
        alone = model.draw(noise[i : i + 1], data["points"][i : i + 1], data["normals"][i : i + 1]).contact
        torch.testing.assert_close(dreams[:, i], alone)


def test_the_prior_follows_the_posterior_and_does_not_lead_it(model):
    data = batch()
    model(data)["flow"].backward()
    assert all(p.grad is None for p in model.posterior.parameters())
    assert all(p.grad is not None for p in model.prior.parameters())


def test_one_more_dense_cloud_is_encoded_from_as_many_points(model):
    out = model.eval()(batch(points=500))
    assert out["contact"].shape == (3, 500, 16)


def test_an_untouched_cloud_is_no_accident(model):
    data = batch()
    data["contact"] = torch.zeros_like(data["contact"])
    terms = objective(model(data), data, 1e-3)
    terms["loss"].backward()
    assert all(value.isfinite() for value in terms.values())
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


def test_the_latent_decides_the_maps():
    torch.default_generator.manual_seed(0)
    decoder = Decoder(8, 4)
    query, points = torch.randn(1, 20, 16), torch.randn(1, 20, 3)
    maps = [decoder(latent, torch.zeros(1, 32), query, points)["contact"] for latent in torch.eye(4)[:2, None]]
    assert not torch.equal(*maps)


def test_a_handful_of_grasps_is_learnt():
    torch.default_generator.manual_seed(0)
    model, data = ContactCVAE(width=8, points=64), batch(4, 64)
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    for _ in range(200):
        optimizer.zero_grad()
        objective(model(data), data, 1e-4)["loss"].backward()
        optimizer.step()
    model.eval()
    guess, target = model(data)["contact"] > 0, data["contact"] >= 0.5
    f1 = 2 * (guess & target).sum() / (guess.sum() + target.sum())
    assert f1 > 0.8
