"""run.json, read without torch"""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.unbroken import tiny
from unbroken import sessions
from unbroken.errors import Damaged, Unreadable

OLD: dict[str, Any] = {
    "began": "2026-11-01T10:00:00+00:00", "host": "h", "pid": 7, "command": ["t.py"], "resume": None, "from": "x.pt",
    "state": "d1", "position": {"epoch": 1, "batch": 2, "step": 7}, "ended": None,
}  # fmt: skip


def written(folder: Path, *told: Any) -> str:
    path = folder / "run.json"
    path.write_text(json.dumps({"sessions": list(told)}))
    return str(path)


def test_a_run_that_is_not_born_has_no_sessions(tmp_path: Path) -> None:
    assert sessions.sessions(str(tmp_path / "run.json")) == []
    assert sessions.read(str(tmp_path / "run.json")) is None


def test_what_an_older_version_wrote_is_read(tmp_path: Path) -> None:
    (one,) = sessions.sessions(written(tmp_path, OLD))
    assert (one.number, one.start, one.epoch, one.batch, one.source, one.how) == (1, 7, 1, 2, "x.pt", None)
    assert one.began == datetime.fromisoformat(OLD["began"]).timestamp()
    assert (one.epochs, one.said, dict(one.time), one.cut) == (0, (), {}, None)


def test_a_session_tells_what_it_cost_what_it_said_and_what_it_threw_away(tmp_path: Path) -> None:
    tiny.train(tmp_path, epochs=1)
    cut = json.dumps({"at": "step", "epoch": 1, "step": 6, "time": {"unix": 3.0, "age": 2.0, "steps": 6}})
    with (tmp_path / "journal.jsonl").open("a") as file:
        file.write(cut + "\n")  # as a killed session leaves it
    tiny.train(tmp_path, epochs=2, settings={"lr": 0.1}, allow=["lr"])
    first, second = sessions.sessions(str(tmp_path / "run.json"))
    assert (first.epochs, first.batches, first.start, first.cut, first.wished) == (1, 5, 0, None, False)
    assert first.how == "finished"
    assert first.ended is not None
    assert first.ended["time"]["steps"] == 5
    assert first.ended["time"]["age"] > first.time["age"] > 0
    assert second.cut == {"step": 6, "time": {"unix": 3.0, "age": 2.0, "steps": 6.0}}
    assert second.said[0] == "allowed to change: lr from (none) to 0.1"
    assert "Resuming from epoch 1" in second.said
    assert second.environment["processes"] == 1


def test_a_wish_is_known_as_one_while_it_is_granted_and_no_longer(tmp_path: Path) -> None:
    tiny.train(tmp_path, epochs=2, snapshots=tiny.unbroken.Keep(every=1))
    wish = f"{tmp_path}/checkpoints/E001_net.pt"
    tiny.train(tmp_path, epochs=3, resume=wish)
    tiny.train(tmp_path, epochs=4, resume=wish)
    assert [session.wished for session in sessions.sessions(str(tmp_path / "run.json"))] == [False, True, False]


@pytest.mark.parametrize(
    "change", [{"position": 5}, {"began": "yesterday"}, {"ended": {"how": "left"}}, {"cut": 3}, {"time": {"age": "x"}}]
)
def test_a_session_that_makes_no_sense_is_damage(change: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(Damaged, match=r"run.json is damaged \(.*\); move it away, the states do not need it"):
        sessions.sessions(written(tmp_path, {**OLD, **change}))


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="cannot be read: Is a directory"):
        sessions.read(str(tmp_path))
