"""Trouble from outside: a disk that is really full, eight starters for one work dir, signals at bad moments"""

import ctypes
import os
import re
import signal
import threading
from collections.abc import Callable
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import pytest

from tests.unbroken import children, tiny
from tests.whole import jobs
from tests.whole.calls import watched
from unbroken import Every, testing
from unbroken.shelf import Shelf

EPOCHS = 4  # of five batches
NEW_USER, NEW_MOUNTS = 0x10000000, 0x00020000


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    assert children.run(trains, folder).code == 0
    return folder


def trains(folder: Path, **options: Any) -> None:
    tiny.train(folder, epochs=EPOCHS, save=Every(minutes=1e-9, background=False), **options)


def is_equal(undisturbed: Path, folder: Path) -> None:
    """In a child: say whether a finished run is the undisturbed one, and left nothing lying about."""
    unlike = testing.compare(str(undisturbed), str(folder))
    records = testing.records(str(undisturbed)) == testing.records(str(folder))
    print("equal" if not unlike and records else unlike, [p.name for p in folder.rglob("*.unbroken-tmp")])


# ---- a full disk


def mounted(folder: Path, size: str) -> str:
    """In a child: a small file system of its own. Empty, or why that is not allowed here."""
    folder.mkdir()
    libc, ids = ctypes.CDLL(None, use_errno=True), (os.getuid(), os.getgid())
    if libc.unshare(NEW_USER | NEW_MOUNTS):
        return f"no namespace of one's own: {os.strerror(ctypes.get_errno())}"
    Path("/proc/self/setgroups").write_text("deny")
    for name, own in zip(("uid_map", "gid_map"), ids, strict=True):
        Path(f"/proc/self/{name}").write_text(f"0 {own} 1")
    if libc.mount(b"none", os.fsencode(folder), b"tmpfs", 0, f"size={size}".encode()):
        return f"no file system of one's own: {os.strerror(ctypes.get_errno())}"
    return ""


