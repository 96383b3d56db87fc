"""The records of a journal, read without torch"""

import json
from pathlib import Path

import pytest

from unbroken import records
from unbroken.errors import Damaged, Unreadable

RECORDS = [
    {"at": "step", "epoch": 0, "step": i, "train": {"loss": 0.5}, "time": {"unix": float(i)}} for i in range(1, 6)
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    written = tmp_path / "journal.jsonl"
    written.write_text("".join(json.dumps(record) + "\n" for record in RECORDS))
    return written


def test_every_whole_record_is_read_and_a_killed_sessions_last_one_is_not(path: Path) -> None:
    path.write_text(path.read_text() + '{"at": "step", "epo')
    assert list(records.read(str(path))) == RECORDS


def test_a_journal_that_is_not_there_has_no_records(tmp_path: Path) -> None:
    assert list(records.read(str(tmp_path / "none"))) == []
    assert records.last(str(tmp_path / "none"), 0) is None
    assert records.tail(str(tmp_path / "none"), 0) == []


@pytest.mark.parametrize(
    "line", ["loss 0.3", "[1]", "{}", '{"at": "step", "epoch": 0, "step": 1.5, "time": {}}', "[" * 100_000, "\xff\x00"]
)
def test_what_is_no_record_is_damage_and_its_line_is_named(line: str, path: Path) -> None:
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(Damaged, match=r"journal.jsonl is damaged in line 6: it is no record of a run"):
        list(records.read(str(path)))


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="cannot be read: Is a directory"):
        list(records.read(str(tmp_path)))


def test_the_last_record_behind_so_many_bytes_is_found(path: Path) -> None:
    size = path.stat().st_size
    assert records.last(str(path), 0) == {"epoch": 0, "step": 5, "time": {"unix": 5.0}}
    assert records.last(str(path), size - 5) is None, "half a record is none"
    assert records.last(str(path), size) is None
    path.write_text(path.read_text() + "torn")
    assert records.last(str(path), 10) == {"epoch": 0, "step": 5, "time": {"unix": 5.0}}
    path.write_text(path.read_text() + "\n")
    assert records.last(str(path), size) is None


def test_the_records_at_a_step_or_later_are_the_last_ones(path: Path) -> None:
    assert records.tail(str(path), 4) == RECORDS[3:]
    assert records.tail(str(path), 6) == []


def test_every_number_has_a_path() -> None:
    record = {"at": "epoch", "step": 3, "train": {"loss": 0.5, "parts": {"palm": 1}}, "note": "x"}
    assert records.numbers(record) == [("step", 3), ("train/loss", 0.5), ("train/parts/palm", 1)]
