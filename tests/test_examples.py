"""The examples run, and what they teach is true: stopped and killed inside and run again, each ends in the same bits"""

import os
import runpy
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.tree import ROOT
from tests.unbroken import children, worlds
from unbroken import load, testing
from unbroken.__main__ import main
from unbroken.epoch import Epoch
from unbroken.state import difference

LESSONS = {path.name: path for path in sorted((ROOT / "examples").glob("*.py"))}
STOPPED, KILLED = 29, 20
"""Batches that a session is given before it is stopped, or killed: in the middle of an epoch in every lesson, of a
window of gradients in 02; in 05 after the signal that it sends itself, and after it went back to a snapshot."""


def lesson(path: Path, work_dir: Path, strike: int = 0, batch: int = 0) -> None:
    """In a child: run an example, and send this signal with so many batches handed out."""
    torch.set_num_threads(1)  # so small that they only wait for their second thread
    os.chdir(work_dir.parent)
    sys.argv = [path.name, str(work_dir)]
    Epoch.__next__ = counted(Epoch.__next__, batch, strike)
    runpy.run_path(str(path), run_name="__main__")


def counted(given: Callable[[Epoch], Any], last: int, strike: int) -> Callable[[Epoch], Any]:
    handed = 0

    def next_(epoch: Epoch) -> Any:
        nonlocal handed
        batch, handed = given(epoch), handed + 1
        if handed == last:
            os.kill(os.getpid(), strike)
        return batch

    return next_


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Where a lesson has run to its end in peace; each runs once."""
    done: dict[str, Path] = {}

    def run(name: str) -> Path:
        if name not in done:
            done[name] = tmp_path_factory.mktemp("undisturbed") / "run"
            ended = children.run(lesson, LESSONS[name], done[name])
            assert ended.code == 0, ended.out
        return done[name]

    return run


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_stopped_and_killed_and_run_again_ends_in_the_same_bits(
    name: str, undisturbed: Callable[[str], Path], tmp_path: Path
) -> None:
    path, work_dir = LESSONS[name], tmp_path / "run"
    stopped = children.run(lesson, path, work_dir, signal.SIGTERM, STOPPED)
    assert stopped.code == 128 + signal.SIGTERM, stopped.out
    assert load(str(work_dir / "checkpoint.pt"))["batch"] > 0, "it was to stop inside an epoch"
    killed = children.run(lesson, path, work_dir, signal.SIGKILL, KILLED)
    assert killed.code == -signal.SIGKILL, killed.out
    assert "Resuming from epoch" in killed.out
    ended = children.run(lesson, path, work_dir)
    assert ended.code == 0, ended.out
    assert testing.compare(str(undisturbed(name)), str(work_dir)) == []
    assert testing.records(str(undisturbed(name))) == testing.records(str(work_dir))
    assert "Warning" not in stopped.out + ended.out


@pytest.mark.parametrize("name", ["01_smallest.py", "03_best.py", "05_stop.py"])
def test_a_lesson_that_is_done_says_so_and_changes_nothing(name: str, undisturbed: Callable[[str], Path]) -> None:
    before = {path: path.read_bytes() for path in undisturbed(name).rglob("*.pt")}
    ended = children.run(lesson, LESSONS[name], undisturbed(name))
    assert ended.code == 0, ended.out
    assert "epochs are done; nothing to do" in ended.out
    assert {path: path.read_bytes() for path in undisturbed(name).rglob("*.pt")} == before


@pytest.mark.parametrize(
    ("name", "kept", "model"),
    [
        ("01_smallest.py", ", scheduler=scheduler", lambda tree: tree["state_dict"]),
        ("02_more.py", "        run.keep(gradients=unbroken.Gradients(model))\n", lambda tree: tree["state_dict"]),
        ("06_gan.py", ", judges=judges", lambda tree: tree["kept"]["drawer"]),
    ],
)
def test_a_lesson_that_keeps_less_is_seen_to_differ(
    name: str, kept: str, model: Callable[[dict[str, Any]], Any], undisturbed: Callable[[str], Path], tmp_path: Path
) -> None:
    text = LESSONS[name].read_text()
    assert kept in text
    less = tmp_path / name
    less.write_text(text.replace(kept, ""))
    children.run(lesson, less, tmp_path / "run", signal.SIGTERM, STOPPED)
    assert children.run(lesson, less, tmp_path / "run").code == 0
    states = [load(str(folder / "checkpoint.pt")) for folder in (undisturbed(name), tmp_path / "run")]
    assert difference(model(states[0]), model(states[1])) is not None


def test_the_lesson_of_several_processes_shrinks_and_grows_and_ends_in_the_same_bits(
    undisturbed: Callable[[str], Path], tmp_path: Path
) -> None:
    path, work_dir = LESSONS["11_ranks.py"], tmp_path / "run"
    for processes, strike in ((4, signal.SIGTERM), (2, signal.SIGKILL), (1, 0)):
        ended = worlds.run(processes, lesson, path, work_dir, strike, STOPPED)
        code = {signal.SIGTERM: 143, signal.SIGKILL: -signal.SIGKILL, 0: 0}[strike]
        assert [each.code for each in ended] == [code] * processes, ended[0].out
    assert testing.compare(str(undisturbed("11_ranks.py")), str(work_dir)) == []


def test_the_lesson_of_a_sharded_model_goes_on_in_two_processes_and_its_state_joins_to_one_file(tmp_path: Path) -> None:
    path, peace, work_dir = LESSONS["12_shard.py"], tmp_path / "peace", tmp_path / "run"
    assert [each.out for each in worlds.run(2, lesson, path, peace)][1] == ""
    killed = worlds.run(2, lesson, path, work_dir, signal.SIGKILL, STOPPED)
    assert [each.code for each in killed] == [-signal.SIGKILL] * 2, killed[0].out
    worlds.good(2, lesson, path, work_dir)
    assert testing.compare(str(peace), str(work_dir)) == []
    assert main(["join", str(work_dir), str(tmp_path / "one.pt")]) == 0
    assert torch.load(tmp_path / "one.pt", weights_only=True)["state_dict"]["byte.weight"].shape == (256, 128)


def test_lessons_are_numbered_one_after_another_and_tell_their_command() -> None:
    assert [name[:3] for name in LESSONS] == [f"{number:02}_" for number in range(1, len(LESSONS) + 1)]
    for name, path in LESSONS.items():
        assert f"\n\npython examples/{name} [WORK_DIR]" in path.read_text()
