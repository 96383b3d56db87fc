"""What torchrun does with signals, and what becomes of its processes when it dies of one"""

import os
import signal
import time
from pathlib import Path

import pytest

from tests.whole.torchrun import Torchrun
from unbroken import load

TWO = "--standalone --nproc-per-node 2 --max-restarts 1"


@pytest.mark.parametrize(
    ("number", "code", "why"),
    [(signal.SIGTERM, 1, "SIGTERM"), (signal.SIGUSR1, -signal.SIGUSR1, "the death of its torchrun")],
)
def test_a_signal_to_torchrun_lets_its_processes_save_and_leave(
    number: signal.Signals, code: int, why: str, tmp_path: Path
) -> None:
    """It hands SIGTERM on, and dies of SIGUSR1, which its processes notice; it starts nothing again."""
    work_dir, out = tmp_path / "run", tmp_path / "out.txt"
    with Torchrun(TWO, "thorns", work_dir, "--epochs", 9999, "--save-minutes", 10, out=out) as started:
        started.until("starting Epoch # 001")
        workers = started.workers
        os.kill(started.process.pid, number)
        assert started.wait().code == code
        for pid in workers:
            gone(pid)
    said = out.read_text()
    assert said.count(f"Stopped by {why}: ") == said.count("Stopped by") == said.count("start: ") == 1
    assert said.count("stopping after this batch") == (number == signal.SIGTERM)
    assert "[rank" not in said, "a process has printed a traceback"
    state = load(str(work_dir / "checkpoint.pt"))
    assert f"{state['epoch']} epochs and {state['batch']} of 7 batches are done, saved in {work_dir}" in said


def gone(pid: int) -> None:
    """Wait for the end of a process that is not ours."""
    end = time.monotonic() + 60.0
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < end, f"{pid} is still there"
        time.sleep(0.05)
