"""What the main job says before it trains"""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from perpart.errors import Mistake
from perpart.schedule import Schedule
from perpart.settings import Settings
from perpart.train import ahead, due, own

BORN = Settings(n_epochs=100, legs=((0, 100),))


def said(settings: Settings, progress: float) -> list[str]:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=settings.lr)
    schedule = Schedule(optimizer, 10, legs=settings.legs, lr=settings.lr, lr_end=settings.lr_end, weight_decay=0.0)
    return ahead(progress, settings, schedule)


def test_the_learning_rate_ahead_ends_where_the_settings_say() -> None:
    assert said(BORN, 0.0) == ["learning rate: 0.0008 next, 0.000799827 an epoch later, 0.0001 at the end"]


@pytest.mark.parametrize(
    ("extend", "legs", "seam", "end"),
    [
        ("hold", ((0, 100),), "from 0.0001 at the last batch to 0.0001 at the next", "0.0001 at the end"),
        ("restart", ((0, 100), (100, 200)), "from 0.0001 at the last batch to 0.0008 at the next", "0.0001 at the end"),
        ("stretch", ((0, 200),), "from 0.0001 at the last batch to 0.0004497", "0.0001 at the end"),
    ],
)
def test_an_extension_shows_the_learning_rate_on_both_sides_of_the_seam(
    extend: str, legs: tuple[tuple[int, int], ...], seam: str, end: str
) -> None:
    longer = replace(BORN, n_epochs=200, extend=extend, legs=legs, legs_before=BORN.legs)
    rates, both = said(longer, 100.0)
    assert both.startswith(f"--extend {extend}: {seam}")
    assert rates.endswith(end)


@pytest.mark.parametrize(("every", "when"), [(1, [1, 2, 3, 4, 5, 6, 7]), (3, [1, 3, 6, 7]), (99, [1, 7])])
def test_it_validates_as_often_as_asked_and_at_both_ends(every: int, when: list[int]) -> None:
    asked = replace(BORN, n_epochs=7, validate_every=every)
    assert [epoch for epoch in range(1, 8) if due(epoch, asked)] == when


def test_each_of_several_processes_takes_a_gpu_of_its_own() -> None:
    alone: Any = SimpleNamespace(world=SimpleNamespace(size=1, device=torch.device("cuda", 0)))
    third: Any = SimpleNamespace(world=SimpleNamespace(size=4, device=torch.device("cuda", 2)))
    assert own(torch.device("cuda", 1), alone) == torch.device("cuda", 1)
    assert own(torch.device("cuda"), third) == torch.device("cuda", 2)
    assert own(torch.device("cpu"), third) == torch.device("cpu")
    with pytest.raises(Mistake, match="--device cuda:1 with 4 processes: say cuda, and each takes a GPU of its own"):
        own(torch.device("cuda", 1), third)
