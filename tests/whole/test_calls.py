"""The calls that change a folder are seen, whoever makes them"""

import builtins
import io
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.whole.calls import watched
from tests.whole.disk import Recorder, listing, replayed


def lines(folder: Path) -> None:
    with open(folder / "x", "w") as file:
        file.write("one\n")
        file.flush()
        file.write("two\n")
    with open(folder / "x", "ab", buffering=0) as file:
        file.write(b"three\n")
        file.truncate(3)


def raw(folder: Path) -> None:
    handle = os.open(folder / "x", os.O_RDWR | os.O_CREAT)
    os.write(handle, b"0123456789")
    os.pwrite(handle, b"ab", 4)
    os.fsync(handle)
    os.close(handle)
    os.truncate(folder / "x", 20)


def names(folder: Path) -> None:
    (folder / "a").mkdir()
    (folder / "a" / "x").write_bytes(b"x")
    (folder / "y").write_text("y")
    os.link(folder / "y", folder / "z")
    os.replace(folder / "a" / "x", folder / "x")
    os.rename(folder / "z", folder / "a" / "z")
    os.remove(folder / "y")
    os.makedirs(folder / "b" / "c")
    os.rmdir(folder / "b" / "c")


def copies(folder: Path) -> None:
    (folder / "x").write_bytes(b"x" * 100_000)
    shutil.copyfile(folder / "x", folder / "y")
    shutil.copy2(folder / "x", folder / "z")


def tensors(folder: Path) -> None:
    with open(folder / "x.pt", "xb") as file:
        torch.save({"w": torch.arange(1000)}, file)


def threads(folder: Path) -> None:
    def work(number: int) -> None:
        for turn in range(20):
            with open(folder / f"{number}", "a") as file:
                file.write(f"{turn}\n")

    all_ = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in all_:
        thread.start()
    for thread in all_:
        thread.join()


@pytest.mark.parametrize("work", [lines, raw, names, copies, tensors, threads])
def test_what_was_seen_makes_the_folder_again(work: Callable[[Path], None], tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    with watched(str(tmp_path), recorder):
        work(tmp_path)
    assert replayed(recorder.events) == listing(tmp_path)
    assert listing(tmp_path) != {}


def test_what_goes_on_elsewhere_or_only_reads_is_not_seen(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "x").write_text("x")
    recorder = Recorder(tmp_path / "in")
    with watched(str(tmp_path / "in"), recorder):
        (tmp_path / "other").write_text("x")
        (tmp_path / "inside-by-name-only").mkdir()
        assert (tmp_path / "in" / "x").read_text() == "x"
    assert recorder.events == []


def test_a_call_that_fails_did_nothing(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    with watched(str(tmp_path), recorder), pytest.raises(FileNotFoundError):
        os.replace(tmp_path / "a", tmp_path / "b")
    assert recorder.events == []


def test_afterwards_everything_is_as_it_was(tmp_path: Path) -> None:
    def state() -> list[Any]:
        return [builtins.open, io.open, *(getattr(os, name) for name in dir(os) if callable(getattr(os, name)))]

    before = state()
    with watched(str(tmp_path), Recorder(tmp_path)):
        assert state() != before
    assert state() == before
