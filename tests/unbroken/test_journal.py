"""What was measured"""

import json
import math
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unbroken import children
from unbroken.journal import Journal

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
