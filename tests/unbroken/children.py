"""Runs a function in a real process of its own, quickly: forked from a server that has imported everything already

What it prints comes back through a pipe, so that a child may run out of disk without running out of words.
"""

import faulthandler
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import set_start_method
from multiprocessing.connection import Connection
from typing import Any

from tests.forks import SERVER


@dataclass(frozen=True)
class Ended:
    """How a child ended: its exit code, negative for the signal that killed it, and all that it printed."""

    code: int
    out: str


class Child:
    """A child that runs `function(*arguments)`, which must be a function of a module."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self._pipe, theirs = SERVER.Pipe(duplex=False)
        self.process = SERVER.Process(target=_work, args=(theirs, function, arguments))
        self.process.start()
        theirs.close()
        self.out = ""

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self.process.join()
        self._pipe.close()

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    def until(self, text: str) -> None:
        """Read what it prints until it has printed this."""
        while text not in self.out:
            assert self._read(), f"{text!r} never came:\n{self.out}"

    def wait(self, seconds: float = 60.0) -> Ended:
        """Its end, and that of all processes that it started."""
        end = time.monotonic() + seconds
        while self._read(end - time.monotonic()):
            pass
        self.process.join()
        assert self.process.exitcode is not None
        return Ended(self.process.exitcode, self.out)

    def standing(self) -> str:
        """All that it has printed, and where its threads stand now."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGUSR2)
        end = time.monotonic() + 1.0  # one that never falls silent is late, too
        while self._pipe.poll(max(end - time.monotonic(), 0.0)) and self._take() and time.monotonic() < end:
            pass
        return self.out

    def _read(self, seconds: float = 60.0) -> bool:
        assert self._pipe.poll(max(seconds, 0.0)), f"no end and no word in time:\n{self.standing()}"
        return self._take()

    def _take(self) -> bool:
        piece = os.read(self._pipe.fileno(), 1 << 16)
        self.out += piece.decode()
        return bool(piece)


def run(function: Callable[..., Any], *arguments: Any) -> Ended:
    """Start a child and wait for its end."""
    with Child(function, *arguments) as child:
        return child.wait()


def disk(size: int) -> None:
    """In a child: from here on no file can grow beyond so many bytes. Python ignores SIGXFSZ, so writes fail."""
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard if size < 0 else size, hard))


def _work(pipe: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    os.dup2(pipe.fileno(), 1)
    os.dup2(pipe.fileno(), 2)
    sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    pipe.close()
    faulthandler.register(signal.SIGUSR2)
    set_start_method("fork", force=True)  # for data workers, as where a command is typed; the server is ours alone
    function(*arguments)
