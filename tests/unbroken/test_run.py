"""A run"""

import contextlib
import json
import os
import random
import resource
import shutil
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import unbroken
from tests.unbroken import children, tiny
from unbroken import Every, Keep, Position, Run, Stopped, load, testing
from unbroken.journal import Journal
from unbroken.shelf import Shelf

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


# ---- what is on the disk


def test_leaving_after_the_batches_of_an_epoch_saves_it_also_where_it_is_not_yet_due(tmp_path: Path) -> None:
    run = tiny.train(tmp_path, epochs=5, after=lambda epoch: "leave", save=Every(epochs=3))
    assert load(str(tmp_path / "checkpoint.pt"))["epoch"] == 1
    assert run.saved == Position(1, 0, 5)


def leaves_after_an_epoch_on_a_full_disk(folder: Path) -> None:
    tiny.train(folder, epochs=3, inside=tiny.at(3, lambda: children.disk(700)), after=lambda epoch: "leave")


def test_leaving_after_an_epoch_that_cannot_be_saved_is_told_by_the_exit_code(tmp_path: Path) -> None:
    ended = children.run(leaves_after_an_epoch_on_a_full_disk, tmp_path / "run")
    assert ended.code == 74, ended.out
    assert load(str(tmp_path / "run" / "checkpoint.pt"))["step"] == 0


def watched(folder: Path, look: Callable[[Run], object], **options: Any) -> Run:
    """Train three epochs, and look at every seam and after the run."""
    with Run(str(folder), tiny.feed(), epochs=3, log_every=1, **options) as run:
        model, optimizer, scheduler = tiny.parts()
        run.keep(model=model, optimizer=optimizer, scheduler=scheduler)
        for epoch in run:
            tiny.turn(run, epoch, model, optimizer, lambda _: look(run))
            scheduler.step()
    look(run)
    return run


def test_what_is_said_to_be_saved_never_runs_ahead_of_the_disk(tmp_path: Path) -> None:
    seen: list[Position | None] = []

    def look(run: Run) -> None:
        if run.saved is not None and run.saved not in seen[-1:]:
            assert load(str(tmp_path / "checkpoint.pt"))["step"] >= run.saved.step
            seen.append(run.saved)

    # A snapshot waits for the save under way: of each epoch the loop comes to hear.
    watched(tmp_path, look, save=Every(minutes=1e-9), snapshots=Keep(every=1))
    assert len(seen) >= 3
    assert seen[-1] == Position(3, 0, 15)


def test_the_journal_is_safe_before_the_name_of_a_state_that_vouches_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, fsync, replace = list[str](), os.fsync, os.replace

    def synced(file: int) -> None:
        fsync(file)
        done.append(os.path.basename(os.readlink(f"/proc/self/fd/{file}")))

    def replaced(old: str, new: str) -> None:
        replace(old, new)
        done.append(f"named {os.path.basename(new)}")

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    tiny.train(tmp_path, epochs=3, snapshots=Keep(every=1))
    for name in ("named checkpoint.pt", "named E001_net.pt", "named E002_net.pt", "named E003_net.pt"):
        before = done[: done.index(name)]
        assert before.index("journal.jsonl") < len(before)
    saves = " ".join(done).split("named checkpoint.pt")[:-1]
    assert len(saves) == 4  # at birth, and after each epoch
    assert all("journal.jsonl" in save and "checkpoint.pt.unbroken-tmp" in save for save in saves)


def logs_much(folder: Path, until: int) -> None:
    """The journal cannot grow from step 3 until that step, while a state, which is smaller, can be written."""
    with Run(str(folder), tiny.feed(), epochs=3, save=Every(background=False)) as run:
        run.keep(model=nn.Linear(1, 1))
        for epoch in run:
            for _ in epoch:
                if epoch.step == 0:
                    run.log(many={f"number {i}": i for i in range(3000)})
                if epoch.step == 8:
                    children.disk((folder / "journal.jsonl").stat().st_size)
                if epoch.step == until:
                    children.disk(-1)
            print("epoch", epoch.number, run.saved)


