"""The lock on a work dir, held and lost by real processes"""

import multiprocessing
import os
import signal
import socket
import time
from pathlib import Path

import pytest

from tests.unbroken import children, tiny
from unbroken import Position
from unbroken.errors import Occupied
from unbroken.shelf import Shelf


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(str(tmp_path))


def hold(folder: str, workers: int) -> None:
    shelf = Shelf(folder)
    with shelf.locked(print):
        batches = tiny.feed(workers=workers).stream(0, Position(), 1000)
        next(batches)
        print("held", *(worker.pid for worker in multiprocessing.active_children()), "\n", flush=True)
        time.sleep(60)


def test_a_second_holder_is_told_who_holds(shelf: Shelf) -> None:
    with children.Child(hold, shelf.folder, 0) as holder:
        holder.until("held")
        words = f"is held by another trainer: pid {holder.pid} on {socket.gethostname()}, since 20"
        with pytest.raises(Occupied, match=words), shelf.locked(print):
            pass


@pytest.mark.parametrize("workers", [0, 2])
def test_a_killed_holders_lock_is_free_at_once_also_while_its_workers_live(shelf: Shelf, workers: int) -> None:
    with children.Child(hold, shelf.folder, workers) as holder:
        holder.until("\n")
        alive = [int(pid) for pid in holder.out.split()[1:]]
        holder.process.kill()
        while Path(f"/proc/{holder.pid}").exists():
            time.sleep(0.001)
        with shelf.locked(print):
            assert len(alive) == workers
        for pid in alive:
            os.kill(pid, signal.SIGKILL)  # they were still there; left alone they look for their trainer every 5 s


def test_two_in_one_process_exclude_each_other_too(shelf: Shelf) -> None:
    with shelf.locked(print), pytest.raises(Occupied), Shelf(shelf.folder).locked(print):
        pass
    with shelf.locked(print):
        pass
