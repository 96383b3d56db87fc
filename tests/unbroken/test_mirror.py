"""TensorBoard's view of the journal"""

import os
import time
from pathlib import Path
from typing import Any

import pytest

from tests.unbroken import children
from unbroken.mirror import Mirror

RECORDS = [
    {"at": "step", "epoch": 0, "step": i, "train": {"loss": 1 / (i + 1)}, "time": {"unix": 1000.0 + i}}
    for i in range(9)
]


def shown(folder: Path, tag: str = "step/train/loss") -> list[Any]:
    # Imported here because it takes seconds, and children import this file too.
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # noqa: PLC0415

    return EventAccumulator(str(folder)).Reload().Scalars(tag)


def test_each_number_is_shown_at_its_step_and_what_a_killed_session_wrote_is_dropped(tmp_path: Path) -> None:
    first = Mirror(str(tmp_path), 0)
    for record in RECORDS[:5]:
        first.write(record)
    first.close()
    second = Mirror(str(tmp_path), 2, kept=[RECORDS[2]])
    for record in RECORDS[3:]:
        second.write({**record, "train": {"loss": 7.0}})
    second.close()
    events = shown(tmp_path)
    assert [event.step for event in events] == list(range(9))
    assert [event.value for event in events] == pytest.approx([1.0, 0.5, 1 / 3, *[7.0] * 6])
    assert [event.wall_time for event in events] == [1000.0 + i for i in range(9)]


def test_a_later_session_is_the_later_one_whatever_its_clock_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On another host the clock may be behind; and a pid of four digits sorts behind one of five."""
    for now, pid, loss in ((2000.0, 9999, 1.0), (2000.0, 10000, 2.0), (1500.0, 7, 3.0)):
        monkeypatch.setattr(time, "time", lambda now=now: now)
        monkeypatch.setattr(os, "getpid", lambda pid=pid: pid)
        mirror = Mirror(str(tmp_path), 1)
        for record in RECORDS[1:3]:
            mirror.write({**record, "train": {"loss": loss}})
        mirror.close()
    monkeypatch.undo()
    assert [(event.step, event.value) for event in shown(tmp_path)] == [(1, 3.0), (2, 3.0)]


def test_of_what_is_flushed_nothing_is_lost_with_the_process(tmp_path: Path) -> None:
    mirror = Mirror(str(tmp_path), 0)
    mirror.write(RECORDS[0])
    mirror.write(RECORDS[1])
    mirror.flush()
    assert [event.step for event in shown(tmp_path)] == [0, 1]
    mirror.close()


def test_the_seconds_of_an_epoch_are_shown_and_what_the_session_has_spent_is_not(tmp_path: Path) -> None:
    mirror = Mirror(str(tmp_path), 0)
    mirror.write({"at": "epoch", "epoch": 1, "step": 5, "lr": 0.5, "time": {"unix": 1.0, "seconds": 2.5, "age": 9.0}})
    mirror.close()
    assert [event.value for event in shown(tmp_path, "epoch/time/seconds")] == [2.5]
    with pytest.raises(KeyError):
        shown(tmp_path, "epoch/time/age")


def mirror_on_a_full_disk(folder: Path) -> None:
    mirror = Mirror(str(folder), 0)
    mirror.write(RECORDS[0])
    mirror.flush()
    children.disk(1)
    for record in RECORDS:
        mirror.write(record)
        mirror.flush()
    mirror.close()
    print("alive", mirror.failure is not None)


def test_a_mirror_that_cannot_be_written_does_not_end_training(tmp_path: Path) -> None:
    """The journal is the truth and the mirror can be made again of it."""
    ended = children.run(mirror_on_a_full_disk, tmp_path)
    assert ended.code == 0, ended.out
    assert "alive True" in ended.out
