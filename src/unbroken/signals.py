"""Signals become a wish that the loop reads at the seam; the one owner of signal.signal"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType

from .errors import Misuse

SHOW_CURSOR = b"\x1b[?25h\n"  # the live line hides it
HEEDED = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)


class Wish:
    """The wish to stop: which signal came first, if any, and when (by the monotonic clock)."""

    signal: int | None = None
    at: float = 0.0

    @property
    def name(self) -> str:
        return name_of(self.code) if self.signal is not None else "none"

    @property
    def code(self) -> int:
        """The exit code that tells a shell or a scheduler which signal it was: 130, 143, 138."""
        return 128 + (self.signal or 0)


def name_of(code: int) -> str:
    """The signal that an exit code tells of."""
    return signal.Signals(code - 128).name


@contextmanager
def heeded(loud: bool = True) -> Generator[Wish]:
    """Note the signals instead of dying of them, and if `loud`, say so; whoever handled them before handles them
    afterwards.

    Raises Misuse outside of the main thread, where python hears no signal.
    """
    if threading.current_thread() is not threading.main_thread():
        raise Misuse("a run is entered in the main thread: python hears signals nowhere else")
    wish, owner = Wish(), os.getpid()

    def note(number: int, frame: FrameType | None) -> None:
        if os.getpid() != owner:  # a child that the user has forked: it dies, or lives, as it would without us
            signal.signal(number, before[signal.Signals(number)])
            os.kill(os.getpid(), number)
            return
        if wish.signal is not None and number == signal.SIGINT:
            # Not an exception: it would unwind through whatever a save or a data worker's end is in the middle of.
            os.write(1, SHOW_CURSOR if os.isatty(1) else b"")
            os._exit(128 + number)
        if wish.signal is None:
            wish.at, wish.signal = time.monotonic(), number
        # Not print: a handler may run in the middle of another print, and buffered files cannot be entered twice.
        again = "; once more leaves at once" if number == signal.SIGINT else ""
        if loud:
            os.write(2, f"\n{signal.Signals(number).name}: stopping after this batch{again}\n".encode())

    before = {number: signal.signal(number, note) for number in HEEDED}
    try:
        yield wish
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def held() -> Generator[None]:
    """Hold the signals back: processes that are started here come to life with them held back, until they `ignore`."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HEEDED)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def ignore(until: Callable[[], bool]) -> None:
    """In a data worker: a terminal's Ctrl+C and a scheduler's SIGTERM reach the whole group, and a worker that dies of
    them takes the trainer along before it has saved. Once the trainer is done, its own SIGTERM must end the worker:
    python waits at its exit for every worker that it has told to go."""

    def leave(number: int, frame: FrameType | None) -> None:
        if until():
            os._exit(0)

    signal.signal(signal.SIGTERM, leave)
    for number in (signal.SIGINT, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HEEDED)
