"""What changed since the state was saved"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.unbroken import tiny
from unbroken import drift, load
from unbroken.errors import Drift, Misuse

# Torch looks for a step of the optimizer in this process; the one before the interruption it cannot see.
pytestmark = pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step")

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
        "--allow lr batch-size (Run(allow=[…]) in a loop of your own)",
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
        "versions, since sums may round differently here, or allow it by name: --allow lr threads "
        "(Run(allow=[…]) in a loop of your own)",
    ]


def test_a_setting_that_is_called_like_a_fact_of_the_machine_does_not_hide_it() -> None:
    old = {"threads": 1}
    with pytest.raises(Drift, match=r"machine\.threads +2 +8"):
        compared(old, {"threads": 5}, machine={**HERE, "threads": 8}, allow=("threads",))


@pytest.mark.parametrize("word", ["threads", "machine"])
def test_another_machine_is_allowed_by_the_name_of_what_changed_or_as_a_whole(word: str) -> None:
    said = compared(OLD, OLD, machine={**HERE, "threads": 8}, allow=(word,))
    assert said == ["allowed to change: threads from 2 to 8"]


def test_a_name_that_is_no_setting_cannot_be_allowed() -> None:
    with pytest.raises(Misuse, match="allow lrr: no such setting"):
        compared(OLD, OLD, allow=("lrr",))


def test_a_release_of_python_that_changes_no_random_number_is_the_same_python() -> None:
    assert drift.environment()["python"] == f"{sys.version_info.major}.{sys.version_info.minor}"


def test_the_environment_is_plain() -> None:
    assert drift.plain(drift.environment()) == drift.environment()


def test_the_environment_names_all_that_is_known_to_change_sums() -> None:
    known = {
        "python",
        "torch",
        "numpy",
        "machine",
        "cpu",
        "onednn",
        "threads",
        "gpu",
        "cuda",
        "cudnn",
        "matmul",
        "tf32",
    }
    assert known <= drift.environment().keys()


def test_the_machine_as_a_whole_allows_no_setting() -> None:
    with pytest.raises(Drift) as refused:
        compared(OLD, {**OLD, "lr": 0.2}, machine={"torch": "2.14.0", "threads": 8}, allow=("machine",))
    assert str(refused.value).splitlines()[1:3] == ["  name  recorded  now", "  lr    0.1       0.2"]
    assert "--allow lr (" in str(refused.value)


# ---- whole runs


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Path]:
    """A run that was left inside its first epoch, on what is another machine from then on."""
    tiny.train(tmp_path / "run", inside=tiny.at(2, "leave"))
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    yield tmp_path / "run"
    torch.set_float32_matmul_precision(before)


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_on_another_machine_a_run_stops_with_the_table_and_changes_nothing(started: Path) -> None:
    before = contents(started)
    with pytest.raises(Drift) as refused:
        tiny.train(started)
    assert str(refused.value).splitlines()[1:3] == ["  name    recorded  now", "  matmul  highest   high"]
    assert contents(started) == before


@pytest.mark.parametrize("word", ["matmul", "machine"])
def test_what_was_allowed_is_recorded_at_once_and_not_asked_again(
    word: str, started: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ZeroDivisionError):
        tiny.train(started, allow=[word], inside=lambda epoch: 1 / 0)
    assert "allowed to change: matmul from highest to high" in capsys.readouterr().out
    saved = load(str(started / "checkpoint.pt"))
    assert (saved["step"], saved["environment"]["matmul"]) == (3, "high")
    tiny.train(started, inside=tiny.at(4, "leave"))
    assert "allowed to change" not in capsys.readouterr().out
    torch.set_float32_matmul_precision("highest")
    with pytest.raises(Drift):
        tiny.train(started)


def test_a_setting_that_was_allowed_is_not_asked_again_either(run: Path) -> None:
    with pytest.raises(Drift):
        tiny.train(run, epochs=4, settings={"lr": 1})
    tiny.train(run, epochs=4, settings={"lr": 1}, allow=["lr"])
    tiny.train(run, epochs=5, settings={"lr": 1})
    with pytest.raises(Drift, match=r"lr +1 +2"):
        tiny.train(run, epochs=6, settings={"lr": 2})
