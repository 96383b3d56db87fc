"""The learning rate's curve, and what lengthening a run makes of it"""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from perpart.schedule import Schedule, extended


def schedule(legs: list[list[int]], batches: int) -> Schedule:
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=8e-4)
    return Schedule(optimizer, batches, legs=legs, lr=8e-4, lr_end=1e-4, weight_decay=5e-4)


@given(st.integers(1, 4000), st.integers(1, 50))
def test_it_starts_at_lr_falls_and_ends_at_lr_end_exactly_whatever_the_length(epochs: int, batches: int) -> None:
    curve = schedule([[0, epochs]], batches)
    steps = sorted({0, 1, epochs * batches // 2, epochs * batches - 1})
    rates = [curve.at(step // batches + (step % batches) / batches) for step in steps]
    assert rates == sorted(rates, reverse=True)
    assert rates[0] == 8e-4
    assert epochs * batches == 1 or rates[-1] == 1e-4


def test_it_sets_what_the_optimizer_uses_and_restores_without_a_past() -> None:
    one, other = schedule([[0, 10]], 4), schedule([[0, 10]], 4)
    one.step(3.25)
    group = one._optimizer.param_groups[0]
    assert (group["lr"], group["weight_decay"]) == (one.at(3.25), 5e-4)
    other.load_state_dict(one.state_dict())
    assert other.state_dict() == one.state_dict() == {"progress": 3.25, "lr": one.at(3.25)}


def test_behind_its_last_leg_it_holds() -> None:
    assert schedule([[0, 10]], 4).at(12.5) == 1e-4


@pytest.mark.parametrize(
    ("how", "legs", "at_10", "at_19"),
    [
        ("hold", [[0, 10]], 1e-4, 1e-4),
        ("stretch", [[0, 20]], 1e-4 + 3.5e-4 * (1 + math.cos(math.pi * 10 / 19)), 1e-4),
        ("restart", [[0, 10], [10, 20]], 8e-4, 1e-4),
    ],
)
def test_a_longer_run_holds_stretches_or_restarts(how: str, legs: list[list[int]], at_10: float, at_19: float) -> None:
    assert extended([[0, 10]], 20, how) == legs
    curve = schedule(legs, 1)
    assert curve.at(10.0) == pytest.approx(at_10, abs=1e-18)
    assert curve.at(19.0) == at_19


def test_a_restart_needs_room() -> None:
    with pytest.raises(ValueError, match="no room for a restart"):
        extended([[0, 10]], 8, "restart")
