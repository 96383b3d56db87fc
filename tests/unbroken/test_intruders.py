"""What users do around a run: fork, move its folder, copy its files, name settings like facts"""

import multiprocessing
import os
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.unbroken import children, tiny
from unbroken import Keep, Run, Stop, Stopped, load, state, testing
from unbroken.errors import Misuse
from unbroken.lock import holder


def lives(words: Any) -> None:
    words.send("I am up")
    time.sleep(60)


def forks_a_child_and_ends_it() -> None:
    ours, theirs = multiprocessing.Pipe()
    with Run("run", tiny.feed(), epochs=1) as run:
        run.keep(model=tiny.parts()[0])
        for epoch in run:
            for _ in epoch:
                child = multiprocessing.Process(target=lives, args=(theirs,))
                child.start()
                assert ours.recv() == "I am up"
                child.terminate()
                child.join()
                print("child", child.exitcode)
                break


def in_folder(folder: Path, function: Any) -> None:
    os.chdir(folder)
    function()


def test_a_child_that_the_user_forked_can_be_ended(tmp_path: Path) -> None:
    ended = children.run(in_folder, tmp_path, forks_a_child_and_ends_it)
    assert ended.code == 0, ended.out
    assert "child -15" in ended.out


def forks_a_child_that_leaves() -> None:
    with Run("run", tiny.feed(), epochs=1) as run:
        run.keep(model=tiny.parts()[0])
        for epoch in run:
            for _ in epoch:
                if os.fork() == 0:
                    sys.exit(0)
                os.wait()
                last = holder("run/run.lock")
                assert last is not None
                assert last.pid == os.getpid()
                assert '"ended": null' in Path("run/run.json").read_text()


def test_a_child_that_leaves_the_loop_ends_nothing_of_its_parents(tmp_path: Path) -> None:
    ended = children.run(in_folder, tmp_path, forks_a_child_that_leaves)
    assert ended.code == 0, ended.out


def test_a_work_dir_that_was_replaced_while_it_was_held_is_not_written_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, other = tmp_path / "run", tmp_path / "other"
    tiny.train(other, epochs=1)

    def replace(epoch: Any) -> None:
        if epoch.step == 3:
            run.rename(tmp_path / "moved")
            shutil.copytree(other, run)

    with pytest.raises(Stopped, match="74"):
        tiny.train(run, epochs=2, inside=replace)
    assert "it was moved or replaced" in capsys.readouterr().out
    assert testing.difference(str(run / "checkpoint.pt"), str(other / "checkpoint.pt")) is None


class Moody:
    """Raises the first time that its state is asked for behind the first epoch."""

    def __init__(self) -> None:
        self.mood = 0

    def state_dict(self) -> dict[str, int]:
        self.mood += 1
        if self.mood == 3:  # the first two are of the birth, and of what is told about it
            raise ValueError("not now")
        return {}

    def load_state_dict(self, state_dict: Any) -> None: ...


def test_a_state_that_could_not_be_taken_once_is_taken_on_leaving(tmp_path: Path) -> None:
    with Run(str(tmp_path), tiny.feed(), epochs=2) as run:
        moody = Moody()
        run.keep(moody=moody)
        epochs = iter(run)
        list(next(epochs))
        moody.mood = 2
        with pytest.raises(ValueError, match="not now"):
            next(epochs)
        list(next(epochs))
        with pytest.raises(StopIteration):
            next(epochs)
    assert load(str(tmp_path / "checkpoint.pt"))["epoch"] == 2


def test_a_setting_cannot_hide_a_fact_of_the_run(tmp_path: Path) -> None:
    with pytest.raises(Misuse, match="settings: seed is a fact of the run itself"):
        Run(str(tmp_path), tiny.feed(), epochs=1, seed=0, settings={"seed": 5})
    Run(str(tmp_path), tiny.feed(), epochs=1, seed=5, settings={"seed": 5})


@pytest.mark.parametrize("tensor", [torch.eye(2).to_sparse(), torch.empty(2, device="meta")])
def test_a_tensor_without_plain_content_is_refused_by_its_path(tensor: torch.Tensor) -> None:
    with pytest.raises(Misuse, match=r"^model\.w is a tensor that is sparse, quantized or without content"):
        state.snapshot({"model": {"w": tensor}})


def test_a_wish_whose_snapshot_has_gone_since_is_still_granted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options: dict[str, Any] = {"epochs": 4, "snapshots": Keep(every=1, latest=1)}
    tiny.train(tmp_path, **{**options, "epochs": 2})
    wish = str(tmp_path / "checkpoints" / "E002_net.pt")
    tiny.train(tmp_path, **options, resume=wish, inside=tiny.at(17, "leave"))
    assert not os.path.exists(wish)
    capsys.readouterr()
    tiny.train(tmp_path, **options, resume=wish)
    assert "Resuming from epoch 3" in capsys.readouterr().out
    assert load(str(tmp_path / "checkpoint.pt"))["epoch"] == 4


def test_a_snapshot_of_another_history_is_moved_and_not_replaced(tmp_path: Path) -> None:
    tiny.train(tmp_path, epochs=3, snapshots=Keep(every=1))
    third = (tmp_path / "checkpoints" / "E003_net.pt").read_bytes()
    assert sorted(os.listdir(tmp_path / "checkpoints")) == ["E001_net.pt", "E002_net.pt", "E003_net.pt"]
    (tmp_path / "checkpoints" / "E002_net.pt").write_bytes(third)
    shutil.copy(tmp_path / "checkpoints" / "E001_net.pt", tmp_path / "checkpoint.pt")
    tiny.train(tmp_path, epochs=3, snapshots=Keep(every=1))
    assert os.listdir(tmp_path / "checkpoints" / "left-behind") == ["E002_net.pt"]
    assert (tmp_path / "checkpoints" / "left-behind" / "E002_net.pt").read_bytes() == third


def test_a_stop_file_that_is_there_already_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "stop").touch()
    with pytest.raises(Misuse, match=r"the file .*stop is there, which would stop the run at once: remove it first"):
        tiny.train(tmp_path / "run", stop=Stop(file=str(tmp_path / "stop")))


def test_a_path_may_be_a_path(tmp_path: Path) -> None:
    with Run(tmp_path / "run", tiny.feed(), epochs=1) as run:
        run.keep(model=tiny.parts()[0])
        for epoch in run:
            list(epoch)
    assert load(str(tmp_path / "run" / "checkpoint.pt"))["epoch"] == 1


def test_a_run_outside_of_the_main_thread_is_refused(tmp_path: Path) -> None:
    said: list[str] = []

    def enter() -> None:
        try:
            tiny.train(tmp_path)
        except Misuse as refused:
            said.append(str(refused))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert said == ["a run is entered in the main thread: python hears signals nowhere else"]
