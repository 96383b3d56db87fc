"""Where a run stands"""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from tests.unbroken import children, tiny
from tests.unbroken.test_shelf import damage_any
from unbroken import Every, lock
from unbroken.listing import entry
from unbroken.standing import is_work_dir, standing


def test_a_run_that_is_done_is_finished_and_has_nothing_left(done: Path) -> None:
    now = standing(str(done))
    assert (now.state, now.why, now.epoch, now.epochs, now.step, now.left) == ("finished", "", 3, 3, 15, None)
    assert now.saved == pytest.approx(time.time(), abs=600)
    assert (now.batches, now.sessions) == (5, 1)


def test_a_run_that_was_left_is_stopped_and_says_why_and_how_long_it_still_takes(tmp_path: Path) -> None:
    tiny.train(tmp_path, epochs=4, inside=tiny.at(7, "leave"))
    now = standing(str(tmp_path))
    assert (now.state, now.why, now.epoch, now.batch, now.step) == ("stopped", "left", 1, 3, 8)
    records = [json.loads(line) for line in (tmp_path / "journal.jsonl").read_text().splitlines()]
    first, last = records[0]["time"], records[-1]["time"]
    pace = (last["age"] - first["age"]) / (last["steps"] - first["steps"])
    assert now.left == pytest.approx(12 * pace)


def killed(folder: Path) -> None:
    tiny.train(folder, epochs=4, inside=tiny.at(7, lambda: os.kill(os.getpid(), 9)))


def waiting(folder: Path) -> None:
    def wait() -> None:
        print("begun", flush=True)
        time.sleep(60)

    tiny.train(folder, epochs=4, inside=tiny.at(7, wait), save=Every(background=False))


def test_a_run_whose_process_is_there_is_running_and_stands_where_its_journal_does(tmp_path: Path) -> None:
    with children.Child(waiting, tmp_path) as child:
        child.until("begun")
        now = standing(str(tmp_path))
        assert (now.state, now.epoch, now.batch, now.step) == ("running", 1, 2, 7)
        assert now.why.startswith(f"pid {child.pid} on ")
        child.process.kill()
        child.process.join()
        assert (standing(str(tmp_path)).state, standing(str(tmp_path)).step) == ("stopped", 5)


def test_a_killed_run_is_stopped_although_its_name_stands_in_the_lock(tmp_path: Path) -> None:
    children.run(killed, tmp_path)
    assert (tmp_path / "run.lock").read_text() != ""
    now = standing(str(tmp_path))
    assert (now.state, now.why) == ("stopped", "killed, or died without a word")


def test_a_holder_on_another_host_is_taken_at_its_word(run: Path) -> None:
    told: dict[str, Any] = {"host": "elsewhere", "pid": 7, "boot": "", "since": "2026-11-01T10:00:00+00:00"}
    (run / "run.lock").write_text(json.dumps(told))
    now = standing(str(run))
    assert (now.state, now.why) == (
        "running", "pid 7 on elsewhere, since 2026-11-01T10:00:00+00:00, as its lock says",
    )  # fmt: skip
    assert lock.holder(str(run / "run.lock")) is not None


def test_what_is_damaged_is_told(run: Path) -> None:
    damage_any(str(run / "checkpoint.pt"))
    assert standing(str(run)).state == "damaged"
    assert standing(str(run)).why.startswith(f"{run}/checkpoint.pt is cut short or damaged")
    prev = entry(f"{run}/checkpoint.prev.pt")
    assert (standing(str(run)).step, standing(str(run)).saved) == (prev.step, prev.saved), "what it would go on from"


@pytest.mark.parametrize("name", ["run.json", "journal.jsonl"])
def test_a_record_that_cannot_be_read_is_told_as_damage(name: str, run: Path) -> None:
    (run / name).write_text("{\n")
    now = standing(str(run))
    assert now.state == "damaged"
    assert name in now.why


def test_without_run_json_a_run_is_told_as_far_as_it_is_known(run: Path) -> None:
    (run / "run.json").unlink()
    now = standing(str(run))
    assert (now.state, now.why, now.epoch, now.left) == ("stopped", "no session is recorded", 3, None)


def test_a_longer_run_is_asked_of_the_session_that_asked_for_it(run: Path) -> None:
    tiny.train(run, epochs=5, inside=tiny.at(16, "leave"))
    now = standing(str(run))
    assert (now.state, now.epoch, now.epochs) == ("stopped", 3, 5)


def test_a_folder_is_a_work_dir_once_a_run_was_there(run: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert is_work_dir(str(run))
    assert not is_work_dir(str(tmp_path / "empty"))
