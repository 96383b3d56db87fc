"""Proof on two jobs as they are typed: a tutorial's loop that only looks as if it resumed, and its twin in a run"""

import argparse
import sys
from pathlib import Path

import pytest

from unbroken import prove

TUTORIAL = [sys.executable, "-m", "tests.whole.tutorial", "{work_dir}"]


def proven(folder: Path, *words: str) -> int:
    """Run the proof with these words as its command line."""
    parser = argparse.ArgumentParser()
    prove.arguments(parser)
    return prove.prove(parser.parse_args(["--out", str(folder / "proof"), *words]))


def test_the_difference_in_a_plain_loop_is_found_and_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code = proven(tmp_path, "--kills", "1", "--seed", "16", "--", *TUTORIAL)
    out = capfd.readouterr().out
    assert code == 1, out
    assert "model.pt: .model['0.bias'][0] is -0." in out
    assert "NOT EQUAL" in out


def test_its_twin_in_a_run_is_proven_equal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code = proven(tmp_path, "--kills", "1", "--seed", "16", "--", *TUTORIAL, "--unbroken")
    out = capfd.readouterr().out
    assert code == 0, out
    assert "1 of 1 kills" in out
