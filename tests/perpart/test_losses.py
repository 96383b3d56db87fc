import math

import torch
from torch.nn.functional import normalize, one_hot

from perpart import losses


def truth(batch: int = 2, points: int = 60) -> dict[str, torch.Tensor]:
    """Soft contact of five parts on a tenth of the points each, and random directions."""
    g = torch.Generator().manual_seed(0)
    contact = torch.rand(batch, points, 16, generator=g) * (torch.rand(batch, points, 16, generator=g) < 0.1)
    contact[..., 5:] = 0
    contact[:, 0, 0] = 0.9
    direction = normalize(torch.randn(batch, points, 3, generator=g), dim=-1)
    return {"contact": contact, "part": contact.argmax(-1), "direction": direction}


def perfect(batch: dict[str, torch.Tensor]) -> dict:
    """Outputs that say the truth, with a posterior that is the prior."""
    return {
        "contact": batch["contact"].logit(1e-7),
        "part": 50.0 * one_hot(batch["part"], 16),
        "direction": batch["direction"],
        "mu": [torch.zeros(2, 4)],
        "logvar": [torch.zeros(2, 4)],
    }


def test_the_truth_costs_nothing_but_the_free_nats():
    batch = truth()
    terms = losses.objective(perfect(batch), batch, 1.0)
    for name in ("contact", "dice", "part", "direction"):
        assert abs(terms[name]) < 3e-3, name
    torch.testing.assert_close(terms["loss"], torch.tensor(4 * losses.FREE), atol=6e-3, rtol=0)


def test_the_empty_map_costs_more_than_the_truth_blurred_by_a_third():
    batch = truth()
    blurred, empty = (perfect(batch) for _ in range(2))
    blurred["contact"] = (batch["contact"] * 2 / 3).logit(1e-4)
    empty["contact"] = torch.full_like(batch["contact"], 1e-4).logit()
    costs = [losses.objective(out, batch, 0.0)["loss"] for out in (blurred, empty)]
    assert costs[1] > 3 * costs[0]


def test_the_loss_is_the_weighted_sum_of_its_terms():
    batch = truth()
    out = perfect(batch) | {"part": torch.zeros(2, 60, 16), "mu": [torch.ones(2, 4)]}
    terms = losses.objective(out, batch, 0.25)
    total = terms["contact"] + terms["dice"] + losses.PART * terms["part"] + losses.DIRECTION * terms["direction"]
    torch.testing.assert_close(terms["loss"], total + 0.25 * terms["kl"])
    torch.testing.assert_close(terms["kl"], torch.tensor(2.0))


def test_an_even_guess_of_the_part_costs_the_logarithm_of_sixteen():
    batch = truth()
    torch.testing.assert_close(
        losses.part(torch.zeros(2, 60, 16), batch["part"], batch["contact"]), torch.tensor(math.log(16))
    )


def test_part_and_direction_of_untouched_points_are_nobodys_business():
    batch = truth()
    out, other = perfect(batch), perfect(batch)
    untouched = batch["contact"].amax(-1) == 0
    other["part"] = torch.where(untouched[..., None], out["part"].roll(1, -1), out["part"])
    other["direction"] = torch.where(untouched[..., None], -out["direction"], out["direction"])
    first, second = (losses.objective(o, batch, 0.0)["loss"] for o in (out, other))
    assert untouched.any()
    torch.testing.assert_close(first, second)


def test_an_opposite_direction_costs_half_a_turn_and_has_a_finite_gradient():
    batch = truth()
    guess = (-batch["direction"]).requires_grad_()
    cost = losses.direction(guess, batch["direction"], batch["contact"])
    cost.backward()
    torch.testing.assert_close(cost, torch.tensor(math.pi), atol=3e-3, rtol=0)
    assert guess.grad.isfinite().all()


def test_a_part_that_does_not_touch_has_no_dice():
    target = torch.zeros(1, 10, 16)
    target[0, :3, 2] = 1.0
    guess = target.clone()
    guess[0, :, 7] = 0.5
    assert losses.dice(guess, target) < 1e-3
    assert losses.dice(torch.zeros_like(target), target) > 0.99


def test_divergence_is_the_closed_form_above_the_free_nats():
    mu, logvar = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    expected = 0.5 + 0.5 * (math.e - 2)
    torch.testing.assert_close(losses.divergence(mu, logvar), torch.tensor(expected))
    nothing = losses.divergence(torch.zeros(3, 2), torch.zeros(3, 2))
    torch.testing.assert_close(nothing, torch.tensor(2 * losses.FREE))


def test_a_unit_below_the_free_nats_is_not_pushed_further_down():
    mu = torch.full((4, 1), 0.01, requires_grad=True)
    losses.divergence(mu, torch.zeros(4, 1)).backward()
    assert mu.grad.abs().sum() == 0


def test_active_units_are_those_whose_mean_varies():
    mu = torch.randn(100, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 0.0, 0.01])
    assert losses.active(mu) == 1


def test_unknown_directions_cost_nothing_and_teach_nothing():
    batch = truth()
    guess = normalize(torch.randn(2, 60, 3, generator=torch.Generator().manual_seed(1)), dim=-1).requires_grad_()
    nothing = losses.direction(guess, torch.zeros_like(batch["direction"]), batch["contact"])
    nothing.backward()
    assert nothing == 0
    assert guess.grad is not None
    assert not guess.grad.any()
    half = batch["direction"].clone()
    half[:, :30] = 0
    torch.testing.assert_close(
        losses.direction(guess, half, batch["contact"]),
        losses.direction(guess[:, 30:], half[:, 30:], batch["contact"][:, 30:]),
    )
