import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from perpart.data import __main__ as data
from tests.perpart import own


def ended(*arguments: object) -> int:
    with pytest.raises(SystemExit) as left:
        data.main(list(map(str, arguments)))
    return int(left.value.code or 0)


@pytest.mark.parametrize("write", [own.angles_folder, own.contact_folder])
def test_a_good_folder_ends_with_0_a_summary_and_a_picture(tmp_path, capsys, write):
    picture = tmp_path / "check.png"
    assert ended("check", write(tmp_path / "data"), "--picture", picture) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].endswith("no defects")
    assert said[-1] == f"drawn in {picture}"
    assert picture.is_file()


def test_a_bad_one_ends_with_1_and_a_line_for_each_defect(tmp_path, capsys):
    folder = own.angles_folder(tmp_path / "data", object_of=np.zeros(6, int), root=np.zeros((6, 4, 4)))
    assert ended("check", folder, "--picture", tmp_path / "check.png") == 1
    said = capsys.readouterr().out.splitlines()
    assert sum(line.startswith(str(folder / "grasps")) for line in said) >= 3
    assert "which forbid training" in said[-3]


def test_a_command_that_cannot_be_obeyed_ends_with_2_in_one_line(tmp_path, capsys):
    folder = own.angles_folder(tmp_path / "data")
    for wrong in (
        [tmp_path / "nowhere"],
        [folder, "--picture", tmp_path / "no" / "a.png"],
        [folder, "--picture", "a.txt"],
    ):
        assert ended("check", *wrong) == 2
        captured = capsys.readouterr()
        assert captured.err.startswith("error: ")
        assert captured.err.count("\n") == 1
        assert captured.out == ""


def test_no_display_is_needed(tmp_path):
    folder = own.contact_folder(tmp_path / "data")
    command = [sys.executable, "-W", "error", "-m", "perpart.data", "check", str(folder)]
    path = {"PATH": "/usr/bin", "PYTHONPATH": ":".join(sys.path), "HOME": str(tmp_path)}
    ran = subprocess.run(command, cwd=tmp_path, env=path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert Path(tmp_path / "check.png").is_file()
