"""Whether states are what was saved, and where two of them differ"""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from tests.unbroken.test_checkpoint import tree
from tests.unbroken.test_shelf import damage
from unbroken import checkpoint
from unbroken.__main__ import main


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """A work dir with two states that differ in one weight."""
    os.mkdir(tmp_path / "run")
    checkpoint.write(tree(), str(tmp_path / "run" / "checkpoint.pt"))
    weights = {"w": torch.tensor([0.0, 1.0, 2.0, 3.0, 4.5, 5.0])}
    checkpoint.write(tree(state_dict=weights), str(tmp_path / "run" / "checkpoint.prev.pt"))
    return str(tmp_path / "run")


def told(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = main(list(words))
    return code, capsys.readouterr().out.rstrip("\n")


# ---- verify


def test_verify_says_of_whole_states_that_they_are(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = told(capsys, "verify", folder)
    assert (code, said.splitlines()) == (0, [
        f"{folder}/checkpoint.pt is whole: its content matches its digest",
        f"{folder}/checkpoint.prev.pt is whole: its content matches its digest",
    ])  # fmt: skip


def test_verify_finds_a_value_that_changed_and_goes_on_to_the_others(
    folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(f"{folder}/checkpoint.pt")
    code, said = told(capsys, "verify", folder)
    assert (code, said.splitlines()) == (1, [
        f"{folder}/checkpoint.pt is damaged: its content does not match its digest",
        f"{folder}/checkpoint.prev.pt is whole: its content matches its digest",
    ])  # fmt: skip


def test_verify_as_json(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    damage(f"{folder}/checkpoint.pt")
    code, said = told(capsys, "verify", "--json", folder)
    assert code == 1
    assert [(item["whole"], item["wrong"] is None) for item in json.loads(said)] == [(False, False), (True, True)]


def test_verify_of_a_file_that_cannot_be_read_is_an_error_and_no_verdict(
    folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    os.symlink("nowhere", f"{folder}/checkpoint.link.pt")
    assert main(["verify", f"{folder}/checkpoint.link.pt"]) == 2
    assert "is a link to nowhere" in capsys.readouterr().err


# ---- diff


def test_diff_names_the_first_leaf_that_differs_with_both_values(
    folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = told(capsys, "diff", folder, f"{folder}/checkpoint.prev.pt")
    assert (code, said) == (1, f"state_dict.w[4]: 4.0 in {folder}/checkpoint.pt, 4.5 in {folder}/checkpoint.prev.pt\n"
                               "leaves that differ: 1 (state_dict 1)")  # fmt: skip


def test_diff_of_equal_states_says_so(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint.write(tree(environment={"torch": "2.12"}), f"{folder}/other.pt")
    code, said = told(capsys, "diff", folder, f"{folder}/other.pt")
    assert (code, said.partition(" (")[0]) == (
        0,
        f"{folder}/checkpoint.pt and {folder}/other.pt hold the same, bit by bit",
    )


@pytest.mark.parametrize("ending", ["pt", "pth", "ckpt", "safetensors"])
def test_diff_compares_files_of_other_programs(ending: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b, same = (str(tmp_path / f"{name}.{ending}") for name in "abc")
    for path, third in ((a, 3.0), (b, 5.0)):
        weights = {"w": torch.tensor([1.0, 2.0, third])}
        save_file(weights, path) if ending == "safetensors" else torch.save({"epoch": 1, "state_dict": weights}, path)
    shutil.copy(a, same)
    assert told(capsys, "diff", a, same)[0] == 0
    code, said = told(capsys, "diff", a, b)
    assert code == 1
    first, leaves = said.splitlines()
    assert first.endswith(f"w[2]: 3.0 in {a}, 5.0 in {b}")
    assert leaves.startswith("leaves that differ: 1 (")


def test_diff_as_json(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    paths = f"{folder}/checkpoint.pt", f"{folder}/checkpoint.prev.pt"
    found: dict[str, Any] = json.loads(told(capsys, "diff", "--json", *paths)[1])
    assert found == {
        "a": paths[0], "b": paths[1], "equal": False, "leaf": ".state_dict.w[4]", "here": "4.0", "there": "4.5",
        "leaves": 1, "parts": {"state_dict": 1},
    }  # fmt: skip
    assert json.loads(told(capsys, "diff", "--json", paths[0], paths[0])[1])["equal"]


def test_diff_of_a_damaged_state_is_an_error(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    damage(f"{folder}/checkpoint.pt")
    assert main(["diff", folder, f"{folder}/checkpoint.prev.pt"]) == 2
    assert "is damaged: its content does not match its digest" in capsys.readouterr().err
