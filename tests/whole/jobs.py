"""Starts jobs as real processes, quickly: forked from a server that has imported everything already

A fresh interpreter spends five seconds on imports; a campaign of kills would spend its time there and nowhere else.
"""

import importlib
import os
import sys
import time
from dataclasses import dataclass
from multiprocessing import get_context, set_start_method
from multiprocessing.process import BaseProcess
from pathlib import Path

import torch

from tests.whole import reaper

SERVER = get_context("forkserver")
SERVER.set_forkserver_preload(["tests.whole.digits", "tests.whole.hands", "torch._dynamo", "torch.utils.tensorboard"])


@dataclass(frozen=True)
class Ended:
    """How a job ended: its exit code, negative for the signal that killed it, and all that it printed."""

    code: int
    out: str


class Job:
    """A job that runs: job is a module of tests.whole, arguments are its command line."""

    def __init__(
        self, job: str, *arguments: object, out: Path, reap: str = "", folder: object = "", cwd: Path | None = None
    ) -> None:
        self.out = out
        words, where = [str(a) for a in arguments], str(cwd or Path.cwd())
        self.process: BaseProcess = SERVER.Process(target=_work, args=(job, words, str(out), reap, str(folder), where))
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


def run(job: str, *arguments: object, out: Path, reap: str = "", folder: object = "", cwd: Path | None = None) -> Ended:
    """Start a job and wait for its end."""
    return Job(job, *arguments, out=out, reap=reap, folder=folder, cwd=cwd).wait()


def wait_for(path: Path, text: str, seconds: float = 60.0) -> None:
    """Until a job has printed a text. Raises AssertionError when it never does."""
    end = time.monotonic() + seconds
    while not path.exists() or text not in path.read_text():
        assert time.monotonic() < end, f"{text!r} never came"
        time.sleep(0.02)


def _work(job: str, arguments: list[str], out: str, reap: str, folder: str, cwd: str) -> None:  # noqa: PLR0917
    handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    set_start_method("fork", force=True)  # for data workers, as where the command is typed; the server is ours alone
    os.chdir(cwd)
    os.environ |= {"REAP": reap, "REAP_FOLDER": folder}
    sys.argv = [job, *arguments]
    torch.set_num_threads(1)  # jobs this small only wait for their second thread, and tests run side by side
    if folder:
        reaper.watch_files()
    importlib.import_module(f"tests.whole.{job}").main()
