"""What a run tells while it goes"""

import contextlib
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from unbroken import Position
from unbroken.console import Console, Pace
from unbroken.errors import Misuse
from unbroken.keep import Keep
from unbroken.spent import Spent
from unbroken.story import Story


@pytest.fixture
def story(tmp_path: Path) -> Any:
    told = Story(str(tmp_path), epochs=3, batches=4, log_every=2, summaries=False)
    told.open(None, Position())
    yield told
    told.close()


def records(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]


def test_every_so_many_steps_the_last_batch_is_recorded(story: Story, tmp_path: Path) -> None:
    position = Position()
    for i in range(4):
        story.log({"loss": float(i)}, {"lr": 0.5})
        position = position.after_batch()
        story.batch_done(position, 8)
    told = [{k: v for k, v in record.items() if k != "time"} for record in records(tmp_path)]
    assert told == [
        {"at": "step", "epoch": 0, "step": 2, "train": {"loss": 1.0}, "lr": 0.5},
        {"at": "step", "epoch": 0, "step": 4, "train": {"loss": 3.0}, "lr": 0.5},
    ]


def test_an_epoch_is_recorded_with_its_means_and_the_next_one_starts_anew(story: Story, tmp_path: Path) -> None:
    for i in range(4):
        story.log({"loss": float(i)}, {})
    story.log({}, {"valid": {"iou": 0.25}})
    story.epoch_done(Position(1, 0, 4), 1.5)
    story.log({"loss": 7.0}, {})
    story.epoch_done(Position(2, 0, 8), 1.5)
    first, second = records(tmp_path)
    assert first["train"] == {"loss": 1.5}
    assert first["valid"] == {"iou": 0.25}
    assert second["train"] == {"loss": 7.0}
    assert "valid" not in second


def test_times_stand_last_in_a_record_and_nowhere_else(story: Story, tmp_path: Path) -> None:
    story.log({"loss": 1.0}, {})
    story.epoch_done(Position(1, 0, 4), 1.5)
    (record,) = records(tmp_path)
    assert list(record)[-1] == "time"
    assert record["time"]["seconds"] == 1.5
    assert set(record) == {"at", "epoch", "step", "train", "time"}


def test_a_record_says_what_its_session_has_spent_so_far(tmp_path: Path) -> None:
    told = Story(str(tmp_path), epochs=3, batches=4, log_every=2, summaries=False)
    told.spent = Spent()
    told.open(None, Position(1, 0, 4))
    told.batch_done(Position(1, 2, 6), 8)
    told.spent.add(0.25, 2.0)
    told.batch_done(Position(1, 4, 8), 8)
    told.close()
    first, second = (record["time"] for record in records(tmp_path))
    assert [first[name] for name in ("steps", "saves", "stalled", "written")] == [2, 0, 0.0, 0.0]
    assert [second[name] for name in ("steps", "saves", "stalled", "written")] == [4, 1, 0.25, 2.0]
    assert 0.0 < first["age"] < second["age"]


def test_an_epoch_is_one_line_on_the_console_and_in_the_log(
    story: Story, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    story.log({"loss": 0.123456, "kl": 5.0}, {"valid": {"iou": 0.25, "angle": 9.0}, "lr": 8e-4})
    story.epoch_done(Position(1, 0, 4), 61.04)
    line = "epoch 1/3  train loss 0.1235  valid iou 0.25  lr 0.0008  61.0 s\n"
    assert capsys.readouterr().out == line
    assert (tmp_path / "train.log").read_text() == line


def test_progress_says_first_what_a_narrow_terminal_must_not_cut_off(
    story: Story, capsys: pytest.CaptureFixture[str]
) -> None:
    story.log({"loss": 0.5, "contact": 2.0, "dice": 3.0, "part": 4.0, "kl": 5.0}, {"lr": 8e-4})
    story.batch_done(Position(1, 1, 5), 8)
    place = r"epoch 2/3  batch 1/4  \d+:\d\d:\d\d left  loss 0\.5  lr 0\.0008  \d+ samples/s"
    assert re.fullmatch(rf"{place}  contact 2  dice 3  part 4\n", capsys.readouterr().out), "nothing is saved yet"


def test_progress_says_what_a_kill_would_cost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = Story(str(tmp_path), epochs=3, batches=4, log_every=2, summaries=False)
    told.open(None, Position(1, 0, 4))
    told.spent.last = time.monotonic() - 65
    told.batch_done(Position(1, 1, 5), 8)
    told.close()
    line = capsys.readouterr().out
    assert re.search(r"left  \d+ samples/s  0:01:05 unsaved\n", line), "nothing was logged, and no gap is left"


def test_progress_fits_80_columns_at_thousands_of_epochs_up_to_the_speed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Pace, "speed", 99.94 / 32 / 4)  # epochs a second
    told = Story(str(tmp_path), epochs=3000, batches=4, log_every=2, summaries=False)
    told.log({"loss": 4.7781234}, {"lr": 7.97412e-4})
    told.batch_done(Position(2880, 1, 11521), 128)
    told.close()
    line, _, _ = capsys.readouterr().out.partition("samples/s")
    assert line.endswith("loss 4.78  lr 0.000797  100 ")
    assert len(line) <= 80 - len("samples…^C")


