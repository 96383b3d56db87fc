"""The sbatch files are true: run by bash, with stand-ins for srun and scontrol that do what Slurm would

No Slurm is at hand. The stand-in for srun starts its command once for each node, all here; the test sends the signal
to all processes of that step and not to the batch shell, as `--signal=USR1@120` does; the one for scontrol writes down
what it is asked.
"""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from perpart.settings import parse
from tests.tree import ROOT
from tests.unbroken import children
from tests.unbroken.worlds import free_port
from tests.whole import squares
from unbroken import load, testing

FILES = {path.name: path for path in sorted((ROOT / "examples").glob("*.sbatch"))}
SRUN = """#!/bin/bash
for ((i = 0; i < ${SLURM_NNODES:-1}; i++)); do SLURM_PROCID=$i "$@" & pids+=($!); done
for pid in "${pids[@]}"; do wait "$pid" || code=$?; done
exit "${code:-0}"
"""
SCONTROL = """#!/bin/bash
if [ "$1" = show ]; then printf '127.0.0.1\\n127.0.0.2\\n'; else echo "$@" >> asked; fi
"""
TRAINER = """
import sys
from tests.whole import squares
sys.argv += ["--rest-until", "hurry"]
squares.main()
"""


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder as a user has it, with a trainer that takes the main job's flags, and Slurm's programs on the PATH."""
    programs = {
        "bin/srun": SRUN, "bin/scontrol": SCONTROL,
        ".venv/bin/python": f'#!/bin/sh\nexec {sys.executable} "$@"\n',
        ".venv/bin/torchrun": f'#!/bin/sh\nexec {sys.executable} -m torch.distributed.run "$@"\n',
    }  # fmt: skip
    for name, text in programs.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "train_per_part.py").write_text(TRAINER)
    return tmp_path


@contextmanager
def job(name: str, here: Path, **slurm: str) -> Generator[subprocess.Popen[str]]:
    """A job as Slurm starts it; killed with its step when a test is done with it. On another port than others use."""
    script = here / name
    script.write_text(FILES[name].read_text().replace("29400", str(free_port())))
    known = {"SLURM_JOB_ID": "4711", "SLURM_JOB_NODELIST": "n[1-2]", "OMP_NUM_THREADS": "1", **slurm}
    path = {"PATH": f"{here / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    with (here / "out").open("a") as out:
        process = subprocess.Popen(
            ["bash", script], cwd=here, env={**os.environ, **known, **path}, stdout=out, stderr=out, text=True
        )
    try:
        yield process
    finally:
        for pid in [*below(process.pid), process.pid] if process.poll() is None else []:
            os.kill(pid, signal.SIGKILL)
        process.wait()


def below(pid: int) -> list[int]:
    """All processes that it has started, and they, and so on."""
    found = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    pairs = [tuple(map(int, line.split())) for line in found.splitlines()]
    children = [child for child, parent in pairs if parent == pid]
    return [*children, *(each for child in children for each in below(child))]


def trains(here: Path, work_dir: str) -> None:
    """Wait until a run has done some batches."""
    journal, end = here / work_dir / "journal.jsonl", time.monotonic() + 60
    while not journal.exists() or len(journal.read_text().splitlines()) < 3:
        assert time.monotonic() < end, (here / "out").read_text()
        time.sleep(0.05)


def stopped(here: Path, name: str, work_dir: str, **slurm: str) -> int:
    """Start a job, let it train, and do what Slurm does 120 s before its time is over; its exit code."""
    with job(name, here, **slurm) as process:
        trains(here, work_dir)
        (step,) = below(process.pid)[:1]  # the stand-in for srun, which itself hears nothing
        for pid in below(step):
            os.kill(pid, signal.SIGUSR1)
        code = process.wait(60)
    told = (here / "out").read_text()
    assert (here / "asked").read_text() == "requeue 4711\n", told
    assert told.count("Requeued job 4711: it goes on when Slurm starts it again") == 1
    assert "saved in ./" in told
    return code


def goes_on(here: Path, name: str, work_dir: str, virtual: int, **slurm: str) -> None:
    """Start it again, as Slurm does; it ends with the bits of an undisturbed run."""
    (here / "hurry").touch()
    with job(name, here, **slurm) as process:
        assert process.wait(60) == 0, (here / "out").read_text()
    assert "Resuming from epoch" in (here / "out").read_text()
    ended = children.run(peace, str(here / "peace"), virtual)
    assert ended.code == 0, ended.out
    assert testing.compare(str(here / "peace"), str(here / work_dir)) == []


def peace(work_dir: str, virtual: int) -> None:
    sys.argv = ["squares", "--work-dir", work_dir, "--virtual-ranks", str(virtual)]
    squares.main()


def test_a_job_whose_time_is_over_saves_is_requeued_and_goes_on_to_the_same_bits(here: Path) -> None:
    assert stopped(here, "train.sbatch", "exp_per_part") == 138
    goes_on(here, "train.sbatch", "exp_per_part", virtual=4)


def test_a_job_on_two_nodes_is_requeued_once_and_goes_on_to_the_same_bits_on_one(here: Path) -> None:
    assert stopped(here, "nodes.sbatch", "exp_per_part", SLURM_NNODES="2") == 1
    goes_on(here, "nodes.sbatch", "exp_per_part", virtual=8, SLURM_NNODES="1")


def test_a_run_of_an_array_has_its_own_seed_and_work_dir(here: Path) -> None:
    assert stopped(here, "array.sbatch", "exp_seed_3", SLURM_ARRAY_TASK_ID="3") == 138
    assert load(str(here / "exp_seed_3" / "checkpoint.pt"))["seed"] == 3


@pytest.mark.parametrize("name", FILES)
def test_options_come_before_the_first_command_and_the_trainer_is_told_a_shorter_grace_than_slurm_gives(
    name: str,
) -> None:
    text = FILES[name].read_text()
    lines = [line for line in text.splitlines() if line]
    first = next(i for i, line in enumerate(lines) if not line.startswith("#"))
    assert not any(line.startswith("#SBATCH") for line in lines[first:]), "Slurm reads no option after a command"
    (given,) = re.findall(r"#SBATCH --signal=USR1@(\d+)", text)
    (told,) = re.findall(r"--grace (\d+)", text)
    assert 0 < int(told) < int(given)
    assert all(int(wait) >= int(told) for wait in re.findall(r"--shutdown-timeout (\d+)", text))
    assert parse(shlex.split(text.split("train_per_part.py")[-1].replace("$seed", "0"))).grace == int(told)
    assert "#SBATCH --requeue" in lines
    assert "#SBATCH --open-mode=append" in lines


def test_every_sbatch_file_is_tried() -> None:
    assert set(FILES) == {"array.sbatch", "nodes.sbatch", "train.sbatch"}
