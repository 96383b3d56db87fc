"""For your own tests: die at a named moment, run twice, compare"""

import os
import signal
import sys
from pathlib import Path

import pytest

from tests.unbroken import children
from tests.unbroken.test_checkpoint import tree
from unbroken import checkpoint, testing
from unbroken.errors import Misuse

# Adds up the numbers of ten batches; dies where it is told to, as `testing.passing` does, but starts without torch.
PROGRAM = """
import json, os, signal, struct, sys
path, total, first = os.path.join(sys.argv[1], "sum.safetensors"), 0, 0
if os.path.exists(path):
    total, first = struct.unpack("<qq", open(path, "rb").read()[-16:])
header = json.dumps({"sum": {"dtype": "I64", "shape": [2], "data_offsets": [0, 16]}}).encode()
for n, batch in enumerate(range(first, 10), 1):
    if os.environ["UNBROKEN_DIE_AT"] == f"batch {n}":
        os.kill(os.getpid(), signal.SIGKILL)
    total += WHAT
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(header)) + header + struct.pack("<qq", total, batch + 1))
"""


def command(what: str) -> list[str]:
    return [sys.executable, "-S", "-c", PROGRAM.replace("WHAT", what), "{work_dir}"]


def test_a_run_that_died_twice_and_went_on_exactly_is_equal(tmp_path: Path) -> None:
    assert testing.twice(command("batch"), tmp_path, die_at=["batch 4", "batch 3"]) == []


def test_a_run_that_did_not_go_on_exactly_is_told_with_both_values(tmp_path: Path) -> None:
    told = testing.twice(command("n"), tmp_path, die_at=["batch 4", "batch 3"])
    assert told == ["sum.safetensors: .sum[0] is 55 undisturbed and 24 killed"]


def test_a_moment_that_never_comes_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(Misuse, match="was to die at 'batch 11', but ended with 0"):
        testing.twice(command("batch"), tmp_path, die_at=["batch 11"])


def test_a_run_that_fails_by_itself_is_an_error_with_its_words(tmp_path: Path) -> None:
    with pytest.raises(Misuse, match=r"(?s)was to end with 0, but ended with 1:.*NameError"):
        testing.twice(command("nothing"), tmp_path, die_at=["batch 2"])


def passes_moments() -> None:
    os.environ[testing.DIE_AT] = "batch 3"
    for number in range(5):
        testing.passing("valid")
        testing.passing("batch")
        print(number)


def test_the_moment_that_was_named_is_the_last_one() -> None:
    ended = children.run(passes_moments)
    assert (ended.code, ended.out) == (-signal.SIGKILL, "0\n1\n")


def test_where_nobody_dies_the_moments_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(testing.DIE_AT, "batch 7")
    for _ in range(2):
        testing.passing("of this test")
    assert ("of this test", 2) in testing.passed()


def test_every_state_is_compared_but_the_one_before_the_last(tmp_path: Path) -> None:
    for name, step in (("a", 7), ("b", 8)):
        (tmp_path / name / "checkpoints").mkdir(parents=True)
        for path in ("checkpoint.pt", "checkpoint.prev.pt", "checkpoints/E002_net.pt"):
            checkpoint.write(tree(step=step), str(tmp_path / name / path))
    (tmp_path / "b" / "checkpoint.pt").unlink()
    assert testing.compare(str(tmp_path / "a"), str(tmp_path / "b")) == [
        f"checkpoint.pt is missing in {tmp_path / 'b'}",
        "checkpoints/E002_net.pt: .step is 7 undisturbed and 8 killed",
    ]


def test_a_damaged_state_is_told_and_not_compared(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        checkpoint.write(tree(), str(tmp_path / name / "checkpoint.pt"))
    path = tmp_path / "b" / "checkpoint.pt"
    os.truncate(path, path.stat().st_size - 1)
    (told,) = testing.compare(str(tmp_path / "a"), str(tmp_path / "b"))
    assert told.startswith(f"{path} is ")


def test_records_are_compared_without_their_times(tmp_path: Path) -> None:
    for name, second in (("a", 1), ("b", 2)):
        (tmp_path / name).mkdir()
        line = f'{{"at": "step", "loss": 0.1, "time": {{"unix": {second}}}}}\n'
        (tmp_path / name / "journal.jsonl").write_text(line)
    assert testing.records(str(tmp_path / "a")) == testing.records(str(tmp_path / "b")) == [
        '{"at": "step", "loss": 0.1}'
    ]  # fmt: skip
