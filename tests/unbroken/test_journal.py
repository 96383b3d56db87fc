"""What was measured"""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unbroken import children
from unbroken.journal import Journal, Summaries, numbers

RECORDS = [{"at": "step", "step": i, "train": {"loss": 1 / (i + 1)}} for i in range(9)]


def opened(path: Path, mark: Any = None) -> Journal:
    journal = Journal(str(path))
    journal.open(mark)
    return journal


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(st.integers(0, 9), st.integers(0, 9), st.binary(max_size=20))
def test_going_on_cuts_the_file_back_exactly(tmp_path: Path, vouched: int, lost: int, torn: bytes) -> None:
    path = tmp_path / "journal.jsonl"
    path.unlink(missing_ok=True)
    journal = opened(path)
    for record in RECORDS[:vouched]:
        journal.write(record)
    mark = journal.mark()
    before = path.read_bytes()
    for record in RECORDS[:lost]:
        journal.write(record)
    journal.close()
    path.write_bytes(path.read_bytes() + torn)
    journal = opened(path, mark)
    assert path.read_bytes() == before
    for record in RECORDS[vouched:]:
        journal.write(record)
    whole = journal.mark()
    journal.close()
    assert lines(path) == RECORDS
    assert whole["length"] == path.stat().st_size
    assert Journal(str(path)).holds(mark)
    assert Journal(str(path)).holds(whole)


def test_a_mark_is_held_only_by_the_very_records_it_vouches_for(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = opened(path)
    journal.write(RECORDS[0])
    mark = journal.mark()
    journal.close()
    good = path.read_bytes()
    for content in (good[:-1], good.replace(b"1.0", b"2.0"), b"", b"\n" + good):
        path.write_bytes(content)
        assert not Journal(str(path)).holds(mark)
    path.unlink()
    assert not Journal(str(path)).holds(mark)


def test_without_a_mark_a_journal_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text("an old story\n")
    journal = opened(path)
    journal.write(RECORDS[0])
    journal.close()
    assert lines(path) == RECORDS[:1]


def test_a_record_is_on_disk_as_soon_as_it_is_written(tmp_path: Path) -> None:
    journal = opened(tmp_path / "journal.jsonl")
    journal.write(RECORDS[0])
    assert lines(tmp_path / "journal.jsonl") == RECORDS[:1]
    journal.close()


def test_nan_and_infinity_are_recorded(tmp_path: Path) -> None:
    journal = opened(tmp_path / "journal.jsonl")
    journal.write({"loss": math.nan, "worst": math.inf})
    journal.close()
    (record,) = lines(tmp_path / "journal.jsonl")
    assert math.isnan(record["loss"])
    assert record["worst"] == math.inf


def full_disk(path: Path) -> None:
    journal = opened(path)
    journal.write(RECORDS[0])
    children.disk(path.stat().st_size + 10)  # room for a part of the next record
    for record in RECORDS[1:]:
        journal.write(record)
    try:
        journal.mark()
    except OSError as reason:
        print("mark says", reason.strerror)
    children.disk(-1)
    mark = journal.mark()
    journal.close()
    print("held", Journal(str(path)).holds(mark))


def test_records_wait_in_memory_while_the_disk_is_full_and_no_state_vouches_for_them(tmp_path: Path) -> None:
    ended = children.run(full_disk, tmp_path / "journal.jsonl")
    assert ended.out.splitlines() == ["mark says File too large", "held True"]
    assert lines(tmp_path / "journal.jsonl") == RECORDS


def test_every_number_has_a_path() -> None:
    record = {"at": "epoch", "step": 3, "train": {"loss": 0.5, "parts": {"palm": 1}}, "note": "x"}
    assert numbers(record) == [("step", 3), ("train/loss", 0.5), ("train/parts/palm", 1)]


def test_the_mirror_shows_each_number_at_its_step_and_drops_what_a_killed_session_wrote(tmp_path: Path) -> None:
    # Imported here because it takes seconds, and children import this file too.
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # noqa: PLC0415

    first = Summaries(str(tmp_path), 0)
    for record in RECORDS[:5]:
        first.write(record)
    first.flush()
    first.close()
    second = Summaries(str(tmp_path), 2)
    for record in RECORDS[3:]:
        second.write({**record, "train": {"loss": 7.0}})
    second.close()
    events = EventAccumulator(str(tmp_path)).Reload().Scalars("step/train/loss")
    assert [event.step for event in events] == list(range(9))
    assert [event.value for event in events] == pytest.approx([1.0, 0.5, 1 / 3, *[7.0] * 6])


def mirror_on_a_full_disk(folder: Path) -> None:
    mirror = Summaries(str(folder), 0)
    mirror.write(RECORDS[0])
    mirror.flush()
    children.disk(1)
    for record in RECORDS:
        mirror.write(record)
        mirror.flush()
    mirror.close()
    print("alive")


def test_a_mirror_that_cannot_be_written_does_not_end_training(tmp_path: Path) -> None:
    """The journal is the truth and the mirror can be made again of it."""
    ended = children.run(mirror_on_a_full_disk, tmp_path)
    assert ended.code == 0, ended.out
    assert "alive" in ended.out
