"""A text file that grows by lines"""

from pathlib import Path

import pytest

from tests.unbroken import children
from unbroken.lines import Lines


def opened(path: Path) -> Lines:
    lines = Lines()
    lines.file = open(path, "ab", buffering=0)  # noqa: SIM115 (closed by close)
    return lines


def test_a_line_is_in_the_file_as_soon_as_it_is_said(tmp_path: Path) -> None:
    lines = opened(tmp_path / "log")
    lines.append("one é")
    assert (tmp_path / "log").read_text() == "one é\n"
    lines.close()


def test_lines_wait_for_their_file_and_keep_their_order(tmp_path: Path) -> None:
    lines = Lines()
    lines.append("one")
    lines.append("two")
    lines.file = open(tmp_path / "log", "ab", buffering=0)  # noqa: SIM115 (closed by close)
    lines.append("three")
    lines.close()
    assert (tmp_path / "log").read_text() == "one\ntwo\nthree\n"


def full(path: Path) -> None:
    lines = opened(path)
    lines.append("before")
    children.disk(10)  # room for three bytes of the next line
    for number in range(100):
        lines.append(f"line {number}")
    with pytest.raises(OSError, match="File too large"):
        lines.drain()
    print(path.read_bytes())
    children.disk(-1)
    lines.drain()
    lines.append("after")
    lines.close()


def test_on_a_full_disk_lines_wait_and_none_is_lost_or_doubled(tmp_path: Path) -> None:
    ended = children.run(full, tmp_path / "log")
    assert (ended.code, ended.out) == (0, "b'before\\nlin'\n")
    expected = ["before", *(f"line {number}" for number in range(100)), "after"]
    assert (tmp_path / "log").read_text().splitlines() == expected


def closes_late(path: Path) -> None:
    lines = opened(path)
    children.disk(0)
    lines.append("waits")
    lines.close()
    lines.append("nobody writes this")


def test_closing_on_a_full_disk_is_no_error(tmp_path: Path) -> None:
    ended = children.run(closes_late, tmp_path / "log")
    assert (ended.code, ended.out) == (0, "")
    assert (tmp_path / "log").read_text() == ""


def test_what_fitted_by_then_is_written_at_the_close(tmp_path: Path) -> None:
    ended = children.run(room_again, tmp_path / "log")
    assert ended.code == 0, ended.out
    assert (tmp_path / "log").read_text() == "waits\n"


def room_again(path: Path) -> None:
    lines = opened(path)
    children.disk(0)
    lines.append("waits")
    children.disk(-1)
    lines.close()
