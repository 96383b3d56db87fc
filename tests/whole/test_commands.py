"""Every command explains itself on one screen with three examples, tells errors in a line, and completes in a shell"""

import importlib
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from unbroken.__main__ import main as unbroken

VERBS = ("train", "sample", "evaluate", "fit", "show")
SCREEN = 60
"""Lines of a terminal on a laptop's whole screen."""
WRONG = {
    "train": ["--points", "3"],
    "sample": ["--object", "nowhere.ply", "--out", "maps"],
    "evaluate": ["--checkpoint", "nowhere.pt"],
    "fit": ["--maps", "nowhere", "--object", "nowhere.ply", "--out", "hands"],
    "show": ["--samples", "nowhere"],
}


@pytest.fixture(params=VERBS)
def verb(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")


def command(verb: str) -> Callable[[list[str]], object]:
    return importlib.import_module(f"perpart.{verb}").main


def test_the_help_of_a_script_fits_a_screen_and_gives_three_examples(verb: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit, match="0"):
        command(verb)(["--help"])
    shown = capsys.readouterr().out
    assert shown.count(f"python {verb}_per_part.py --") == 3
    assert "--debug" in shown
    assert len(shown.splitlines()) <= SCREEN


@pytest.mark.parametrize("verb", ["list", "show", "verify", "diff", "join", "split", "report", "prove", "plan"])
def test_the_help_of_the_core_fits_a_screen_and_gives_three_examples(verb: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit, match="0"):
        unbroken([verb, "--help"])
    shown = capsys.readouterr().out
    assert shown.count(f"  python -m unbroken {verb} ") == 3
    assert len(shown.splitlines()) <= SCREEN


@pytest.mark.parametrize("module", ["perpart.data", "perpart.grasps", "perpart.objects", "perpart.ship", "unbroken"])
def test_the_help_of_a_module_fits_a_screen_and_gives_three_examples_or_more(module: str) -> None:
    shown = subprocess.run([sys.executable, "-m", module, "--help"], capture_output=True, text=True, check=True).stdout
    assert shown.startswith(f"usage: python -m {module} ")
    assert len(re.findall(rf"^ *python -m {module} \w|^ *python -m {module} --", shown, re.MULTILINE)) >= 3
    assert len(shown.splitlines()) <= SCREEN


VERBS = [
    *(("data", verb) for verb in ("check", "import-grab", "import-contacts")),
    *(("grasps", verb) for verb in ("make", "describe", "card", "check", "sheet")),
    *(("objects", verb) for verb in ("list", "sheet")),
]


@pytest.mark.parametrize(("module", "verb"), VERBS)
def test_the_help_of_a_module_s_verb_fits_a_screen_and_gives_three_examples(
    module: str, verb: str, capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(SystemExit, match="0"):
        importlib.import_module(f"perpart.{module}.__main__").main([verb, "--help"])
    shown = capsys.readouterr().out
    assert len(re.findall(rf"^ *python -m perpart.{module} {verb}\b", shown, re.MULTILINE)) == 3
    assert len(shown.splitlines()) <= SCREEN


@pytest.mark.parametrize("debug", [False, True])
def test_an_error_is_one_line_and_with_debug_has_its_traceback(
    verb: str, debug: bool, capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(SystemExit, match="2"):
        command(verb)(WRONG[verb] + ["--debug"] * debug)
    *above, last = capsys.readouterr().err.splitlines()
    assert last.startswith("error: ")
    assert (above[:1] == ["Traceback (most recent call last):"]) == debug
    assert bool(above) == debug


@pytest.mark.parametrize("debug", [False, True])
def test_the_core_too(debug: bool, capsys: pytest.CaptureFixture) -> None:
    assert unbroken(["list", "nowhere", *["--debug"] * debug]) == 2
    *above, last = capsys.readouterr().err.splitlines()
    assert last == "error: nowhere: there is no such file or folder"
    assert bool(above) == debug


def test_a_shell_completes_its_options(verb: str, tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        command(verb)(["--tyro-write-completion", "bash", str(tmp_path / "done")])
    assert re.search(r"complete .*-F ", (tmp_path / "done").read_text())
    assert WRONG[verb][0] in (tmp_path / "done").read_text()