@pytest.mark.parametrize(("until", "code", "epoch"), [(12, 0, 3), (1000, 74, 1)])
def test_a_journal_that_cannot_be_written_fails_the_save_and_not_the_training(
    until: int, code: int, epoch: int, tmp_path: Path
) -> None:
    ended = children.run(logs_much, tmp_path, until)
    assert ended.code == code, ended.out
    assert "epoch 2" in ended.out
    assert "this state could not be saved" in ended.out
    saved = load(str(tmp_path / "checkpoint.pt"))
    assert saved["epoch"] == epoch
    assert Journal(str(tmp_path / "journal.jsonl")).holds(saved["journal"])


# ---- killed while a state is written beside the training


def trains_until_the_call(folder: Path, call: str, number: int) -> None:
    """Every state that is said to be saved is printed; the call of that number, in the background, never comes back."""
    calls, real = [0], getattr(os, call)

    def counted(*arguments: Any) -> Any:
        if threading.current_thread() is not threading.main_thread():
            calls[0] += 1
            if calls[0] == number:
                print("there", flush=True)
                time.sleep(60)
        return real(*arguments)

    def told(run: Run) -> None:
        time.sleep(0.05)  # so that there are several saves, however quick a step is
        print("saved", run.saved.step if run.saved else None)

    setattr(os, call, counted)
    watched(folder, told, save=Every(minutes=1e-9))


@pytest.mark.parametrize(("call", "number"), [("fsync", 5), ("link", 2), ("replace", 3), ("replace", 6)])
def test_killed_while_a_state_is_written_a_run_goes_on_from_the_last_one_that_was_safe(
    call: str, number: int, tmp_path: Path
) -> None:
    with children.Child(trains_until_the_call, tmp_path / "run", call, number) as trainer:
        trainer.until("there\n")
    told = [int(line.split()[1]) for line in trainer.out.splitlines() if line.startswith("saved ")]
    found = Shelf(str(tmp_path / "run")).newest()
    assert found is not None
    assert found.position.step >= max(told, default=0)
    watched(tmp_path / "run", bool)
    watched(tmp_path / "undisturbed", bool)
    assert equal(tmp_path / "run", tmp_path / "undisturbed")
    assert not list((tmp_path / "run").glob("*.unbroken-tmp"))


# ---- memory

STATE, CONSTANT = 200, 24  # megabytes: of the state, and of all else that saves take beside one copy of it


class Large(nn.Module):
    def __init__(self, megabytes: int) -> None:
        super().__init__()
        self.register_buffer("values", torch.zeros(megabytes * 250_000))


def own_memory() -> int:
    """What this process holds that no file does, in megabytes."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon")]
    return int(line.split()[1]) * 1024 // 1_000_000


def saves_a_large_state(folder: Path) -> None:
    tiny.train(folder / "small")  # whatever is taken once
    over, most, model = threading.Event(), [0], Large(STATE)

    def watch() -> None:
        while not over.wait(0.002):
            most[0] = max(most[0], own_memory())

    watcher, before = threading.Thread(target=watch), (own_memory(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    watcher.start()
    with Run(str(folder / "large"), tiny.feed(), epochs=3) as run:
        run.keep(model=model)
        for epoch in run:
            for _ in epoch:
                model.values += 1.0
    over.set()
    watcher.join()
    print(
        "\ngrown by",
        most[0] - before[0],
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000 - before[1] // 1000,
    )


def test_saving_takes_one_copy_of_the_state_and_a_constant(tmp_path: Path) -> None:
    """The file that is read back is mapped: its pages are the system's, which takes them back when it needs them."""
    ended = children.run(saves_a_large_state, tmp_path)
    assert ended.code == 0, ended.out
    own, resident = map(int, ended.out.rpartition("grown by")[2].split())
    assert own <= STATE + CONSTANT
    assert resident <= 2 * STATE + CONSTANT


def test_what_is_drawn_before_an_epoch_is_the_same_wherever_it_is_entered(tmp_path: Path) -> None:
    """A choice for a whole epoch: its augmentation, its resolution."""

    def drawn(leave: bool) -> list[float]:
        drawn = list[float]()
        with Run(str(tmp_path), tiny.feed(), epochs=2) as run:
            run.keep(model=tiny.parts()[0])
            for epoch in run:
                drawn.append(random.random())
                for _ in epoch:
                    if leave and epoch.step == 6:
                        return drawn
        return drawn

    assert drawn(leave=True)[1:] == drawn(leave=False)
