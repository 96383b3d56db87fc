"""python -m unbroken report"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unbroken import children, tiny
from unbroken import Keep
from unbroken.__main__ import main

Capture = pytest.CaptureFixture[str]


def parsed(capsys: Capture, *words: str) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert main(["report", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)["runs"]


def test_it_writes_a_page_and_says_so_in_one_line(run: Path, tmp_path: Path, capsys: Capture) -> None:
    assert main(["report", str(run), "--out", str(tmp_path / "r.html")]) == 0
    assert capsys.readouterr().out == f"{tmp_path}/r.html: {run} finished, step 15, 5 curves, 1 session\n"
    assert (tmp_path / "r.html").read_text().startswith("<!doctype html>")
    assert sorted(os.listdir(tmp_path)) == ["r.html", "run"]


def test_the_page_is_report_html_where_nothing_else_is_said(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["report", "run/", "run"]) == 0
    assert (tmp_path / "report.html").read_text().count("<article") == 1, "one folder, however often it is named"


def test_as_json_it_prints_the_pages_numbers_and_writes_no_page_unless_asked(
    run: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (facts,) = parsed(capsys, "run")
    assert os.listdir(tmp_path) == ["run"]
    assert (facts["state"], facts["epoch"], facts["epochs"], facts["step"]) == ("finished", 3, 3, 15)
    assert facts["numbers"]["step/train/loss"]["points"] == 15
    assert facts["time"]["steps"] == 15
    assert facts["session"][0]["how"] == "finished"
    assert main(["report", "run", "--json", "--out", "page.html"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["runs"][0]["step"] == 15
    assert said.err.startswith("page.html: run finished")


def test_what_was_allowed_and_what_was_told_is_noted_with_its_session(tmp_path: Path, capsys: Capture) -> None:
    folder = str(tmp_path / "run")
    tiny.train(Path(folder), epochs=1, settings={"lr": 0.1})
    tiny.train(Path(folder), epochs=2, settings={"lr": 0.2}, allow=["lr"])
    (facts,) = parsed(capsys, folder)
    assert [session["notes"] for session in facts["session"]] == [[], ["allowed to change: lr from 0.1 to 0.2"]]
    assert facts["settings"]["lr"] == 0.2


def test_going_back_is_told_as_such(tmp_path: Path, capsys: Capture) -> None:
    tiny.train(tmp_path, epochs=3, snapshots=Keep(every=1))
    tiny.train(tmp_path, epochs=3, resume=f"{tmp_path}/checkpoints/E001_net.pt")
    (facts,) = parsed(capsys, str(tmp_path))
    assert [(each["kept"], each["lost"], each["behind"]) for each in facts["session"]] == [(5, 0, 10), (10, 0, 0)]
    assert facts["session"][1]["wished"]
    assert facts["time"]["steps_behind"] == 10


def crash(folder: Path) -> None:
    def fail() -> None:
        raise ValueError("no more")

    tiny.train(folder, epochs=3, inside=tiny.at(7, fail))


def test_a_crash_is_told_in_its_own_words_and_what_it_lost(tmp_path: Path, capsys: Capture) -> None:
    with pytest.raises(ValueError, match="no more"):
        crash(tmp_path)
    (facts,) = parsed(capsys, str(tmp_path))
    assert (facts["state"], facts["why"]) == ("stopped", "ValueError: no more")
    assert (facts["session"][0]["kept"], facts["session"][0]["lost"]) == (5, 2)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda run: run.rename(run.parent / "gone"), "there is no such folder"),
        (lambda run: [path.unlink() for path in run.rglob("*") if path.is_file()], "is no work dir of a run"),
        (lambda run: (run / "journal.jsonl").write_text("{}\n"), "journal.jsonl is damaged in line 1"),
        (lambda run: (run / "run.json").write_text("{"), "run.json is damaged ("),
        (lambda run: (run / "run.json").write_text('{"sessions": [3]}'), "run.json is damaged ("),
    ],
)
def test_bad_input_is_one_line(spoil: Callable[[Path], object], why: str, run: Path, capsys: Capture) -> None:
    spoil(run)
    assert main(["report", str(run), "--out", str(run.parent / "page.html")]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert why in said.err
    assert said.err.count("\n") == 1
    assert not (run.parent / "page.html").exists()


def test_a_page_that_cannot_be_written_is_one_line(run: Path, capsys: Capture) -> None:
    assert main(["report", str(run), "--out", str(run / "none" / "page.html")]) == 2
    assert capsys.readouterr().err.endswith("page.html cannot be written: No such file or directory\n")


@pytest.mark.parametrize("name", ["checkpoint.pt", "journal.jsonl", "", "."])
def test_what_is_no_page_is_not_replaced(
    name: str, run: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(run)
    before = {path: path.read_bytes() for path in run.iterdir() if path.is_file()}
    assert main(["report", ".", "--out", name]) == 2
    assert "is no name of a page; give one that ends in .html" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in run.iterdir() if path.is_file()} == before


def test_a_damaged_state_does_not_hide_the_story(run: Path, capsys: Capture) -> None:
    (run / "checkpoint.pt").write_bytes(b"PK")
    (facts,) = parsed(capsys, str(run))
    assert facts["state"] == "damaged"
    assert facts["numbers"]["step/train/loss"]["points"] == 15


def test_a_journal_alone_has_its_curves(run: Path, capsys: Capture) -> None:
    for path in [*run.glob("*.pt"), run / "run.json"]:
        path.unlink()
    (facts,) = parsed(capsys, str(run))
    assert (facts["state"], facts["session"], facts["time"]["goodput"]) == ("stopped", [], None)
    assert facts["numbers"]["step/train/loss"]["points"] == 15


def test_it_imports_no_torch(run: Path, tmp_path: Path) -> None:
    words = ["report", str(run), "--out", str(tmp_path / "r.html")]
    program = f"import sys; from unbroken.__main__ import main; main({words}); print('torch' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ran.stdout.splitlines()[-1] == "False", ran.stdout + ran.stderr


def test_the_page_of_a_long_run_stays_below_two_megabytes(run: Path, tmp_path: Path) -> None:
    with (run / "journal.jsonl").open("w") as file:
        for step in range(1, 40_001):
            values = {f"part {i}": 1.0 / (step + i) for i in range(8)}
            time_ = {"unix": 1.0 * step, "age": 1.0 * step, "steps": step, "saves": 0, "stalled": 0.0, "written": 0.0}
            record = {"at": "step", "epoch": 0, "step": step, "train": values, "time": time_}
            file.write(json.dumps(record) + "\n")
    assert main(["report", str(run), "--out", str(tmp_path / "r.html")]) == 0
    assert (tmp_path / "r.html").stat().st_size < 2_000_000


def watch(folder: str, out: str) -> None:
    sys.exit(main(["report", folder, "--out", out, "--watch"]))


def until(true: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_watched_page_is_written_again_when_the_journal_grows_until_ctrl_c(run: Path, tmp_path: Path) -> None:
    page = tmp_path / "r.html"
    with children.Child(watch, str(run), str(page)) as child:
        child.until("finished, step 15")
        assert '"again":5' in page.read_text()
        tiny.train(run, epochs=4)
        child.until("finished, step 20")
        (run / "run.json").write_text("{")
        child.until("left as it was (")
        os.kill(child.pid, signal.SIGINT)
        ended = child.wait()
    assert ended.code == 0
    assert ended.out.endswith(f"{page}: no longer watched\n")
    assert "Traceback" not in ended.out
    assert '"again":0' in page.read_text()
    assert "epoch 4 of 4" in page.read_text()
