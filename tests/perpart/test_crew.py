"""Processes that work off a list"""

import os
import signal
import time

import pytest
import torch

from perpart.errors import Mistake
from perpart.grasps import crew


def test_one_process_does_it_here_in_one_thread_and_gives_the_threads_back():
    before = torch.get_num_threads()
    assert list(crew.each(_threads_of, [(), ()], 1)) == [(0, (os.getpid(), 1)), (1, (os.getpid(), 1))]
    assert torch.get_num_threads() == before


def test_two_do_it_elsewhere_and_every_result_has_its_place():
    done = dict(crew.each(_after, [(0.2, "slow"), (0.0, "fast"), (0.0, "last")], 2))
    assert {place: name for place, (name, _) in done.items()} == {0: "slow", 1: "fast", 2: "last"}
    assert os.getpid() not in {pid for _, pid in done.values()}


def test_a_process_that_is_killed_is_told_in_one_line():
    with pytest.raises(Mistake, match="a process was killed"):
        list(crew.each(_die, [(), ()], 2))


def _threads_of() -> tuple[int, int]:
    return os.getpid(), torch.get_num_threads()


def _after(seconds: float, name: str) -> tuple[str, int]:
    time.sleep(seconds)
    return name, os.getpid()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
