"""The main job in several processes: cut short, taken up by other numbers of them, and sent to one GPU"""

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from perpart import forms, train
from tests.unbroken import worlds
from tests.whole.campaign import hands
from tests.whole.fixtures import few_grasps
from unbroken import load, testing


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return few_grasps(tmp_path_factory.mktemp("few") / "data")


def main_job(arguments: list[object], die_at: str = "") -> None:
    """The command; every process dies where its own moment has come."""
    os.environ[testing.DIE_AT] = die_at
    objective = forms.LOSSES["ours"]

    def passing(*given: Any) -> dict[str, Tensor]:
        if torch.is_grad_enabled():  # not while it validates
            testing.passing("piece")
        return objective(*given)

    forms.LOSSES["ours"] = passing
    train.main([str(argument) for argument in arguments])


def options(data: Path, work_dir: Path, *more: object) -> list[object]:
    return [*hands(data)(work_dir, 0, True), "--n-epochs", 2, *more]


@pytest.mark.parametrize("processes", [2])
def test_killed_in_several_processes_it_goes_on_bit_for_bit(processes: int, data: Path, tmp_path: Path) -> None:
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    worlds.good(processes, main_job, options(data, undisturbed))
    ended = worlds.run(processes, main_job, options(data, killed), "piece 8")
    assert [each.code for each in ended] == [-signal.SIGKILL] * processes, ended[0].out
    outs = worlds.good(processes, main_job, options(data, killed))
    assert "Resuming from epoch" in outs[0]
    assert outs[1] == ""
    assert testing.compare(str(undisturbed), str(killed)) == []
    assert testing.records(str(undisturbed)) == testing.records(str(killed))


def test_with_virtual_ranks_it_shrinks_and_grows_and_no_bit_differs(data: Path, tmp_path: Path) -> None:
    undisturbed, moved = tmp_path / "undisturbed", tmp_path / "moved"
    worlds.good(1, main_job, options(data, undisturbed, "--virtual-ranks", 2))
    for processes, moment in ((2, "piece 3"), (1, "piece 7"), (2, "")):
        ended = worlds.run(processes, main_job, options(data, moved, "--virtual-ranks", 2), moment)
        assert [each.code for each in ended] == [-signal.SIGKILL if moment else 0] * processes, ended[0].out
    assert load(str(moved / "checkpoint.pt"))["epoch"] == 2
    assert testing.compare(str(undisturbed), str(moved)) == []
    assert testing.records(str(undisturbed)) == testing.records(str(moved))


def test_what_is_wrong_with_the_command_is_said_once(data: Path, tmp_path: Path) -> None:
    lead, other = worlds.run(2, main_job, options(data, tmp_path / "run", "--virtual-ranks", 1))
    assert lead.out == "error: 2 processes for 1 virtual ranks: take at most 1 processes\n"
    assert (lead.code, other.code, other.out) == (2, 2, "")


def test_processes_of_other_commands_are_refused(data: Path, tmp_path: Path) -> None:
    ended = worlds.run(2, odd_ones, str(data), str(tmp_path / "run"))
    assert [each.code for each in ended] == [2, 2]
    # Whichever process comes first computes the labels; the other may say that it waits for them.
    assert ended[1].out.splitlines()[-1].startswith("error: process 1 was started with other settings")


def odd_ones(data: str, work_dir: str) -> None:
    main_job(options(Path(data), Path(work_dir), "--lr", 1e-3 if os.environ["RANK"] == "1" else 1e-4))
