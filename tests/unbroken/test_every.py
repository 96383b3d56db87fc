"""When to save"""

import pytest

from unbroken import Every
from unbroken.errors import Misuse


def test_by_default_every_epoch_and_every_ten_minutes() -> None:
    assert Every() == Every(epochs=1, minutes=10.0)
    assert all(Every().due_epoch(epoch) for epoch in range(1, 5))


def test_every_third_epoch() -> None:
    assert [epoch for epoch in range(1, 10) if Every(epochs=3).due_epoch(epoch)] == [3, 6, 9]


def test_within_an_epoch_after_so_many_minutes() -> None:
    every = Every(minutes=0.5)
    assert not every.due_time(29.9)
    assert every.due_time(30.0)


@pytest.mark.parametrize("options", [{"epochs": 0}, {"epochs": -1}, {"minutes": 0.0}, {"minutes": -1.0}])
def test_what_never_saves_is_refused(options: dict[str, int]) -> None:
    with pytest.raises(Misuse, match=r"Every\(.*\) never saves"):
        Every(**options)
