"""A run"""

import contextlib
import json
import os
import random
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import unbroken
from tests.unbroken import tiny
from unbroken import Every, Keep, Run, Stopped, load, testing

# Torch looks for a step of the optimizer in this process; the one before the interruption it cannot see.
pytestmark = pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step")

OFTEN = Every(minutes=1e-9, background=False)
"""Save at every seam."""


def equal(a: Path, b: Path) -> bool:
    same = testing.difference(str(a / "checkpoint.pt"), str(b / "checkpoint.pt")) is None
    return same and testing.records(str(a)) == testing.records(str(b))


def records(folder: Path, at: str) -> list[dict[str, Any]]:
    lines = (folder / "journal.jsonl").read_text().splitlines()
    return [record for record in map(json.loads, lines) if record["at"] == at]


# ---- the same bits


@pytest.mark.parametrize("step", [0, 3, 4, 5, 9, 14])
def test_left_anywhere_and_started_again_no_bit_differs(step: int, done: Path, tmp_path: Path) -> None:
    tiny.train(tmp_path / "run", epochs=3, snapshots=Keep(every=1), inside=tiny.at(step, "leave"))
    assert load(str(tmp_path / "run" / "checkpoint.pt"))["step"] == step + 1
    tiny.train(tmp_path / "run", epochs=3, snapshots=Keep(every=1))
    assert equal(tmp_path / "run", done)


@pytest.mark.parametrize("step", [2, 4, 7])
def test_after_an_error_in_the_loop_no_bit_differs(step: int, done: Path, tmp_path: Path) -> None:
    def broken() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        tiny.train(tmp_path / "run", epochs=3, snapshots=Keep(every=1), inside=tiny.at(step, broken), save=OFTEN)
    assert load(str(tmp_path / "run" / "checkpoint.pt"))["step"] == step
    tiny.train(tmp_path / "run", epochs=3, snapshots=Keep(every=1))
    assert equal(tmp_path / "run", done)


def test_workers_change_no_bit_also_when_their_number_changes(done: Path, tmp_path: Path) -> None:
    tiny.train(tmp_path / "run", epochs=3, snapshots=Keep(every=1), workers=2, inside=tiny.at(7, "leave"))
    tiny.train(tmp_path / "run", epochs=3, snapshots=Keep(every=1), workers=1, inside=tiny.at(11, "leave"))
    tiny.train(tmp_path / "run", epochs=3, snapshots=Keep(every=1))
    assert equal(tmp_path / "run", done)


def test_another_seed_is_another_run(done: Path, tmp_path: Path) -> None:
    tiny.train(tmp_path / "run", epochs=3, snapshots=Keep(every=1), seed=1)
    assert not equal(tmp_path / "run", done)


def test_the_process_gets_its_generators_and_its_settings_back(tmp_path: Path) -> None:
    def facts() -> list[object]:
        generators = [random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist()]
        return [*generators, torch.are_deterministic_algorithms_enabled(), signal.getsignal(signal.SIGINT)]

    before = facts()
    tiny.train(tmp_path / "run", epochs=1)
    with pytest.raises(Stopped):
        tiny.train(tmp_path / "run", inside=tiny.at(6, lambda: os.kill(os.getpid(), signal.SIGTERM)))
    assert facts() == before


# ---- how a loop is left


def test_a_break_counts_the_batch_in_hand_and_ends_the_epoch(tmp_path: Path) -> None:
    tiny.train(tmp_path, epochs=2, inside=tiny.at(2, "break"))
    tree = load(str(tmp_path / "checkpoint.pt"))
    assert (tree["epoch"], tree["batch"], tree["step"]) == (2, 0, 3 + 5)
    assert [(r["epoch"], r["step"]) for r in records(tmp_path, "epoch")] == [(1, 3), (2, 8)]
    assert [r["step"] for r in records(tmp_path, "step")] == list(range(1, 9))


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("step", [1, 4, 8])
def test_a_loop_with_a_break_continues_bit_for_bit_too(step: int, workers: int, tmp_path: Path) -> None:
    """Left before the break, and after it: what was fetched ahead belongs to the batches that were given up."""
    tiny.train(tmp_path / "a", epochs=3, workers=workers, inside=tiny.at(2, "break"))
    tiny.train(tmp_path / "b", epochs=3, inside=lambda epoch: {2: "break", step: "leave"}.get(epoch.step))
    tiny.train(tmp_path / "b", epochs=3, inside=tiny.at(2, "break"))
    assert equal(tmp_path / "a", tmp_path / "b")


def test_leaving_after_the_batches_of_an_epoch_commits_it(tmp_path: Path) -> None:
    tiny.train(tmp_path, epochs=3, after=lambda epoch: "leave")
    tree = load(str(tmp_path / "checkpoint.pt"))
    assert (tree["epoch"], tree["batch"], tree["step"]) == (1, 0, 5)


def test_how_a_session_ended_is_in_the_record(tmp_path: Path) -> None:
    tiny.train(tmp_path, inside=tiny.at(1, "leave"))
    with pytest.raises(Stopped):
        tiny.train(tmp_path, inside=tiny.at(3, lambda: os.kill(os.getpid(), signal.SIGTERM)))
    with pytest.raises(ZeroDivisionError):
        tiny.train(tmp_path, inside=tiny.at(6, lambda: 1 / 0))
    tiny.train(tmp_path)
    sessions = json.loads((tmp_path / "run.json").read_text())["sessions"]
    ends = [session["ended"]["how"] for session in sessions]
    assert ends == ["left", "stopped by SIGTERM", "ZeroDivisionError: division by zero", "finished"]


