"""From a sampling folder to a page, by the command; what is wrong with the files is one line"""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from perpart.show import main
from tests.perpart.refused import refused
from tests.perpart.sampled import MUG, folder, hand


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A sampling of two on a mug, a truth and a hand."""
    here = tmp_path_factory.mktemp("show")
    maps = folder(here / "maps", 2, 200)
    np.save(here / "true.npy", np.load(maps / "contact_maps.npy")[:1])
    (here / "hands").mkdir()
    hand(here / "hands/hand_000.glb")
    return here


def said(path: Path) -> dict:
    (found,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', path.read_text())
    return json.loads(found)


def test_the_script_runs_and_says_what_it_wrote(place):
    script = Path(__file__).parents[2] / "show_per_part.py"
    command = [sys.executable, "-W", "error", str(script), "--samples", str(place / "maps")]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert re.search(r"wrote .*show\.html \(\d\.\d MB\): open it in a browser", ran.stdout)
    facts = said(place / "maps/show.html")
    assert (facts["title"], facts["n"], facts["truths"], facts["mesh"], facts["hands"]) == ("mug.ply", 2, 0, True, [])
    assert facts["area"] == pytest.approx(MUG.area * 1e4, rel=1e-5)


def test_object_truth_and_hands_are_shown_where_they_are_given(place, tmp_path):
    MUG.export(tmp_path / "mug.ply")
    more = {"truth": place / "true.npy", "hands": place / "hands", "object": tmp_path / "mug.ply"}
    words = [word for name, path in more.items() for word in (f"--{name}", str(path))]
    main(["--samples", str(place / "maps"), "--out", str(tmp_path / "a.html"), *words])
    facts = said(tmp_path / "a.html")
    assert (facts["truths"], len(facts["hands"]), facts["mesh"]) == (1, 1, True)
    main(["--samples", str(place / "maps"), "--out", str(tmp_path / "b.html"), *words])
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "b.html", "mug.ply"]


def test_a_missing_folder_is_one_line(place, capsys):
    assert "there is no such folder" in refused(capsys, main, "--samples", str(place / "none"))


def test_arrays_of_other_shapes_are_one_line(tmp_path, capsys):
    maps = folder(tmp_path / "maps", 1, 50)
    np.save(maps / "points.npy", np.zeros((51, 6)))
    assert "points.npy: has the shape [51, 6]; expected [50, 6]" in refused(capsys, main, "--samples", str(maps))


def test_a_truth_of_another_shape_is_one_line(place, tmp_path, capsys):
    np.save(tmp_path / "true.npy", np.zeros((1, 100, 16)))
    error = refused(capsys, main, "--samples", str(place / "maps"), "--truth", str(tmp_path / "true.npy"))
    assert "true.npy: has the shape [1, 100, 16]; expected [m, 200, 16]" in error


def test_hands_and_objects_that_are_not_there_are_one_line(place, capsys):
    samples = ("--samples", str(place / "maps"))
    assert "there is no hand" in refused(capsys, main, *samples, "--hands", str(place / "none"))
    assert "there is no such file" in refused(capsys, main, *samples, "--object", str(place / "none.ply"))


@pytest.mark.parametrize("out", ["none/a.html", ".", "a\0.html"])
def test_an_out_that_cannot_be_written_is_one_line_and_leaves_nothing(place, tmp_path, capsys, out):
    error = refused(capsys, main, "--samples", str(place / "maps"), "--out", f"{tmp_path}/{out}")
    assert error.startswith("error: --out ")
    assert list(tmp_path.iterdir()) == []
