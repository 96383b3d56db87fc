"""What a run costs, measured in its journal"""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.unbroken import tiny
from unbroken import Every, costs
from unbroken.costs import Costs, measured
from unbroken.errors import Missing, Misuse

Record = dict[str, Any]


def session(born: float, first: int, records: list[tuple[int, int]], restart: float) -> list[Record]:
    """The records of a session whose steps take 0.5 s and whose saves, one after each 10 steps, 0.1 and 2 s."""
    made: list[Record] = []
    for epoch, step in records:
        steps = step - first
        saves = steps // 10
        age = restart + 0.5 * steps + 0.1 * saves
        spent = {"age": age, "steps": steps, "saves": saves, "stalled": 0.1 * saves, "written": 2.0 * saves}
        at = "epoch" if step % 30 == 0 else "step"
        made.append({"at": at, "epoch": epoch, "step": step, "time": {"unix": born + age, **spent}})
    return made


def written(folder: Path, records: list[Record]) -> str:
    (folder / "journal.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return str(folder)


def test_what_was_spent_is_found_again(tmp_path: Path) -> None:
    begun = session(1000.0, 0, [(0, 20), (1, 30), (1, 50), (2, 60)], restart=40.0)
    later = session(2000.0, 45, [(1, 55), (2, 60), (2, 80)], restart=7.0)
    found = measured(written(tmp_path, begun + later))
    assert (found.step, found.stall, found.write) == pytest.approx((0.5, 0.1, 2.0))
    assert found.restart == pytest.approx(7.0)  # of the session that went on: the other one loaded nothing
    assert (found.batches, found.sessions, found.steps, found.saves) == (30, 2, 65, 9)


def test_where_no_session_went_on_the_first_one_tells_of_a_restart(tmp_path: Path) -> None:
    assert measured(written(tmp_path, session(0.0, 0, [(0, 20), (0, 25)], 40.0))).restart == pytest.approx(40.0)


def test_sessions_that_a_kill_made_look_alike_are_told_apart_by_when_they_began(tmp_path: Path) -> None:
    records = session(0.0, 0, [(0, 5), (0, 10)], 1.0) + session(3.0, 8, [(0, 20), (0, 25)], 1.0)
    assert measured(written(tmp_path, records)).sessions == 2


def test_one_record_tells_no_step_and_no_restart(tmp_path: Path) -> None:
    found = measured(written(tmp_path, session(0.0, 0, [(0, 20)], 1.0)))
    assert (found.step, found.restart) == (None, None)
    assert found.spans() == pytest.approx({"stall": 0.1, "write": 2.0})


def test_without_a_save_neither_stall_nor_write_are_known(tmp_path: Path) -> None:
    found = measured(written(tmp_path, session(0.0, 0, [(0, 2), (0, 4)], 1.0)))
    assert found.spans() == pytest.approx({"step": 0.5, "restart": 1.0})


def test_records_of_older_versions_and_half_a_line_are_passed_over(tmp_path: Path) -> None:
    old = {"at": "step", "epoch": 0, "step": 5, "time": {"unix": 1.0}}
    folder = written(tmp_path, [old, *session(0.0, 0, [(0, 20), (0, 25)], 1.0)])
    with (tmp_path / "journal.jsonl").open("a") as file:
        file.write('{"at": "st')
    assert measured(folder).steps == 5


def test_a_folder_without_a_journal_is_missing_one(tmp_path: Path) -> None:
    with pytest.raises(Missing, match=r"holds no journal\.jsonl to measure"):
        measured(str(tmp_path))


def test_a_real_run_tells_what_it_costs(tmp_path: Path) -> None:
    for epochs in (4, 8):
        tiny.train(tmp_path / "run", epochs=epochs, inside=lambda epoch: time.sleep(0.02))
    found = measured(str(tmp_path / "run"))
    assert set(found.spans()) == {"step", "stall", "write", "restart"}
    assert (found.batches, found.sessions) == (5, 1)  # of this very process
    assert found.step is not None
    assert found.step >= 0.02
    assert Costs(**found.spans(), batches=found.batches).save < 10.0


def test_a_run_that_waits_for_its_writes_has_stalls_alone(tmp_path: Path) -> None:
    tiny.train(tmp_path / "run", epochs=3, save=Every(background=False))
    found = measured(str(tmp_path / "run"))
    assert found.write == 0.0
    assert found.stall is not None
    assert found.stall > 0.0


@pytest.mark.parametrize("wrong", [{"step": 0.0}, {"stall": -1.0}, {"write": float("nan")}, {"restart": float("inf")}])
def test_what_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(Misuse, match="a step takes more than 0 seconds"):
        costs.Costs(**{"step": 1.0, "stall": 1.0, "write": 1.0, "restart": 1.0, **wrong})
