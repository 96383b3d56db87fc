"""What a person sees"""

import contextlib
import io
import os
import re
import sys
import time
from pathlib import Path

import pytest

from tests.unbroken import children
from unbroken.console import Console, Pace, brief, duration

STRANGE = ["[bold]no markup[/bold]", ":smile: 10 % of 'x'", "x" * 500, "", "  indented", "./exp/checkpoint.pt é ü 手"]


@pytest.mark.parametrize("line", STRANGE)
def test_a_line_is_printed_and_logged_exactly_as_it_is(
    line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    console = Console()
    console.open(str(tmp_path / "train.log"))
    console.say(line)
    console.close()
    assert capsys.readouterr().out == line + "\n"
    assert (tmp_path / "train.log").read_text() == line + "\n"


def test_lines_said_before_the_log_is_open_are_held_and_come_first(tmp_path: Path) -> None:
    console, log = Console(), tmp_path / "train.log"
    console.say("one")
    console.say("two")
    assert not log.exists()
    console.open(str(log))
    console.say("three")
    console.close()
    assert log.read_text() == "one\ntwo\nthree\n"


def test_a_refused_start_leaves_no_log(tmp_path: Path) -> None:
    console = Console()
    console.say("refused")
    console.close()
    assert list(tmp_path.iterdir()) == []


def test_the_log_goes_on_where_it_ended(tmp_path: Path) -> None:
    for line in ("first session", "second session"):
        console = Console()
        console.open(str(tmp_path / "train.log"))
        console.say(line)
        console.close()
    assert (tmp_path / "train.log").read_text() == "first session\nsecond session\n"


def test_progress_is_printed_seldom_where_nothing_can_be_redrawn_and_never_logged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    console, made = Console(), list[int]()
    console.open(str(tmp_path / "train.log"))
    for i in range(100):
        if console.due:
            made.append(i)
            console.progress(f"batch {i}")
    console.close()
    assert len(made) <= 1
    assert capsys.readouterr().out.count("batch") == len(made)
    assert (tmp_path / "train.log").read_text() == ""


def test_under_a_terminal_progress_is_one_line_that_is_gone_once_it_is_wiped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    main, other = os.openpty()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "40")
    with os.fdopen(other, "w") as terminal:
        monkeypatch.setattr(sys, "stdout", terminal)
        console = Console()
        console.open(str(tmp_path / "train.log"))
        console.progress("batch 1 " + "." * 50)
        console.wipe()
        console.say("the epoch is done")
        console.close()
    told = ""
    with contextlib.suppress(OSError):  # how a terminal says that nobody writes any more
        while True:
            told += os.read(main, 10_000).decode()
    os.close(main)
    _, _, rest = told.partition("batch 1 ")
    assert "batch" not in rest, "it is not drawn again below the line"
    shown = re.search(r"batch 1 \.*…", told)
    assert shown, "it is cut, not wrapped"
    assert len(shown.group()) + len("^C") < 40, "what a terminal prints for Ctrl+C has its place beside it"
    assert "\x1b[?25l" not in told, "a cursor that is hidden stays so after SIGKILL"
    assert "the epoch is done" in rest


def test_a_terminal_without_the_letters_of_a_line_gets_question_marks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    main, other = os.openpty()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "20")
    with os.fdopen(other, "w", encoding="ascii") as terminal:
        monkeypatch.setattr(sys, "stdout", terminal)
        console = Console()
        console.open(str(tmp_path / "train.log"))
        console.progress("größe 0.5  and so much more")
        console.close()
    assert "gr??e 0.5" in os.read(main, 10_000).decode("ascii")
    os.close(main)


def test_a_terminal_that_is_closed_does_not_end_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    main, other = os.openpty()
    monkeypatch.setenv("TERM", "xterm")
    terminal = os.fdopen(other, "w")
    monkeypatch.setattr(sys, "stdout", terminal)
    console = Console()
    console.open(str(tmp_path / "train.log"))
    os.close(main)
    console.progress("batch 1")
    console.wipe()
    console.say("the epoch is done")
    console.close()
    with contextlib.suppress(OSError):
        terminal.close()
    assert (tmp_path / "train.log").read_text() == "the epoch is done\n"


def full_disk(log: Path) -> None:
    console = Console()
    console.open(str(log))
    console.say("before")
    children.disk(log.stat().st_size)
    with contextlib.redirect_stdout(io.StringIO()):
        for i in range(600):
            console.say(f"line {i} " + "." * 100)
    children.disk(-1)
    console.say("after")
    console.close()


def test_lines_wait_while_the_disk_is_full_and_none_is_lost_or_doubled(tmp_path: Path) -> None:
    ended = children.run(full_disk, tmp_path / "train.log")
    assert ended.code == 0, ended.out
    lines = (tmp_path / "train.log").read_text().splitlines()
    assert lines == ["before", *(f"line {i} " + "." * 100 for i in range(600)), "after"]


def test_a_console_that_is_a_file_on_a_full_disk_does_not_end_training(tmp_path: Path) -> None:
    """`python train.py > out.txt` writes to the same disk as the checkpoints."""
    console = Console()
    console.open(str(tmp_path / "train.log"))
    full = open("/dev/full", "w")  # noqa: SIM115 (closing it fails too)
    try:
        with contextlib.redirect_stdout(full):
            console.say("still here")
    finally:
        console.close()
        with contextlib.suppress(OSError):
            full.close()
    assert (tmp_path / "train.log").read_text() == "still here\n"


def test_the_pace_is_unknown_until_time_has_passed_and_counts_what_was_done_since() -> None:
    pace = Pace(2.0)
    time.sleep(0.05)
    pace.tick(2.5)
    assert 0.0 < pace.speed <= 10.0


def test_durations_and_numbers_are_short() -> None:
    assert [duration(s) for s in (0, 61.9, 3600, 100 * 3600 + 59)] == ["0:00:00", "0:01:01", "1:00:00", "100:00:59"]
    assert brief({"loss": 0.123456, "lr": 8e-4, "n": 3}) == "loss 0.1235  lr 0.0008  n 3"
    assert brief({}) == ""
