"""Starts a job as torchrun does: an agent, and processes that import everything anew"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.whole.jobs import Ended


class Torchrun:
    """A torchrun that is under way. options: its own, such as "--nproc-per-node 2"; job: a module of tests.whole."""

    def __init__(self, options: str, job: str, *arguments: object, out: Path) -> None:
        command = ["-m", "torch.distributed.run", *options.split(), "-m", f"tests.whole.{job}", *map(str, arguments)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
        self.out = out
        with open(out, "w") as file:
            self.process = subprocess.Popen(
                [sys.executable, *command],
                stdout=file,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )

    def __enter__(self) -> "Torchrun":
        return self

    def __exit__(self, *error: Any) -> None:
        for pid in self.workers:
            os.kill(pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()

    @property
    def workers(self) -> list[int]:
        """The processes that it has started and that are there, in the order of their ranks."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in children.read_text().split()] if children.exists() else []

    def until(self, text: str, seconds: float = 120.0) -> None:
        """Wait until something has been printed."""
        end = time.monotonic() + seconds
        while text not in (said := self.out.read_text()):
            assert time.monotonic() < end, f"{text!r} never came:\n{said}"
            assert self.process.poll() is None, f"it ended before {text!r} came:\n{said}"
            time.sleep(0.02)

    def wait(self, seconds: float = 300.0) -> Ended:
        """Its end. Raises TimeoutExpired when there is none."""
        self.process.wait(seconds)
        return Ended(self.process.returncode, self.out.read_text())


def run(options: str, job: str, *arguments: object, out: Path, seconds: float = 300.0) -> Ended:
    """Start a torchrun and wait for its end."""
    with Torchrun(options, job, *arguments, out=out) as started:
        return started.wait(seconds)
