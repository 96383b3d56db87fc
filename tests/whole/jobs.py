"""Starts jobs as real processes, quickly: forked from a server that has imported everything already"""

import importlib
import os
import sys
import time
from contextlib import nullcontext
from dataclasses import dataclass
from multiprocessing import set_start_method
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch

from tests.forks import SERVER
from tests.whole import calls
from unbroken import Position, Run, testing


@dataclass(frozen=True)
class Ended:
    """How a job ended: its exit code, negative for the signal that killed it, and all that it printed."""

    code: int
    out: str


class Job:
    """A job that runs: job is a module of tests.whole, arguments are its command line.

    die_at: the moment of its death, such as "batch 7". folder: pass a moment around each call that changes it.
    moments: a file for the moments that have passed, and how often each has, if it ends in peace.
    """

    def __init__(
        self, job: str, *arguments: object, out: Path, die_at: str = "", folder: Path | None = None,
        moments: Path | None = None, cwd: Path | None = None,
    ) -> None:  # fmt: skip
        self.out = out
        start = _Start(job, [str(a) for a in arguments], out, cwd or Path.cwd(), die_at, folder, moments)
        self.process: BaseProcess = SERVER.Process(target=_work, args=(start,))
        self.process.start()

    def wait(self, seconds: float = 120.0) -> Ended:
        """Its end. Raises TimeoutError, and kills it, when there is none."""
        self.process.join(seconds)
        if self.process.exitcode is None:
            self.process.kill()
            raise TimeoutError(f"no end after {seconds} s:\n{self.out.read_text()}")
        return Ended(self.process.exitcode, self.out.read_text())

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid


def run(job: str, *arguments: object, **options: Any) -> Ended:
    """Start a job, with the options of Job, and wait for its end."""
    return Job(job, *arguments, **options).wait()


def wait_for(path: Path, text: str, seconds: float = 60.0) -> None:
    """Until a job has printed a text. Raises AssertionError when it never does."""
    end = time.monotonic() + seconds
    while not path.exists() or text not in path.read_text():
        assert time.monotonic() < end, f"{text!r} never came"
        time.sleep(0.02)


def announce(run: Run) -> None:
    """In a job, at every seam: say which position is durable, once each; it must be there after any death."""
    if run.saved is not None and run.saved != _announced[-1]:
        _announced.append(run.saved)
        os.write(1, f"durable: {run.saved.epoch} {run.saved.batch}\n".encode())  # not print: it may wait in a buffer


_announced: list[Position | None] = [None]


@dataclass(frozen=True)
class _Start:
    job: str
    arguments: list[str]
    out: Path
    cwd: Path
    die_at: str
    folder: Path | None
    moments: Path | None


def _work(start: _Start) -> None:
    handle = os.open(start.out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    set_start_method("fork", force=True)  # for data workers, as where the command is typed; the server is ours alone
    os.chdir(start.cwd)
    os.environ[testing.DIE_AT] = start.die_at
    sys.argv = [start.job, *start.arguments]
    torch.set_num_threads(1)  # jobs this small only wait for their second thread, and tests run side by side
    with calls.watched(str(start.folder), calls.mortal) if start.folder else nullcontext():
        importlib.import_module(f"tests.whole.{start.job}").main()
    if start.moments:
        start.moments.write_text("".join(f"{moment} {count}\n" for moment, count in testing.passed()))
