"""Proof on your own job, tried on small programs that start in a moment"""

import argparse
import re
import sys
from pathlib import Path

import pytest

from unbroken import prove

# Counts to 25 in steps of 10 ms, and adds up numbers of a generator; its state is one safetensors file.
PROGRAM = """
import json, os, random, struct, sys, time
path = os.path.join(sys.argv[1] if len(sys.argv) > 1 else ".", "state.safetensors")
draw, total, first = random.Random(0), 0.0, 0
if os.path.exists(path):
    raw = open(path, "rb").read()
    total, first = struct.unpack("<dd", raw[-16:])
if KEEPS:
    for _ in range(int(first)):
        draw.random()
header = json.dumps({"x": {"dtype": "F64", "shape": [2], "data_offsets": [0, 16]}}).encode()
for step in range(int(first), 25):
    total += draw.random()
    with open(path + ".new", "wb") as file:
        file.write(struct.pack("<Q", len(header)) + header + struct.pack("<dd", total, step + 1))
    os.replace(path + ".new", path)
    time.sleep(0.01)
"""


@pytest.fixture
def exact(tmp_path: Path) -> str:
    (tmp_path / "exact.py").write_text(PROGRAM.replace("KEEPS", "True"))
    return str(tmp_path / "exact.py")


@pytest.fixture
def inexact(tmp_path: Path) -> str:
    (tmp_path / "inexact.py").write_text(PROGRAM.replace("KEEPS", "False"))
    return str(tmp_path / "inexact.py")


def proven(*words: object) -> int:
    """Run the proof with these words as its command line."""
    parser = argparse.ArgumentParser()
    prove.arguments(parser)
    return prove.prove(parser.parse_args(list(map(str, words))))


def test_an_exact_program_is_proven_and_every_kill_is_told(
    exact: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert proven("--kills", 3, "--out", tmp_path / "out", "--", sys.executable, exact, "{work_dir}") == 0
    out = capsys.readouterr().out
    assert re.match(r"undisturbed: ended after \d+\.\d s, its first file after \d+\.\d s, states: 1\n", out)
    assert [int(n) for n in re.findall(r"killed-\d+: kill (\d) after \d+\.\d s\n", out)] == [1, 2, 3]
    assert re.search(r"3 of 3 kills, runs: \d+, states that differ: 0\n", out)


def test_the_first_difference_of_an_inexact_program_is_named_with_both_values(
    inexact: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert proven("--kills", 2, "--out", tmp_path / "out", "--", sys.executable, inexact, "{work_dir}") == 1
    said = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"state\.safetensors: \.x\[0\] is [\d.]+ undisturbed and [\d.]+ killed", said[-2])
    assert said[-1].startswith(f"NOT EQUAL: see {tmp_path / 'out'}")


def test_without_a_place_for_the_work_dir_the_command_runs_inside_it(
    exact: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert proven("--kills", 1, "--out", "out", "--", sys.executable, Path(exact).name) == 0
    assert (tmp_path / "out" / "undisturbed" / "state.safetensors").exists()
    assert not (tmp_path / "state.safetensors").exists()


def test_two_undisturbed_runs_of_a_program_that_draws_lots_differ(tmp_path: Path) -> None:
    (tmp_path / "dice.py").write_text(PROGRAM.replace("KEEPS", "True").replace("Random(0)", "SystemRandom()"))
    command = [sys.executable, tmp_path / "dice.py", "{work_dir}"]
    assert proven("--kills", 0, "--out", tmp_path / "out", "--", *command) == 1


def test_a_state_that_the_killed_run_lacks_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    late = PROGRAM.replace("KEEPS", "True") + "if not first: os.link(path, sys.argv[1] + '/best.safetensors')\n"
    (tmp_path / "late.py").write_text(late)
    assert (
        proven("--kills", 2, "--out", tmp_path / "out", "--", sys.executable, tmp_path / "late.py", "{work_dir}") == 1
    )
    assert re.search(r"^best\.safetensors is missing in .*killed-\d+$", capsys.readouterr().out, re.MULTILINE)


def test_a_program_that_stumbles_over_what_a_kill_left_is_no_proof(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = "if os.path.exists(path):\n"
    stumbles = PROGRAM.replace("KEEPS", "True").replace(again, again + "    sys.exit('I have been here before')\n")
    (tmp_path / "stumbles.py").write_text(stumbles)
    code = proven("--kills", 1, "--out", tmp_path / "out", "--", sys.executable, tmp_path / "stumbles.py", "{work_dir}")
    assert code == 1
    assert "could not go on after kill 1: exit code 1\nI have been here before" in capsys.readouterr().out


def test_children_of_the_command_die_with_it(exact: str, tmp_path: Path) -> None:
    """A shell starts the program and waits; were only the shell killed, the program would still hold the lock."""
    command = f"flock --nonblock --conflict-exit-code 7 {{work_dir}}.lock {sys.executable} {exact} {{work_dir}}"
    assert proven("--kills", 3, "--out", tmp_path / "out", "--", "sh", "-c", command + " || exit $?") == 0


def test_with_no_folder_named_nothing_is_left_of_a_good_proof(
    exact: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert proven("--kills", 1, "--", sys.executable, exact, "{work_dir}") == 0
    assert list(tmp_path.glob("unbroken-prove-*")) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--kills", "-1", "--", "true"], "--kills is -1: it is at least 0"),
        (["--", "no-such-program", "{work_dir}"], "no-such-program cannot be started: No such file or directory"),
        (["--", "true", "{work_dir}"], "the command left no .pt, .pth, .ckpt, .safetensors in its folder: "
         "does it write to {work_dir}?"),
        (["--", "sh", "-c", "echo alas; exit 3"], "the command fails by itself, with exit code 3:\nalas"),
    ],
)  # fmt: skip
def test_what_cannot_be_proven_is_said_and_is_exit_code_2(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert proven(*words) == 2
    assert capsys.readouterr().err == f"error: {message}\n"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_is_not_written_into(
    exact: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert proven("--out", tmp_path, "--", sys.executable, exact, "{work_dir}") == 2
    assert "is not empty: name an empty or a new folder" in capsys.readouterr().err
