import pytest
import torch

from perpart.ancestor import ThreeStages, evidence
from tests.perpart.test_model import batch


@pytest.fixture
def model() -> ThreeStages:
    torch.default_generator.manual_seed(0)
    return ThreeStages(8, 128)


def test_three_latents_and_maps_of_every_kind(model):
    out = model(batch())
    assert [mu.shape for mu in out["mu"]] == [(3, 16)] * 3
    assert out["one"].shape == (3, 128)
    assert out["contact"].shape == out["part"].shape == (3, 128, 16)
    torch.testing.assert_close(out["direction"].norm(dim=-1), torch.ones(3, 128))


def test_the_one_contact_is_given_to_the_likeliest_part(model):
    out = model.eval()(batch())
    maps = out["contact"].sigmoid()
    torch.testing.assert_close(maps.amax(-1), out["one"].sigmoid(), atol=2e-4, rtol=0)
    assert torch.equal(maps.argmax(-1), out["part"].argmax(-1))
    assert maps.sort(-1).values[..., :-1].max() < 2e-4


def test_in_training_the_later_stages_are_told_the_truth_and_in_evaluation_not(model):
    data = batch()
    other = data | {"part": (data["part"] + 5) % 16}
    latents = torch.zeros(3, 48)
    shape = model.encoded(data)
    query = model.decoder.ask(shape, data["points"], data["normals"])
    taught = [model.decoder.staged(latents, shape.whole, query, evidence(each))["direction"] for each in (data, other)]
    assert not torch.equal(*taught)
    data_, other_ = (model.eval().decoder(latents, shape.whole, query, data["points"]) for _ in range(2))
    assert torch.equal(data_["direction"], other_["direction"])


def test_every_parameter_gets_a_gradient(model):
    out = model(batch())
    (
        out["contact"].sum() + out["part"].square().sum() + out["direction"].sum() + sum(v.sum() for v in out["logvar"])
    ).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_samples_are_the_noises_and_no_one_elses(model):
    model.eval()
    data, noise = batch(1, 300), torch.randn(4, model.latents, generator=torch.Generator().manual_seed(3))
    state = torch.get_rng_state()
    draws = [model.draw(noise[:n], data["points"], data["normals"]) for n in (4, 2)]
    assert torch.equal(draws[0].contact[:2], draws[1].contact)
    assert torch.equal(state, torch.get_rng_state())
    assert draws[0].contact.shape == (4, 300, 16)
    assert not torch.equal(draws[0].contact[0], draws[0].contact[1])


def test_doubt_is_over_all_three_latents(model):
    model.eval()
    data, latents = batch(1), torch.randn(1, model.latents, generator=torch.Generator().manual_seed(1))
    maps = model.decode(latents, data["points"], data["normals"])
    seen = model(data | {"contact": maps.contact, "part": maps.part, "direction": maps.direction})
    mu, logvar = (torch.cat(seen[key], dim=-1) for key in ("mu", "logvar"))
    torch.testing.assert_close(maps.doubt, ((mu - latents) ** 2 / (logvar.exp() + 0.02)).mean(-1))
