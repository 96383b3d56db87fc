"""What lies in a work dir, and what a state holds"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.unbroken.test_checkpoint import tree
from tests.unbroken.test_shelf import damage_any
from unbroken import checkpoint
from unbroken.__main__ import main
from unbroken.shelf import Shelf


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """A work dir with two states and a snapshot."""
    shelf = Shelf(str(tmp_path / "run"))
    os.mkdir(shelf.folder)
    for step in (6, 7):
        shelf.put(tree(step=step))
    shelf.put_snapshot(tree(epoch=1, batch=0, step=5))
    return shelf.folder


def told(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[str]]:
    code = main(list(words))
    return code, capsys.readouterr().out.splitlines()


def parsed(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


# ---- list


def test_list_tells_each_state_in_one_line(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, lines = told(capsys, "list", folder)
    lines = lines[2:]  # the run's own line comes first
    assert code == 0
    assert [line.split()[0] for line in lines[:3]] == [
        f"{folder}/checkpoint.pt", f"{folder}/checkpoint.prev.pt", f"{folder}/checkpoints/E001_net.pt",
    ]  # fmt: skip
    assert lines[0].split()[1:7] == ["epoch", "2", "batch", "1", "step", "7"]
    assert lines[2].split()[1:7] == ["epoch", "1", "batch", "0", "step", "5"]
    assert all(" s ago" in line and line.endswith(" kB  complete") for line in lines[:3])
    assert lines[3] == "complete: nothing is missing; whether the values are those that were saved, `verify` tells"


def test_list_imports_no_torch(folder: str) -> None:
    for verb in ("list", "show"):
        program = (
            f"import sys, runpy; sys.argv[1:] = [{verb!r}, {folder!r}]\n"
            "try: runpy.run_module('unbroken', run_name='__main__')\n"
            "finally: print('torch' in sys.modules)"
        )
        ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
        assert (ran.returncode, ran.stdout.splitlines()[-1]) == (0, "False"), ran.stdout + ran.stderr


def test_list_says_what_is_wrong_with_a_file_that_cannot_be_used(
    folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    damage_any(f"{folder}/checkpoint.pt")
    Path(folder, "checkpoint.pt.damaged").touch()
    Path(folder, "checkpoints", "left-behind").mkdir()
    Path(folder, "checkpoints", "left-behind", "E009_net.pt").touch()
    code, lines = told(capsys, "list", folder)
    lines = lines[2:]
    assert code == 0
    assert lines[0].endswith("not usable")
    assert lines[1].endswith("complete")
    assert lines[3].startswith(f"{folder}/checkpoint.pt is cut short or damaged: ")
    assert lines[4] == f"{folder}: set aside as damaged: checkpoint.pt.damaged"
    assert lines[5] == f"{folder}/checkpoints/left-behind: left behind: E009_net.pt"


def test_list_does_not_look_at_values_and_says_so(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    content = Path(folder, "checkpoint.pt").read_bytes()
    values = torch.arange(6.0).numpy().tobytes()
    Path(folder, "checkpoint.pt").write_bytes(content.replace(values, bytes(24)))
    assert told(capsys, "list", folder)[1][2].endswith("complete")
    assert main(["verify", folder]) == 1


def test_list_as_json_has_the_same_facts(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    damage_any(f"{folder}/checkpoint.prev.pt")
    one, two, three = parsed(capsys, "list", folder)
    assert {**one, "saved": 0, "run": None} == {
        "path": f"{folder}/checkpoint.pt", "size": os.path.getsize(f"{folder}/checkpoint.pt"), "epoch": 2, "batch": 1,
        "step": 7, "saved": 0, "wrong": None, "run": None,
    }  # fmt: skip
    assert one["saved"] == checkpoint.read(f"{folder}/checkpoint.pt")["saved"]
    assert two["epoch"] is None
    assert two["wrong"].startswith(f"{folder}/checkpoint.prev.pt is cut short or damaged")
    assert three["step"] == 5


@pytest.mark.parametrize("verb", ["list", "show", "verify"])
def test_a_path_without_states_is_an_error(
    verb: str, folder: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    for path, words in (("empty", "holds no state"), ("nowhere", "there is no such file or folder")):
        assert main([verb, folder, str(tmp_path / path)]) == 2
        out, err = capsys.readouterr()
        assert not out
        assert err.startswith(f"error: {tmp_path / path}")
        assert words in err


def test_a_folder_of_work_dirs_says_which_to_try(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    above = str(Path(folder).parent)
    assert main(["list", above]) == 2
    assert capsys.readouterr().err == f"error: {above} holds no state; try {folder}\n"


def test_a_file_can_be_named_as_well(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    (only,) = parsed(capsys, "list", f"{folder}/checkpoint.prev.pt")
    assert only["step"] == 6


# ---- show


def test_show_tells_parts_tensors_settings_and_environment(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    shelf = Shelf(folder)
    shelf.put(tree(state_dict={"w": torch.ones(2, 3), "0.bias": torch.ones(4).half()}, environment={"torch": "2.13"}))
    code, lines = told(capsys, "show", folder)
    assert code == 0
    assert lines[0].startswith(f"{folder}/checkpoint.pt  epoch 2")
    assert lines[1:] == [
        "model: 2 tensors, 32 B",
        "  w           float32 [2, 3]",
        "  ['0.bias']  float16 [4]",
        "kept",
        "  mine[0]  1.5",
        "  mine[1]  None",
        "settings",
        "  lr  0.1",
        "environment",
        "  torch  '2.13'",
        "journal",
        "  length  0",
        "  sha256  ''",
    ]


def test_show_folds_what_only_places_in_lists_tell_apart(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    moments = {i: {"exp_avg": torch.ones(3, 2), "step": torch.tensor(1.0)} for i in range(9)}
    few = {i: torch.ones(1) for i in range(8)}
    Shelf(folder).put(tree(optimizer={"state": moments, "few": few, "lr": 0.1}))
    code, lines = told(capsys, "show", folder)
    assert code == 0
    assert lines[lines.index("optimizer: 26 tensors, 284 B") + 1 :][:11] == [
        "  state[*].exp_avg  float32 [3, 2]  and 8 more",
        "  state[*].step     float32 []      and 8 more",
        *(f"  few[{i}]            float32 [1]" for i in range(8)),
        "  lr                0.1",
    ]


def test_show_as_json_has_every_value_and_outlines_of_tensors(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = parsed(capsys, "show", folder)[f"{folder}/checkpoint.pt"]
    assert found["state_dict"] == {"w": {"dtype": "float32", "shape": [6]}}
    assert found["settings"] == {"lr": 0.1}
    assert (found["format"], len(found["digest"])) == (1, 64)


def test_show_refuses_what_is_no_state(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(folder, "note.pt").write_text("loss 0.3")
    assert main(["show", f"{folder}/note.pt"]) == 2
    assert capsys.readouterr().err.startswith(f"error: {folder}/note.pt is not a checkpoint")