def test_progress_counts_from_the_state_that_a_session_went_on_from(tmp_path: Path) -> None:
    for position in (Position(), Position(1, 0, 4)):
        told = Story(str(tmp_path), epochs=3, batches=4, log_every=2, summaries=False)
        told.open(told.mark() if position.epoch else None, position)
        assert (told.spent.last is None) == (position.epoch == 0), "a new run has nothing to go back to"
        told.close()


def test_an_epoch_says_the_value_by_which_the_best_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = Story(str(tmp_path), epochs=3, batches=4, log_every=2, summaries=False, keep=Keep(best="valid.score"))
    told.open(None, Position())
    for k, score in enumerate((0.25, 0.5, 0.125), 1):
        told.log({"loss": 1.0}, {"valid": {"loss": 2.0, "score": score}})
        told.epoch_done(Position(k, 0, 4 * k), 1.5)
    told.log({"loss": 1.0}, {"valid": {"loss": 2.0}})
    told.epoch_done(Position(4, 0, 16), 1.5)
    told.close()
    first, second, third, fourth = capsys.readouterr().out.splitlines()
    assert first == "epoch 1/3  train loss 1  valid loss 2  valid score 0.25  best  1.5 s"
    assert second == "epoch 2/3  train loss 1  valid loss 2  valid score 0.5  best  1.5 s"
    assert third == "epoch 3/3  train loss 1  valid loss 2  valid score 0.125  1.5 s"
    assert fourth == "epoch 4/3  train loss 1  valid loss 2  1.5 s"


def test_an_epoch_takes_its_live_line_away_before_it_is_told(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = list[str]()
    monkeypatch.setattr(Console, "wipe", lambda console: seen.append("wiped"))
    monkeypatch.setattr(Console, "say", lambda console, line: seen.append(line))
    story.log({"loss": 1.0}, {})
    story.epoch_done(Position(1, 0, 4), 1.5)
    assert seen == ["wiped", "epoch 1/3  train loss 1  1.5 s"]


def test_the_mark_vouches_for_all_that_was_told(story: Story, tmp_path: Path) -> None:
    story.log({"loss": 1.0}, {})
    story.epoch_done(Position(1, 0, 4), 1.5)
    assert story.mark()["length"] == (tmp_path / "journal.jsonl").stat().st_size


def test_before_it_is_opened_a_story_touches_no_file(tmp_path: Path) -> None:
    told = Story(str(tmp_path), epochs=3, batches=4, log_every=2, summaries=True)
    told.say("refused")
    told.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["at", "epoch", "step", "train", "time"])
def test_a_value_cannot_take_the_place_of_what_a_record_says_of_itself(name: str, story: Story, tmp_path: Path) -> None:
    """Either the name is refused, or the record's own fields stay what they are."""
    with contextlib.suppress(Misuse):
        story.log({}, {name: 77.0})
    story.log({"loss": 1.0}, {})
    story.epoch_done(Position(1, 0, 4), 1.5)
    (record,) = records(tmp_path)
    assert (record["at"], record["epoch"], record["step"], record["train"]) == ("epoch", 1, 4, {"loss": 1.0})
