"""Lessons 13 and 14: stopped, killed and run again, one run is told elsewhere under one name, each record once"""

import importlib.util
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.test_examples import LESSONS, STOPPED, counted
from tests.unbroken import children
from unbroken import records
from unbroken.epoch import Epoch


class Elsewhere:
    """A service played by a file: as that of lesson 13, it has what it was told on the disk once it was finished."""

    def __init__(self, file: Path, name: str) -> None:
        self.file, self.name, self.waiting = file, name, list[str]()

    def log(self, values: dict[str, float], step: int) -> None:
        self.waiting.append(json.dumps([self.name, step, values]) + "\n")

    def finish(self) -> None:
        with self.file.open("a") as file:
            file.writelines(self.waiting)


def session(name: str, work_dir: Path, strike: int = 0, batch: int = 0) -> None:
    """In a child: run a lesson whose service is a file beside the work dir."""
    torch.set_num_threads(1)
    spec = importlib.util.spec_from_file_location("lesson", LESSONS[name])
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    file = work_dir.parent / "there.jsonl"
    if name == "13_wandb.py":
        module.Sent.connect = lambda sent: Elsewhere(file, sent.name)
    else:
        module.connect = lambda name, work_dir: store(file, name, module)
    Epoch.__next__ = counted(Epoch.__next__, batch, strike)
    module.main(str(work_dir))


def store(file: Path, name: str, module: Any) -> Any:
    """As that of lesson 14, which is asked how many records it has."""

    def send(record: dict[str, Any], number: int) -> None:
        there = Elsewhere(file, name)
        there.log({"batches": record["step"], **dict(module.numbers(record, record["at"]))}, step=number)
        there.finish()

    return sum(told[0] == name for told in arrived(file)), send


def arrived(file: Path) -> list[Any]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


@pytest.mark.parametrize("name", ["13_wandb.py", "14_mlflow.py"])
def test_each_record_arrives_once_under_one_name(name: str, tmp_path: Path) -> None:
    work_dir = tmp_path / "run"
    for strike, batch in ((signal.SIGTERM, STOPPED), (signal.SIGKILL, 20), (signal.SIGKILL, 3), (signal.SIGTERM, 40)):
        ended = children.run(session, name, work_dir, strike, batch)
        assert ended.code in (128 + strike, -strike), ended.out
    assert children.run(session, name, work_dir).code == 0
    told, journal = arrived(tmp_path / "there.jsonl"), list(records.read(str(work_dir / "journal.jsonl")))
    assert len({each[0] for each in told}) == 1
    assert [each[1] for each in told] == list(range(len(journal)))
    for (_, _, values), record in zip(told, journal, strict=True):
        assert values == {"batches": record["step"], f"{record['at']}/train/loss": record["train"]["loss"]}
    assert children.run(session, name, work_dir).code == 0
    assert arrived(tmp_path / "there.jsonl") == told, "a run that is done has nothing more to say"


@pytest.mark.parametrize("name", ["13_wandb.py", "14_mlflow.py"])
def test_a_run_that_went_back_behind_what_was_sent_has_another_name_there(name: str, tmp_path: Path) -> None:
    work_dir, file = tmp_path / "run", tmp_path / "there.jsonl"
    children.run(session, name, work_dir)
    before = arrived(file)[0][0]
    for path in [*work_dir.glob("*.pt"), work_dir / "journal.jsonl", work_dir / "run.json"]:
        os.remove(path)  # begun anew: as going back, to the very beginning
    assert children.run(session, name, work_dir).code == 0
    names = [each[0] for each in arrived(file)]
    assert names[0] == before != names[-1]
    assert names.count(before) == names.count(names[-1]) == len(names) / 2
