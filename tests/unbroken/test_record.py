"""run.json"""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.unbroken.test_checkpoint import tree
from unbroken import Position
from unbroken.record import Record
from unbroken.shelf import Found, Shelf


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(str(tmp_path))


def test_a_record_that_is_only_looked_at_writes_nothing(shelf: Shelf) -> None:
    record = Record(shelf)
    record.end("finished", Position(), print)
    assert record.sessions == []
    assert os.listdir(shelf.folder) == []


def test_a_session_that_runs_has_no_end_yet(shelf: Shelf) -> None:
    Record(shelf).begin(None, None, {"settings": {"lr": 0.1}})
    content = json.loads(Path(shelf.record).read_text())
    (session,) = content["sessions"]
    assert session["ended"] is None
    assert (session["pid"], session["resume"], session["from"], session["state"]) == (os.getpid(), None, None, None)
    assert content["settings"] == {"lr": 0.1}
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", content["born"])


def test_a_session_says_how_it_ended_and_where(shelf: Shelf) -> None:
    record = Record(shelf)
    record.begin(None, None, {})
    record.end("stopped by SIGTERM", Position(1, 2, 7), print)
    record.end("finished", Position(9, 9, 9), print)
    (session,) = json.loads(Path(shelf.record).read_text())["sessions"]
    assert {k: v for k, v in session["ended"].items() if k != "at"} == {
        "how": "stopped by SIGTERM", "epoch": 1, "batch": 2, "step": 7,
    }  # fmt: skip


def test_a_later_session_follows_the_earlier_ones_and_names_its_state(shelf: Shelf, tmp_path: Path) -> None:
    Record(shelf).begin(None, None, {})
    born = json.loads(Path(shelf.record).read_text())["born"]
    Record(shelf).begin("./state.pt", Found("./state.pt", tree(digest="d1")), {})
    content = json.loads(Path(shelf.record).read_text())
    assert content["born"] == born
    assert len(content["sessions"]) == 2
    last = content["sessions"][-1]
    assert (last["resume"], last["from"], last["state"]) == (os.path.realpath("state.pt"), "./state.pt", "d1")
    assert last["position"] == {"epoch": 2, "batch": 1, "step": 7}


def test_the_commit_of_the_checkout_is_recorded_and_none_outside(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "outside").mkdir()
    monkeypatch.chdir(tmp_path / "outside")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    Record(shelf).begin(None, None, {})
    assert json.loads(Path(shelf.record).read_text())["git"] is None
    author = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run(["git", *author, "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    Record(shelf).begin(None, None, {})
    assert re.fullmatch(r"[0-9a-f]{40}", json.loads(Path(shelf.record).read_text())["git"])


def test_without_git_on_the_machine_the_record_is_written_all_the_same(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    Record(shelf).begin(None, None, {})
    assert json.loads(Path(shelf.record).read_text())["git"] is None
