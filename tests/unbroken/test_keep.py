"""Which snapshots are kept for good"""

from typing import Any

import pytest

from unbroken import Keep
from unbroken.errors import Misuse


def test_by_default_every_thousandth_epoch_is_kept_and_none_is_deleted() -> None:
    assert Keep() == Keep(every=1000, latest=None)
    assert [epoch for epoch in range(1, 3001) if Keep().due(epoch)] == [1000, 2000, 3000]
    assert Keep().surplus([1000, 2000, 3000]) == []


@pytest.mark.parametrize(
    ("latest", "surplus"), [(1, [2, 9, 10]), (2, [2, 9]), (3, [2]), (4, []), (5, []), (None, [])]
)  # fmt: skip
def test_the_latest_so_many_stay_by_number_whatever_their_order(latest: int | None, surplus: list[int]) -> None:
    assert Keep(latest=latest).surplus([10, 2, 100, 9]) == surplus


def test_where_nothing_is_kept_nothing_may_go() -> None:
    assert Keep(latest=1).surplus([]) == []


@pytest.mark.parametrize(
    ("done", "epochs", "keep", "number"),
    [
        (0, 3000, Keep(), 3),
        (1000, 3000, Keep(), 2),
        (999, 3000, Keep(), 3),
        (0, 999, Keep(), 0),
        (3000, 3000, Keep(), 0),
        (0, 3000, Keep(every=10, latest=4), 4),
        (2990, 3000, Keep(every=10, latest=4), 1),
    ],
)
def test_so_many_more_files_are_to_come(done: int, epochs: int, keep: Keep, number: int) -> None:
    assert keep.number(done, epochs) == number


@pytest.mark.parametrize("options", [{"every": 0}, {"every": -5}, {"latest": 0}, {"latest": -1}])
def test_what_would_keep_nothing_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(Misuse, match=r"Keep\(.*\): every and latest are at least 1 \(latest=None keeps all\)"):
        Keep(**options)
