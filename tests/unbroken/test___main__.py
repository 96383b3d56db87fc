"""python -m unbroken"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unbroken.test_checkpoint import tree
from unbroken import checkpoint
from unbroken.__main__ import main


def start(*words: str, out: int = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "unbroken", *words]
    return subprocess.run(command, stdout=out, stderr=subprocess.PIPE, text=True, check=False)


@pytest.mark.parametrize(
    "words",
    [[], ["lists"], ["list"], ["show"], ["verify"], ["diff", "one.pt"], ["diff", "1.pt", "2.pt", "3.pt"], ["prove"]],
)
def test_misuse_ends_with_two(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert "usage: python -m unbroken" in capsys.readouterr().err


def test_help_names_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    said = capsys.readouterr().out
    assert all(f"\n    {verb} " in said for verb in ("list", "show", "verify", "diff", "prove", "plan"))


def test_the_command_ends_with_the_code_of_its_verb(tmp_path: Path) -> None:
    checkpoint.write(tree(), str(tmp_path / "checkpoint.pt"))
    ended = start("list", str(tmp_path))
    assert (ended.returncode, ended.stderr) == (0, "")
    ended = start("list", str(tmp_path / "nowhere"))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == f"error: {tmp_path / 'nowhere'}: there is no such file or folder\n"


def test_whoever_stops_reading_gets_no_traceback(tmp_path: Path) -> None:
    checkpoint.write(tree(kept={str(n): n for n in range(20_000)}), str(tmp_path / "checkpoint.pt"))
    reading, writing = os.pipe()
    os.close(reading)
    ended = start("show", str(tmp_path), out=writing)
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_full_disk_behind_standard_output_is_one_line(tmp_path: Path) -> None:
    checkpoint.write(tree(), str(tmp_path / "checkpoint.pt"))
    with open("/dev/full", "w") as full:
        ended = start("list", str(tmp_path), out=full.fileno())
    assert ended.returncode == 2
    assert (
        ended.stderr == "error: output cannot be written (No space left on device); make room, or send it elsewhere\n"
    )


def test_letters_that_a_terminal_lacks_become_question_marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "größe").mkdir()
    checkpoint.write(tree(), str(tmp_path / "größe" / "checkpoint.pt"))
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    ended = start("list", str(tmp_path / "größe"))
    assert ended.returncode == 0, ended.stderr
    assert "/gr??e" in ended.stdout


def test_prove_runs_a_command_and_compares(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    command = [sys.executable, "-c", "import shutil, sys; shutil.copy(*sys.argv[1:])"]
    checkpoint.write(tree(), str(tmp_path / "made.pt"))
    code = main(["prove", "--kills", "0", "--", *command, str(tmp_path / "made.pt"), "{work_dir}/made.pt"])
    assert (code, capfd.readouterr().out.splitlines()[-1]) == (0, "0 of 0 kills, runs: 1, states that differ: 0")
