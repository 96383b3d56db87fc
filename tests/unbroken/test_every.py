"""When to save"""

from typing import Any

import pytest

from unbroken import Every
from unbroken.errors import Misuse
from unbroken.every import Cost


def test_by_default_every_epoch_and_every_ten_minutes() -> None:
    assert Every() == Every(epochs=1, minutes=10.0, stall=0.01, background=True)
    assert all(Every().due_epoch(epoch) for epoch in range(1, 5))


def test_every_third_epoch() -> None:
    assert [epoch for epoch in range(1, 10) if Every(epochs=3).due_epoch(epoch)] == [3, 6, 9]


def due(every: Every, cost: Cost | None, seconds: float) -> bool:
    """Whether a save is due after so many seconds and not a moment before."""
    return every.due_time(seconds, cost) and not every.due_time(seconds - 0.001, cost)


def test_as_long_as_no_save_was_measured_the_first_comes_soon() -> None:
    assert due(Every(), None, 30.0)


@pytest.mark.parametrize(
    ("stall", "total", "seconds"),
    [
        (0.001, 0.002, 10.0),  # cheap: but nobody needs it more often
        (0.5, 0.6, 50.0),  # training stands still for one per cent of the time
        (0.1, 4.0, 40.0),  # a tenth of the time, something is being written
        (60.0, 70.0, 600.0),  # dear: but ten minutes of work are lost at most
    ],
)
def test_within_an_epoch_the_cost_of_the_last_save_decides(stall: float, total: float, seconds: float) -> None:
    assert due(Every(), Cost(stall, total), seconds)


def test_the_share_of_the_time_that_training_may_stand_still_is_the_users() -> None:
    assert due(Every(stall=0.05), Cost(2.0, 2.0), 40.0)
    assert due(Every(stall=0.001), Cost(0.1, 0.1), 100.0)


def test_so_many_minutes_apart_at_most_also_before_a_save_was_measured() -> None:
    assert due(Every(minutes=0.25), None, 15.0)
    assert due(Every(minutes=2), Cost(60.0, 60.0), 120.0)


@pytest.mark.parametrize("options", [{"epochs": 0}, {"epochs": -1}, {"minutes": 0.0}, {"minutes": -1.0}])
def test_what_never_saves_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(Misuse, match=r"Every\(.*\) never saves: epochs is at least 1, minutes more than 0"):
        Every(**options)


@pytest.mark.parametrize("stall", [0.0, -0.1, 1.1, float("nan")])
def test_a_stall_that_is_no_share_of_the_time_is_refused(stall: float) -> None:
    with pytest.raises(Misuse, match=r"stall is a share of the time, more than 0 and at most 1"):
        Every(stall=stall)
