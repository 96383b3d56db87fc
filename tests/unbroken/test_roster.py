"""python -m unbroken list: a line for each run"""

import json
from pathlib import Path

import pytest

from tests.unbroken import tiny
from unbroken.__main__ import main


def test_each_run_has_a_line_with_its_state_its_place_and_what_is_left(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny.train(tmp_path / "other", epochs=4, inside=tiny.at(7, "leave"))
    capsys.readouterr()
    assert main(["list", str(run), str(tmp_path / "other")]) == 0
    first, second, empty, *states = capsys.readouterr().out.splitlines()
    assert first.split()[:6] == [str(run), "finished", "epoch", "3/3", "step", "15"]
    assert second.split()[:6] == [f"{tmp_path}/other", "stopped", "epoch", "1/4", "step", "8"]
    assert " left  saved " in second
    assert second.endswith("  left")
    assert empty == ""
    assert states[0].startswith(f"{run}/checkpoint.pt ")


def test_as_json_a_state_keeps_its_keys_and_says_how_its_run_stands(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["list", str(run), f"{run}/checkpoint.prev.pt", "--json"]) == 0
    states = json.loads(capsys.readouterr().out)
    for state in states:
        assert list(state) == ["path", "size", "epoch", "batch", "step", "saved", "wrong", "run"]
    assert (states[0]["run"]["state"], states[0]["run"]["epochs"], states[0]["run"]["left"]) == ("finished", 3, None)
    assert states[-1]["run"] is None, "a file was named, and no run"
