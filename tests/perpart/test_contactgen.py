"""The ancestor's loss against its formulas in numpy"""

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from perpart import contactgen


def invented() -> tuple[dict, dict[str, torch.Tensor]]:
    g = torch.Generator().manual_seed(0)
    batch = {
        "contact": torch.rand(2, 30, 16, generator=g).pow(6),
        "part": torch.randint(16, (2, 30), generator=g),
        "direction": normalize(torch.randn(2, 30, 3, generator=g), dim=-1),
    }
    batch["direction"][0, :10] = 0.0
    outputs = {
        "contact": torch.randn(2, 30, 16, generator=g),
        "one": torch.randn(2, 30, generator=g),
        "part": torch.randn(2, 30, 16, generator=g),
        "direction": normalize(torch.randn(2, 30, 3, generator=g), dim=-1),
        "mu": [torch.randn(2, 5, generator=g) for _ in range(3)],
        "logvar": [torch.randn(2, 5, generator=g) for _ in range(3)],
    }
    return outputs, batch


def test_every_term_is_its_formula():
    outputs, batch = invented()
    found = {name: float(value) for name, value in contactgen.objective(outputs, batch, 0.02).items()}
    c = batch["contact"].numpy().max(-1)
    w = 1 + 5 * c
    one = 1 / (1 + np.exp(-outputs["one"].numpy()))
    logits = outputs["part"].numpy().astype(float)
    chance = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    ce = -np.log(np.take_along_axis(chance, batch["part"].numpy()[..., None], -1)[..., 0])
    known = np.abs(batch["direction"].numpy()).sum(-1) > 0
    angle = np.arccos((outputs["direction"].numpy() * batch["direction"].numpy()).sum(-1))
    kl = [
        0.5 * (m**2 + np.exp(v) - 1 - v).sum(-1).mean()
        for m, v in zip(*([x.numpy().astype(float) for x in outputs[key]] for key in ("mu", "logvar")), strict=True)
    ]
    expected = {
        "contact": (w * np.abs(c - one)).mean(),
        "part": (w * ce).mean(),
        "direction": (w * angle)[known].mean(),
        "kl": sum(np.sqrt(1 + k**2) - 1 for k in kl),
    }
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-4), name
    total = expected["contact"] + 0.5 * expected["part"] + expected["direction"] + 0.02 * expected["kl"]
    assert found["loss"] == pytest.approx(total, rel=1e-4)


def test_without_the_one_channel_every_part_is_held_to_its_own():
    outputs, batch = invented()
    del outputs["one"]
    c, guess = batch["contact"].numpy(), 1 / (1 + np.exp(-outputs["contact"].numpy()))
    expected = ((1 + 5 * c) * np.abs(c - guess)).sum(-1).mean()
    assert float(contactgen.objective(outputs, batch, 0.0)["contact"]) == pytest.approx(expected, rel=1e-5)


def test_a_prior_that_learns_beside_it_is_added():
    outputs, batch = invented()
    alone = contactgen.objective(outputs, batch, 0.0)["loss"]
    beside = contactgen.objective(outputs | {"flow": torch.tensor(0.5)}, batch, 0.0)
    assert float(beside["loss"] - alone) == pytest.approx(0.5)
