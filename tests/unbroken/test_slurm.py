"""Requeueing, with a stand-in for scontrol on the PATH"""

import os
import signal
from pathlib import Path

import pytest

from tests.unbroken import tiny
from unbroken import Stopped, load, slurm


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What scontrol was asked is written here; inside job 4711."""
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin:/usr/bin")
    stand_in(tmp_path, f'echo "$@" >> {tmp_path / "asked"}')
    return tmp_path / "asked"


def stand_in(folder: Path, script: str) -> None:
    (folder / "bin").mkdir(exist_ok=True)
    (folder / "bin" / "scontrol").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "bin" / "scontrol").chmod(0o755)


def requeued() -> list[str]:
    said: list[str] = []
    slurm.requeue(said.append)
    return said


def test_a_job_asks_to_be_requeued_by_its_number(asked: Path) -> None:
    assert requeued() == ["Requeued job 4711: it goes on when Slurm starts it again"]
    assert asked.read_text() == "requeue 4711\n"


@pytest.mark.parametrize("job", [None, ""])
def test_outside_slurm_nothing_is_asked_and_nothing_said(
    asked: Path, monkeypatch: pytest.MonkeyPatch, job: str | None
) -> None:
    if job is None:
        monkeypatch.delenv("SLURM_JOB_ID")
    else:
        monkeypatch.setenv("SLURM_JOB_ID", job)
    assert requeued() == []
    assert not asked.exists()


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 'may not:' >&2; echo '  no such right' >&2; exit 1", "may not: no such right"),
        ("echo on the other stream; exit 1", "on the other stream"),
        ("exit 3", "exit code 3"),
    ],
)  # fmt: skip
def test_a_refusal_is_said_in_one_line_with_slurms_own_words(
    asked: Path, tmp_path: Path, script: str, reason: str
) -> None:
    stand_in(tmp_path, script)
    assert requeued() == [f"Warning: job 4711 is not requeued ({reason}); submit it again, and it goes on"]


def test_where_there_is_no_scontrol_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    monkeypatch.setenv("PATH", str(tmp_path))
    (line,) = requeued()
    assert line.startswith("Warning: job 4711 is not requeued ([Errno 2] No such file or directory: 'scontrol')")


# ---- whole runs


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGUSR1, 138), (signal.SIGTERM, 143), (signal.SIGINT, 130)]
)  # fmt: skip
def test_only_a_run_that_sigusr1_stops_is_requeued(
    number: int, code: int, asked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Stopped) as stop:
        tiny.train(tmp_path / "run", inside=tiny.at(2, lambda: os.kill(os.getpid(), number)))
    assert stop.value.code == code
    assert asked.exists() == (number == signal.SIGUSR1)
    assert ("Requeued job 4711" in capsys.readouterr().out) == (number == signal.SIGUSR1)


def test_the_state_is_on_the_disk_before_slurm_is_asked(asked: Path, tmp_path: Path) -> None:
    """Slurm may kill the job the moment it is asked."""
    stand_in(tmp_path, f"cp {tmp_path}/run/checkpoint.pt {asked}")
    with pytest.raises(Stopped):
        tiny.train(tmp_path / "run", inside=tiny.at(2, lambda: os.kill(os.getpid(), signal.SIGUSR1)))
    assert load(str(asked))["step"] == 3


def test_a_run_that_finishes_by_itself_is_not_requeued(asked: Path, tmp_path: Path) -> None:
    tiny.train(tmp_path / "run", epochs=1)
    assert not asked.exists()
