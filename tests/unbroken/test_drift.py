"""What changed since the state was saved"""

import sys
from typing import Any

import pytest

from unbroken import drift
from unbroken.errors import Drift

HERE = {"torch": "2.13.0", "threads": 2}
OLD = {"seed": 0, "lr": 0.1, "layers": [64, 32], "workers": 2}


def compared(
    old: dict[str, Any], new: dict[str, Any], machine: dict[str, Any] = HERE, free: Any = (), allow: Any = ()
) -> list[str]:
    """What is said of settings that were `old` in a state saved on the machine HERE."""
    return drift.compare({"settings": old, "environment": HERE}, new, machine, free, allow)


def test_nothing_is_said_when_nothing_changed() -> None:
    assert compared(OLD, dict(OLD), free=(), allow=()) == []


def test_settings_compare_as_json_holds_them() -> None:
    assert compared(OLD, drift.plain({**OLD, "layers": (64, 32)}), free=(), allow=()) == []


def test_a_changed_setting_stops_with_a_table_of_old_and_new() -> None:
    with pytest.raises(Drift) as refused:
        compared(OLD, {**OLD, "lr": 0.2, "batch_size": 8}, free=(), allow=())
    assert str(refused.value).splitlines()[1:] == [
        "  name        recorded  now",
        "  lr          0.1       0.2",
        "  batch_size  (none)    8",
        "leave these settings out to go on as recorded, or take another work dir, or allow it by name: "
        "--allow lr batch-size",
    ]


def test_a_setting_that_is_gone_is_a_change_too() -> None:
    with pytest.raises(Drift, match=r"workers +2 +\(none\)"):
        compared(OLD, {k: v for k, v in OLD.items() if k != "workers"}, free=(), allow=())


def test_what_was_allowed_by_name_is_told() -> None:
    assert compared(OLD, {**OLD, "lr": 0.2}, free=(), allow=("lr",)) == ["allowed to change: lr from 0.1 to 0.2"]


def test_what_is_free_is_not_told() -> None:
    assert compared(OLD, {**OLD, "workers": 8}, free=("workers",), allow=()) == []


def test_the_table_shows_only_what_is_refused() -> None:
    with pytest.raises(Drift) as refused:
        compared(OLD, {"seed": 1, "lr": 0.2, "layers": [1], "workers": 1}, free=("workers",), allow=("lr",))
    assert "--allow seed layers" in str(refused.value)
    assert "lr" not in str(refused.value)
    assert "workers" not in str(refused.value)


@pytest.mark.parametrize(("old", "new"), [(1, True), (0, False), (1, 1.0)])
def test_values_that_python_calls_equal_are_no_change_to_the_numbers(old: Any, new: Any) -> None:
    assert compared({"a": old}, {"a": new}, free=(), allow=()) == []


def test_inside_an_epoch_the_batches_stay_as_they_are() -> None:
    tree = {"batch": 3, "settings": {"batch_size": 4, "samples": 100}}
    drift.inside(tree, {"batch_size": 4, "samples": 100}, "run/checkpoint.pt")
    with pytest.raises(Drift, match=r"run/checkpoint\.pt stands inside an epoch, after 3 batches: batch_size can only"):
        drift.inside(tree, {"batch_size": 8, "samples": 100}, "run/checkpoint.pt")


def test_between_two_epochs_they_may_be_allowed_to_change() -> None:
    drift.inside({"batch": 0, "settings": {"batch_size": 4}}, {"batch_size": 8}, "run/checkpoint.pt")


def test_another_machine_stops_with_the_same_table() -> None:
    with pytest.raises(Drift) as refused:
        compared(OLD, {**OLD, "lr": 0.2}, machine={**HERE, "threads": 8})
    assert str(refused.value).splitlines()[1:] == [
        "  name     recorded  now",
        "  lr       0.1       0.2",
        "  threads  2         8",
        "leave these settings out to go on as recorded, or take another work dir; go back to that machine and those "
        "versions, since sums may round differently here, or allow it by name: --allow lr threads",
    ]


@pytest.mark.parametrize("word", ["threads", "machine"])
def test_another_machine_is_allowed_by_the_name_of_what_changed_or_as_a_whole(word: str) -> None:
    said = compared(OLD, OLD, machine={**HERE, "threads": 8}, allow=(word,))
    assert said == ["allowed to change: threads from 2 to 8"]


def test_a_release_of_python_that_changes_no_random_number_is_the_same_python() -> None:
    assert drift.environment()["python"] == f"{sys.version_info.major}.{sys.version_info.minor}"


def test_the_environment_is_plain() -> None:
    assert drift.plain(drift.environment()) == drift.environment()
