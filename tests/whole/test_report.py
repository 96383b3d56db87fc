"""A run that was interrupted twelve times, in four ways: what its report tells is what the journal and run.json hold"""

import json
import os
import re
import signal
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.whole import jobs
from unbroken import records, testing
from unbroken.__main__ import main

STEPS, BATCHES = 120, 20
KILLED, TERM, INT, FILE, HOURS = "killed", "SIGTERM", "SIGINT", "file", "hours"
FATES = [
    (KILLED, 31), (TERM, 7), (HOURS, 0), (INT, 12), (KILLED, 3), (FILE, 2), (TERM, 11), (KILLED, 9), (INT, 1),
    (HOURS, 0), (INT, 5), (TERM, 4),
]  # fmt: skip
"""How each session ends, and with which batch in hand."""
CLOCK = 3.0  # seconds: what passes before a process begins and after its last word, on a busy machine


class Campaign(NamedTuple):
    work_dir: Path
    calm: Path
    codes: list[int]
    began: float
    ended: float


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    folder = tmp_path_factory.mktemp("campaign")
    assert jobs.run("ends", folder / "calm", out=folder / "calm.txt").code == 0
    began, codes = time.time(), list[int]()
    for how, batch in [*FATES, ("finished", 0)]:
        codes.append(session(folder, how, batch))
    return Campaign(folder / "run", folder / "calm", codes, began, time.time())


def session(folder: Path, how: str, batch: int) -> int:
    stop = folder / "stop"
    options: list[object] = ["--at", batch]
    options += {
        TERM: ["--signal", "SIGTERM"], INT: ["--signal", "SIGINT"], FILE: ["--stop-file", stop, "--pause", 0.05],
        HOURS: ["--hours", 0.3 / 3600, "--pause", 0.02],
    }.get(how, [])  # fmt: skip
    die_at = f"batch {batch}" if how == KILLED else ""
    code = jobs.run("ends", folder / "run", *options, out=folder / "out.txt", die_at=die_at).code
    stop.unlink(missing_ok=True)
    return code


def story(work_dir: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert main(["report", str(work_dir), "--json"]) == 0
    (run,) = json.loads(capsys.readouterr().out)["runs"]
    return run


def recorded(work_dir: Path) -> list[dict[str, Any]]:
    return json.loads((work_dir / "run.json").read_text())["sessions"]


def test_twelve_times_interrupted_it_ends_in_the_same_bits(campaign: Campaign) -> None:
    expected = {KILLED: -signal.SIGKILL, TERM: 143, INT: 130, FILE: 75, HOURS: 75}
    assert campaign.codes == [*(expected[how] for how, _ in FATES), 0]
    assert testing.compare(str(campaign.calm), str(campaign.work_dir)) == []
    assert testing.records(str(campaign.calm)) == testing.records(str(campaign.work_dir))


def test_every_session_is_told_with_its_end_and_the_place_it_went_on_from(
    campaign: Campaign, capsys: pytest.CaptureFixture[str]
) -> None:
    run, sessions = story(campaign.work_dir, capsys), recorded(campaign.work_dir)
    assert (run["state"], run["sessions"], len(run["session"])) == ("finished", 13, 13)
    for told, session in zip(run["session"], sessions, strict=True):
        assert told["how"] == (session["ended"]["how"] if session["ended"] else "killed")
        assert told["start"] == (session["position"] or {"epoch": 0, "batch": 0, "step": 0})
        assert (told["host"], told["pid"], told["from"]) == (session["host"], session["pid"], session["from"])
    kinds = [told["how"].split(" ")[-1] for told in run["session"]]
    assert [kinds.count(kind) for kind in ("killed", "SIGTERM", "SIGINT", "hours", "finished")] == [3, 3, 3, 2, 1]


def test_steps_that_count_and_steps_that_were_lost_add_up(
    campaign: Campaign, capsys: pytest.CaptureFixture[str]
) -> None:
    run, sessions = story(campaign.work_dir, capsys), recorded(campaign.work_dir)
    starts = [session["position"]["step"] if session["position"] else 0 for session in sessions] + [STEPS]
    for (how, batch), told, start, then in zip([*FATES, ("", 0)], run["session"], starts, starts[1:], strict=False):
        assert told["kept"] == then - start
        assert told["lost"] == (batch - 1 - (then - start) if how == KILLED else 0)
        assert told["steps"] == told["kept"] + told["lost"]
    total = run["time"]
    assert total["steps"] - total["steps_lost"] == STEPS
    assert total["steps_lost"] == sum(told["lost"] for told in run["session"]) > 0
    assert total["steps_behind"] == 0


def test_the_seconds_add_up_to_those_on_the_clock(campaign: Campaign, capsys: pytest.CaptureFixture[str]) -> None:
    run, sessions = story(campaign.work_dir, capsys), recorded(campaign.work_dir)
    total, parts = run["time"], ("trained", "lost", "behind", "restarting", "stalled", "closing")
    assert all(total[part] >= 0 for part in parts)
    assert sum(total[part] for part in parts) == pytest.approx(total["up"])
    for part in (*parts, "away", "up"):
        assert total[part] == pytest.approx(sum(told["time"][part] for told in run["session"]))
    for told, session in zip(run["session"], sessions, strict=True):
        if session["ended"]:
            assert told["time"]["up"] == pytest.approx(session["ended"]["time"]["age"])
            assert told["saves"] == session["ended"]["time"]["saves"]
            assert told["time"]["stalled"] == pytest.approx(session["ended"]["time"]["stalled"])
    assert total["up"] + total["away"] == pytest.approx(campaign.ended - campaign.began, abs=CLOCK)
    assert total["goodput"] == pytest.approx(total["trained"] / total["up"])
    assert total["saves"] == sum(told["saves"] for told in run["session"])


def test_the_numbers_and_the_curves_are_those_of_the_journal(
    campaign: Campaign, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(campaign.work_dir), str(campaign.calm), "--out", str(tmp_path / "report.html")]) == 0
    assert "finished, step 120, 4 curves, 13 sessions; " in capsys.readouterr().out
    page = (tmp_path / "report.html").read_text()
    (blob,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page)
    killed, calm = json.loads(blob)["runs"]
    assert killed["curves"] == calm["curves"], "a curve shows nothing of the interruptions"
    journal = list(records.read(str(campaign.work_dir / "journal.jsonl")))
    (loss,) = (curve for curve in killed["curves"] if (curve["at"], curve["path"]) == ("step", "train/loss"))
    assert loss["x"] == list(range(1, STEPS + 1))
    assert loss["y"] == pytest.approx([r["train"]["loss"] for r in journal if r["at"] == "step"], rel=1e-5)
    numbers = story(campaign.work_dir, capsys)["numbers"]
    assert numbers["epoch/valid/loss"]["last"] == journal[-1]["valid"]["loss"]
    assert numbers["step/lr"]["points"] == STEPS


def test_the_report_changed_nothing(campaign: Campaign, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in campaign.work_dir.rglob("*") if path.is_file()}
    assert main(["report", str(campaign.work_dir), "--out", str(tmp_path / "report.html")]) == 0
    assert {path: path.read_bytes() for path in campaign.work_dir.rglob("*") if path.is_file()} == before
    assert os.listdir(tmp_path) == ["report.html"]
