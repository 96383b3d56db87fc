"""Signals become a wish"""

import multiprocessing
import os
import signal
import threading
import time

import pytest
from torch.utils.data._utils import signal_handling

from tests.unbroken import children, tiny
from unbroken import Position, signals

HEEDED = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGUSR1, 138)]


@pytest.mark.parametrize(("number", "code"), HEEDED)
def test_a_signal_is_noted_and_nothing_else_happens(
    number: signal.Signals, code: int, capfd: pytest.CaptureFixture[str]
) -> None:
    with signals.heeded() as wish:
        assert (wish.signal, wish.name) == (None, "none")
        os.kill(os.getpid(), number)
        assert (wish.signal, wish.name, wish.code) == (number, number.name, code)
    again = "; once more leaves at once" if number == signal.SIGINT else ""
    assert capfd.readouterr().err == f"\n{number.name}: stopping after this batch{again}\n"


def test_of_several_processes_one_says_it(capfd: pytest.CaptureFixture[str]) -> None:
    with signals.heeded(loud=False) as wish:
        os.kill(os.getpid(), signal.SIGTERM)
        assert wish.code == 143
    assert capfd.readouterr().err == ""


def test_whoever_handled_signals_before_handles_them_afterwards() -> None:
    def mine(number: int, frame: object) -> None: ...

    before = {number: signal.getsignal(number) for number, _ in HEEDED}
    signal.signal(signal.SIGUSR1, mine)
    try:
        with pytest.raises(KeyError):
            fail_heeding(mine)
        assert signal.getsignal(signal.SIGUSR1) is mine
    finally:
        signal.signal(signal.SIGUSR1, before[signal.SIGUSR1])
    assert {number: signal.getsignal(number) for number, _ in HEEDED} == before


def fail_heeding(before: object) -> None:
    with signals.heeded():
        assert signal.getsignal(signal.SIGUSR1) is not before
        raise KeyError


def get(*numbers: signal.Signals) -> signals.Wish:
    """Heed these signals, which come one after another."""
    with signals.heeded() as wish:
        for number in numbers:
            os.kill(os.getpid(), number)
    return wish


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_at_once_after_another_signal(first: signal.Signals) -> None:
    ended = children.run(get, first, signal.SIGINT)
    assert ended.code == 130
    assert "Traceback" not in ended.out


def test_a_scheduler_may_repeat_itself_and_the_first_wish_counts() -> None:
    assert get(signal.SIGUSR1, signal.SIGTERM, signal.SIGTERM).name == "SIGUSR1"


def ignoring() -> None:
    over = [False]
    signals.ignore(until=lambda: over[0])
    for number, _ in HEEDED:
        os.kill(os.getpid(), number)
    print("alive")
    over[0] = True
    os.kill(os.getpid(), signal.SIGTERM)
    print("still there")


def test_who_ignores_them_lives_on_until_the_trainer_is_done() -> None:
    ended = children.run(ignoring)
    assert (ended.code, ended.out) == (0, "alive\n")


def last_one_slowly() -> None:
    """In place of torch's own preparation of a worker, behind which SIGTERM kills it until it ignores that."""
    prepare()
    time.sleep(0.5 * multiprocessing.current_process().name.endswith("2"))


prepare = signal_handling._set_worker_signal_handlers


def workers_get_ctrl_c(slow: bool) -> None:
    if slow:
        signal_handling._set_worker_signal_handlers = last_one_slowly
    with signals.heeded() as wish:
        batches = tiny.feed(workers=2).stream(0, Position(), 10)
        next(batches)
        for worker in multiprocessing.active_children():
            assert worker.pid is not None
            for number, _ in HEEDED:
                os.kill(worker.pid, number)
        print("then", sum(1 for _ in batches), wish.name)


@pytest.mark.parametrize("slow", [False, True])
def test_data_workers_live_through_the_signals_of_their_group_in_silence(slow: bool) -> None:
    ended = children.run(workers_get_ctrl_c, slow)
    assert (ended.code, ended.out) == (0, "then 49 none\n")


# ---- held back


def myself(number: signal.Signals) -> None:
    """To this very thread: the others of the process hold nothing back."""
    signal.pthread_kill(threading.get_ident(), number)


def mask() -> set[int]:
    return set(signal.pthread_sigmask(signal.SIG_BLOCK, []))


@pytest.mark.parametrize(("number", "code"), HEEDED)
def test_what_comes_while_signals_are_held_back_comes_afterwards(number: signal.Signals, code: int) -> None:
    with signals.heeded() as wish:
        with signals.held():
            myself(number)
            assert wish.signal is None
        assert (wish.signal, wish.code) == (number, code)


def fail_holding() -> None:
    with signals.held():
        assert mask() >= {number for number, _ in HEEDED}
        raise KeyError


def test_whatever_happens_what_was_held_back_before_is_so_afterwards() -> None:
    before = mask()
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    try:
        with pytest.raises(KeyError):
            fail_holding()
        assert mask() == before | {signal.SIGUSR1}
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
