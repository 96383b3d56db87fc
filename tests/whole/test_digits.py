"""A loop that is not ours, killed and stopped in every way: the core alone"""

import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.whole import jobs
from tests.whole.campaign import campaign, compare, digits, equal, every_call, kept, killed, rewrite, short, undisturbed
from unbroken import load, testing


def test_killed_at_random_moments_no_bit_differs(tmp_path: Path) -> None:
    tally = campaign("digits", digits, kills=10, seed=1, folder=tmp_path)
    assert sum(tally.values()) == 10
    assert min(tally.values()) > 0, "a kind of moment was never drawn: choose another seed"


def test_killed_around_single_calls_no_bit_differs(tmp_path: Path) -> None:
    tally = every_call("digits", short("digits", digits), tmp_path, most=6, seed=1)
    assert tally.total() == 6
    assert tally["not reached"] <= 2


def test_a_second_name_that_a_kill_left_is_not_left_for_ever(tmp_path: Path) -> None:
    """Killed between the two renames of its last save, both files are one: to rename one to the other does nothing."""
    command, work_dir = short("digits", digits), tmp_path / "run"
    assert killed(
        "digits", command(work_dir, 0, False), work_dir, tmp_path, "before replace checkpoint.pt.unbroken-tmp 3"
    )
    assert (work_dir / "checkpoint.pt").samefile(work_dir / "checkpoint.prev.pt")
    compare("digits", command, undisturbed("digits", command, tmp_path), work_dir, tmp_path)


def test_a_state_that_was_announced_and_is_lost_is_seen(halfway: Path, tmp_path: Path) -> None:
    position = (1, 3)  # of ten batches done
    assert kept(halfway, tmp_path / "out.txt", (0, 0)) <= position
    with pytest.raises(AssertionError, match=r"\(1, 4\) was announced as saved, but \(1, 3\) is the newest state"):
        kept(halfway, tmp_path / "out.txt", (1, 4))
    (tmp_path / "out.txt").write_text("durable: 2 0\n")
    with pytest.raises(AssertionError, match=r"\(2, 0\) was announced as saved"):
        kept(halfway, tmp_path / "out.txt", (0, 0))


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("oracle")
    assert jobs.run("digits", folder / "run", out=folder / "out.txt").code == 0
    return folder / "run"


@pytest.fixture
def halfway(tmp_path: Path) -> Path:
    """A work dir whose run was killed inside its second epoch, and inside a window of accumulated gradients."""
    ended = jobs.run("digits", tmp_path / "run", "--wait", out=tmp_path / "out.txt", die_at="batch 11")
    assert ended.code == -signal.SIGKILL
    assert load(str(tmp_path / "run" / "checkpoint.pt"))["step"] == 10
    return tmp_path / "run"


PARTS = ["nothing", "optimizer", "scheduler", "buffers", "batch", "means", "average", "gradients"]


@pytest.mark.parametrize("part", PARTS)
def test_a_run_that_lost_one_part_of_its_state_is_seen_to_differ(part: str, halfway: Path, oracle: Path) -> None:
    rewrite(halfway, lambda tree: forget(tree, part))
    assert jobs.run("digits", halfway, out=halfway / "out.txt").code == 0
    assert equal(oracle, halfway) == (part == "nothing")


def forget(tree: dict[str, Any], part: str) -> None:
    """Put a part of the state back to what it is in a fresh start."""
    if part == "optimizer":
        tree["optimizer"]["state"] = {}
    elif part == "scheduler":
        tree["scheduler"]["last_epoch"] = 0
    elif part == "buffers":
        tree["state_dict"]["1.running_mean"].zero_()
    elif part == "batch":
        tree["batch"], tree["step"] = 0, tree["step"] - tree["batch"]
    elif part == "means":
        tree["means"] = {"sums": {}, "counts": {}, "last": {}, "latest": {}}
    elif part == "average":
        tree["kept"]["average"] = {k: v * 0 for k, v in tree["kept"]["average"].items()}
    elif part == "gradients":
        tree["kept"]["gradients"] = dict.fromkeys(tree["kept"]["gradients"])


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGUSR1, 138)])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_signal_is_obeyed_at_the_next_seam_and_nothing_is_lost(
    number: signal.Signals, code: int, workers: int, oracle: Path, tmp_path: Path
) -> None:
    work_dir = tmp_path / "run"
    job = jobs.Job("digits", work_dir, "--workers", workers, "--save-minutes", 10, out=tmp_path / "out.txt")
    jobs.wait_for(tmp_path / "out.txt", "starting Epoch # 001")
    os.kill(job.pid, number)
    ended = job.wait()
    assert ended.code == code, ended.out
    assert "Traceback" not in ended.out
    assert f"Stopped by {number.name}" in ended.out
    compare("digits", digits, oracle, work_dir, tmp_path)


def test_a_second_trainer_is_told_who_holds_the_work_dir(tmp_path: Path) -> None:
    first = jobs.Job("digits", tmp_path / "run", "--epochs", 50, out=tmp_path / "first.txt")
    jobs.wait_for(tmp_path / "first.txt", "starting Epoch # 001")
    second = jobs.run("digits", tmp_path / "run", out=tmp_path / "second.txt")
    first.process.kill()
    first.process.join()
    assert second.code == 1
    assert f"is held by another trainer: pid {first.pid} on " in second.out


def test_the_five_lines_are_printed_and_logged(halfway: Path) -> None:
    ended = jobs.run("digits", halfway, out=halfway / "out.txt")
    lines = ["Loaded average state", "Loaded gradients state",
             "Resuming from epoch 1", "Loaded optimizer state", "Loaded scheduler state",
             f"Load model from {halfway}/checkpoint.pt",
             "--- starting Epoch # 001"]  # fmt: skip
    assert "\n".join(lines) in ended.out
    assert "\n".join(lines) in (halfway / "train.log").read_text()


def test_going_back_to_a_snapshot_leaves_later_states_behind_and_is_granted_once(halfway: Path, oracle: Path) -> None:
    jobs.run("digits", halfway, "--wait", out=halfway / "out.txt")
    snapshot = halfway / "checkpoints" / "E002_net.pt"
    killed = jobs.run("digits", halfway, "--wait", "--resume", snapshot, out=halfway / "out.txt", die_at="batch 10")
    assert killed.code == -signal.SIGKILL
    assert "Resuming from epoch 2" in killed.out
    behind = sorted(p.name for p in (halfway / "checkpoints" / "left-behind").iterdir())
    assert behind == ["E004_net.pt", "best.pt", "checkpoint.prev.pt", "checkpoint.pt", "journal.jsonl"]
    again = jobs.run("digits", halfway, "--resume", snapshot, out=halfway / "out.txt")
    assert re.search(r"was granted on .*: going on with what it began", again.out)
    assert "Resuming from epoch 3" in again.out
    assert testing.difference(str(oracle / "checkpoint.pt"), str(halfway / "checkpoint.pt")) is None
    assert testing.records(str(oracle)) == testing.records(str(halfway))
