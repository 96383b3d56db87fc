import csv
import json

import pytest

from perpart.errors import Mistake
from perpart.scores.record import write
from perpart.scores.tallies import Figure

FIGURES = [
    Figure("touch", "rebuilt", "f1", 0.5, "palm", 1 / 3, 0.1, 0.9),
    Figure("sets", "own mean *", "mmd", None, "all", float("nan"), float("nan"), float("nan")),
]


def test_both_files_say_the_same(tmp_path):
    as_json, as_csv = write(tmp_path / "new", "some", {"seed": 0}, FIGURES)
    said = json.loads(as_json.read_text())
    assert said["seed"] == 0
    assert said["figures"][0]["value"] == pytest.approx(1 / 3, abs=1e-9)
    assert said["figures"][1]["low"] is None
    with as_csv.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["measure"] for row in rows] == ["f1", "mmd"]
    assert float(rows[0]["value"]) == said["figures"][0]["value"]
    assert rows[1]["value"] == rows[1]["at"] == ""


def test_the_same_figures_are_the_same_bytes(tmp_path):
    first, second = (write(tmp_path / name, "some", {}, FIGURES) for name in ("a", "b"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Mistake, match=r"cannot be written .*; give another --out"):
        write(tmp_path / "file", "some", {}, FIGURES)
