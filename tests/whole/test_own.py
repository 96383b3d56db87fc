"""A person's own data, as the commands see them: trained on, gone on with, evaluated, and refused"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.perpart import own
from tests.tree import ROOT
from tests.whole import jobs

SMALL = ("--width", 8, "--points", 64, "--latents", 6, "--batch-size", 2, "--num-workers", 0, "--grasps-per-epoch", 3)


def train(cwd: Path, *arguments: object) -> jobs.Ended:
    return jobs.run("hands", *arguments, out=cwd / "out.txt", cwd=cwd)


def ran(cwd: Path, *arguments: object) -> jobs.Ended:
    path = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    command = [sys.executable, *map(str, arguments)]
    ended = subprocess.run(command, cwd=cwd, env=path, capture_output=True, text=True, check=False)
    return jobs.Ended(ended.returncode, ended.stdout + ended.stderr)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Meshes and maps, without a word on units."""
    whole = own.contact_folder(tmp_path / "data")
    said = json.loads((whole / "grasps.json").read_text())
    (whole / "grasps.json").write_text(json.dumps({key: said[key] for key in said if key not in ("unit", "up")}))
    return whole


def test_maps_on_own_meshes_train_go_on_and_are_evaluated(data: Path, tmp_path: Path) -> None:
    begun = train(tmp_path, "--work-dir", tmp_path / "exp", "--data", data, *SMALL, "--n-epochs", 1)
    assert begun.code == 0, begun.out
    assert "3 grasps to train on, 3 on unseen objects to validate" in begun.out
    assert "data: unit m, for the objects' bounding boxes have diagonals of" in begun.out
    on = train(tmp_path, "--work-dir", tmp_path / "exp", "--n-epochs", 2, "--extend", "hold")
    assert on.code == 0, on.out
    assert "Resuming from epoch 1" in on.out
    program, state = ROOT / "evaluate_per_part.py", tmp_path / "exp" / "checkpoint.pt"
    judged = ran(tmp_path, program, "--checkpoint", state, "--data", data)
    assert judged.code == 0, judged.out
    assert "split valid of the data it was trained with" in judged.out
    degrees = next(line for line in judged.out.splitlines() if line.startswith("training's mean"))
    assert degrees.split() == ["training's", "mean", "–"]  # directions are unknown in these data
    valid = [json.loads(line) for line in (tmp_path / "exp" / "journal.jsonl").read_text().splitlines()]
    assert not any("degrees" in json.dumps(line) for line in valid)


def test_data_that_would_teach_something_false_are_refused_in_one_line(data: Path, tmp_path: Path) -> None:
    wrong = own.contact_folder(data, contact_0=np.full((3, 642, 16), 1.5))
    ended = train(tmp_path, "--work-dir", tmp_path / "exp", "--data", wrong, *SMALL)
    assert ended.code == 2, ended.out
    assert "contact_0 runs from 1.5 to 1.5; give floats in [0, 1]" in ended.out
    assert "Traceback" not in ended.out
    assert not (tmp_path / "exp").exists()


def test_the_pages_example_writes_a_folder_that_is_in_order(tmp_path: Path) -> None:
    program = (ROOT / "docs" / "data-own.md").read_text().split("```python\n")[1].split("```")[0]
    assert len(program.strip().splitlines()) <= 16
    (tmp_path / "write.py").write_text(program)
    written = ran(tmp_path, tmp_path / "write.py")
    assert written.code == 0, written.out
    checked = ran(tmp_path, "-m", "perpart.data", "check", tmp_path / "my_data")
    assert checked.code == 0, checked.out
    assert "no defects" in checked.out