def fill(folder: Path) -> None:
    """Leave no byte of the disk."""
    with open(folder / "ballast", "ab", buffering=0) as file:
        for size in (4096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError as full:
                print(f"filled: {full.strerror}")


def on_a_small_disk(folder: Path, undisturbed: Path, freed_at: int | None) -> None:
    """Train where the disk is full from the eighth batch on, until a later one, or until the run has ended."""
    if reason := mounted(folder, "1m"):
        print(f"cannot mount: {reason}")
        return
    work_dir, free = folder / "run", (folder / "ballast").unlink

    def inside(epoch: Any) -> None:
        if epoch.step == 7:
            fill(folder)
        elif epoch.step == freed_at:
            free()

    try:
        trains(work_dir, inside=inside)
    except SystemExit as left:
        found = Shelf(str(work_dir)).newest()
        assert found is not None
        print(f"left with {left.code}, the newest state is of step {found.tree['step']}")
        free()
        trains(work_dir)
    is_equal(undisturbed, work_dir)


def small_disk(tmp_path: Path, undisturbed: Path, freed_at: int | None) -> children.Ended:
    ended = children.run(on_a_small_disk, tmp_path / "disk", undisturbed, freed_at)
    if refused := re.search("cannot mount: (.*)", ended.out):
        pytest.skip(f"a small real disk cannot be had here: {refused[1]}")
    return ended


def test_a_disk_that_is_full_for_a_while_does_not_end_training(tmp_path: Path, undisturbed: Path) -> None:
    ended = small_disk(tmp_path, undisturbed, freed_at=12)
    assert ended.code == 0, ended.out
    assert "filled: No space left on device" in ended.out
    assert "could not be saved" in ended.out
    assert "No space left on device)" in ended.out
    assert ended.out.endswith("equal []\n")


def test_a_disk_that_stays_full_costs_the_last_state_and_the_exit_code_says_so(
    tmp_path: Path, undisturbed: Path
) -> None:
    ended = small_disk(tmp_path, undisturbed, freed_at=None)
    assert ended.code == 0, ended.out
    assert "left with 74, the newest state is of step 7\n" in ended.out
    assert "Resuming from epoch 1" in ended.out
    assert ended.out.endswith("equal []\n")


# ---- eight at once


def test_of_eight_starters_one_trains_and_seven_say_who_holds_the_work_dir(tmp_path: Path) -> None:
    starters = [
        jobs.Job("digits", tmp_path / "run", "--epochs", 5000, out=tmp_path / f"{number}.txt") for number in range(8)
    ]
    try:
        over = list[Any]()
        while len(over) < 7:
            running = [job.process.sentinel for job in starters if job.process.sentinel not in over]
            ended = wait(running, 120)
            assert ended, "more than one trains"
            over += ended
        (winner,) = [job for job in starters if job.process.sentinel not in over]
        jobs.wait_for(winner.out, "starting Epoch # 000")
        os.kill(winner.pid, signal.SIGTERM)
        assert winner.wait().code == 143
    finally:
        for job in starters:
            job.process.kill()
    for loser in (job for job in starters if job is not winner):
        refused = loser.wait()
        assert refused.code == 1
        assert f"is held by another trainer: pid {winner.pid} on " in refused.out
    assert Shelf(str(tmp_path / "run")).newest() is not None
    assert [p.name for p in (tmp_path / "run").rglob("*") if ".damaged" in p.name or p.name.endswith("-tmp")] == []


# ---- signals at bad moments


def signalled_while_saving(folder: Path, background: bool) -> None:
    """SIGTERM comes when the state behind that of birth has been written and not yet synced; the loop is held up in its
    fourth batch until then, or it might be through before."""
    synced, came = [], threading.Event()

    def around(name: str, arguments: tuple[Any, ...], do: Callable[..., Any]) -> Any:
        if name == "fsync" and "checkpoint.pt." in os.readlink(f"/proc/self/fd/{arguments[0]}"):
            synced.append(name)
            if len(synced) == 2:
                os.kill(os.getpid(), signal.SIGTERM)
                came.set()
        return do()

    with watched(str(folder), around):
        tiny.train(folder, epochs=EPOCHS, save=Every(minutes=1e-9, background=background), inside=tiny.at(3, came.wait))


@pytest.mark.parametrize("background", [True, False])
def test_sigterm_while_a_state_is_being_saved_lets_it_and_the_newest_one_be_saved(
    background: bool, tmp_path: Path, undisturbed: Path
) -> None:
    ended = children.run(signalled_while_saving, tmp_path / "run", background)
    assert ended.code == 143, ended.out
    stopped = re.search(r"Stopped by SIGTERM: (\d) epochs and (\d) of 5 batches are done, saved in", ended.out)
    assert stopped, ended.out
    found = Shelf(str(tmp_path / "run")).newest()
    assert found is not None
    assert (found.tree["epoch"], found.tree["batch"]) == (int(stopped[1]), int(stopped[2]))
    assert goes_on(tmp_path / "run", undisturbed) == "equal []\n"


def interrupted_with_workers(folder: Path) -> None:
    """Ctrl+C, as a terminal sends it: to the whole group, in which there are four data workers."""
    os.setpgrp()
    interrupt = tiny.at(7, lambda: os.killpg(0, signal.SIGINT))
    tiny.train(folder, epochs=EPOCHS, workers=4, inside=interrupt)


def test_ctrl_c_with_four_workers_prints_no_traceback_saves_and_exits_130(tmp_path: Path, undisturbed: Path) -> None:
    ended = children.run(interrupted_with_workers, tmp_path / "run")
    assert ended.code == 130, ended.out
    assert "Traceback" not in ended.out
    assert "KeyboardInterrupt" not in ended.out
    assert "Stopped by SIGINT: 1 epochs and 3 of 5 batches are done, saved in" in ended.out
    assert goes_on(tmp_path / "run", undisturbed) == "equal []\n"


def goes_on(folder: Path, undisturbed: Path) -> str:
    """The same command again, to the end; whether that is the undisturbed one."""
    ended = children.run(trains, folder)
    assert ended.code == 0, ended.out
    return children.run(is_equal, undisturbed, folder).out