def test_a_wish_noted_while_the_reader_leaves_is_recorded_as_a_stop(tmp_path: Path) -> None:
    def leave(epoch: Any) -> str:
        os.kill(os.getpid(), signal.SIGTERM)
        return "leave"

    with pytest.raises(Stopped) as stop:
        tiny.train(tmp_path, inside=leave)
    assert stop.value.code == 143
    (session,) = json.loads((tmp_path / "run.json").read_text())["sessions"]
    assert session["ended"]["how"] == "stopped by SIGTERM"


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGUSR1, 138)]
)  # fmt: skip
def test_a_signal_saves_at_the_next_seam_and_the_same_command_goes_on(
    number: int, code: int, done: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stopped = tiny.at(6, lambda: os.kill(os.getpid(), number))
    with pytest.raises(Stopped) as stop:
        tiny.train(tmp_path / "run", epochs=3, snapshots=Keep(every=1), inside=stopped)
    assert stop.value.code == code
    assert load(str(tmp_path / "run" / "checkpoint.pt"))["step"] == 7
    name = signal.Signals(number).name
    said = f"Stopped by {name}: 1 epochs and 2 of 5 batches are done, saved in {tmp_path}/run/checkpoint.pt"
    assert said in capsys.readouterr().out
    tiny.train(tmp_path / "run", epochs=3, snapshots=Keep(every=1))
    assert equal(tmp_path / "run", done)


def test_a_signal_in_the_last_batch_ends_a_finished_run_in_peace(tmp_path: Path) -> None:
    with contextlib.suppress(Stopped):
        tiny.train(tmp_path / "run", epochs=1, after=lambda epoch: os.kill(os.getpid(), signal.SIGTERM))
    assert load(str(tmp_path / "run" / "checkpoint.pt"))["epoch"] == 1


# ---- what is said and written


def test_the_lines_of_a_resumed_run_are_these(
    done: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(done, tmp_path / "exp")
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()
    tiny.train(Path("./exp"), epochs=4, inside=tiny.at(15, "leave"))
    lines = ["Resuming from epoch 3", "Loaded optimizer state", "Loaded scheduler state"]
    lines += ["Load model from exp/checkpoint.pt", "--- starting Epoch # 003"]
    assert capsys.readouterr().out.splitlines()[:5] == lines
    assert "\n".join(lines) in Path("exp/train.log").read_text()


def test_a_part_that_the_file_does_not_hold_starts_fresh_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keeps(tmp_path, 1, model=nn.Linear(4, 1), old=nn.Linear(1, 1))
    capsys.readouterr()
    keeps(tmp_path, 2, model=nn.Linear(4, 1), new=nn.Linear(1, 1))
    said = capsys.readouterr().out
    assert f"Warning: {tmp_path}/checkpoint.pt holds no new state: the new starts fresh" in said
    assert f"Warning: {tmp_path}/checkpoint.pt holds old state, which this program does not keep" in said
    assert "Loaded new state" not in said


def keeps(folder: Path, epochs: int, **parts: object) -> None:
    with Run(str(folder), tiny.feed(), epochs=epochs) as run:
        run.keep(**parts)
        for epoch in run:
            list(epoch)


def test_groups_and_numbers_are_logged_where_they_belong(tmp_path: Path) -> None:
    with Run(str(tmp_path), tiny.feed(), epochs=1, log_every=2) as run:
        for epoch in run:
            for i, _ in enumerate(epoch):
                run.log({"loss": torch.tensor(float(i))}, lr=0.1 * i)
            run.log(valid={"iou": 0.5, "parts": {"palm": torch.tensor(1)}})
    assert [(r["step"], r["train"]["loss"]) for r in records(tmp_path, "step")] == [(2, 1.0), (4, 3.0)]
    (record,) = records(tmp_path, "epoch")
    assert record["train"] == {"loss": 2.0}
    assert record["valid"] == {"iou": 0.5, "parts": {"palm": 1.0}}
    assert record["lr"] == pytest.approx(0.4)


def test_a_snapshot_is_a_whole_state_that_a_run_goes_on_from(done: Path, tmp_path: Path) -> None:
    assert sorted(os.listdir(done / "checkpoints")) == ["E001_net.pt", "E002_net.pt", "E003_net.pt"]
    tiny.train(tmp_path / "run", epochs=3, snapshots=Keep(every=1), resume=str(done / "checkpoints" / "E002_net.pt"))
    assert equal(tmp_path / "run", done)


def test_the_recorded_settings_can_be_asked_for_before_a_run(done: Path, tmp_path: Path) -> None:
    expected: dict[str, object] = {"seed": 0, "samples": 10, "batch_size": 2, "epoch_size": 10}
    expected |= {"shuffle": True, "drop_last": False}
    assert unbroken.recorded(str(done)) == expected
    assert unbroken.recorded("nowhere", str(done / "checkpoints" / "E001_net.pt")) == expected
    assert unbroken.recorded(str(tmp_path / "new")) is None
    assert not (tmp_path / "new").exists()


def test_allowed_and_free_settings_go_on(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    tiny.train(run, epochs=4, settings={"lr": 1, "host": "a"}, allow=["lr"], free=["host"])
    assert "allowed to change: lr from (none) to 1" in capsys.readouterr().out
    assert load(str(run / "checkpoint.pt"))["settings"]["host"] == "a"
