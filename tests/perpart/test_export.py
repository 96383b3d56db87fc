"""The files of one sampling: whole, described, and alone in their names"""

import json

import numpy as np
import pytest

from perpart import clouds, export
from perpart.colours import paint
from perpart.errors import Mistake
from perpart.hand import PARTS
from perpart.objects import build

CUBE = build("cube", 0).mesh


def drawn(n: int) -> export.Drawn:
    rng = np.random.default_rng(n)
    points = clouds.surface(CUBE, 60, rng).astype(np.float32)
    direction = np.tile(points[:, 3:], (n, 1, 1))
    return export.Drawn(points, rng.random((n, 60, 16), dtype=np.float32), rng.integers(0, 16, (n, 60)), direction)


def names(folder) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_ply_s_header_names_every_property_and_its_body_holds_them(tmp_path):
    asked = drawn(1)
    export.write(tmp_path, asked, CUBE, "cube", {})
    head, body = (tmp_path / "sample_000.ply").read_bytes().split(b"end_header\n")
    properties = [line.split()[1:] for line in head.decode().splitlines() if line.startswith("property")]
    assert [name for _, name in properties][-16:] == [f"contact_{part}" for part in PARTS]
    kinds = [(name, {"float": "<f4", "uchar": "u1"}[kind]) for kind, name in properties]
    table = np.frombuffer(body, dtype=kinds)
    assert len(table) == 60
    assert table["x"].tobytes() == asked.points[:, 0].tobytes()
    assert table["contact_little3"].tobytes() == asked.contact[0, :, 15].tobytes()
    assert table["green"].tolist() == np.round(255 * paint(asked.contact[0]))[:, 1].tolist()


def test_meta_lists_exactly_the_files_and_takes_the_facts_in(tmp_path):
    paths = export.write(tmp_path, drawn(2), CUBE, "cube", {"seed": 4})
    meta = json.loads((tmp_path / "meta.json").read_text())
    assert set(meta["files"]) == names(tmp_path) == {path.name for path in paths}
    assert (meta["n"], meta["points"], meta["seed"]) == (2, 60, 4)
    assert [part for digit in meta["digits"].values() for part in digit] == list(range(16))


def test_a_smaller_sampling_leaves_nothing_of_a_larger_one_and_nothing_else_is_touched(tmp_path):
    export.write(tmp_path, drawn(2), CUBE, "cube", {})
    (tmp_path / "notes.txt").write_text("mine")
    export.write(tmp_path, drawn(1), CUBE, "cube", {})
    assert "sample_001.ply" not in names(tmp_path)
    assert {"sample_000.ply", "notes.txt"} <= names(tmp_path)


def test_a_record_that_points_outside_its_folder_removes_nothing_there(tmp_path):
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps/meta.json").write_text(json.dumps({"files": ["../precious", str(tmp_path / "precious")]}))
    export.write(tmp_path / "maps", drawn(1), CUBE, "cube", {})
    assert (tmp_path / "precious").read_text() == "mine"


@pytest.mark.parametrize("content", ["[]", "{}", "not json", '{"files": 3}'])
def test_a_foreign_meta_json_is_a_mistake_and_stays(tmp_path, content):
    (tmp_path / "meta.json").write_text(content)
    with pytest.raises(Mistake, match="is not the record of an earlier sampling; give another --out"):
        export.write(tmp_path, drawn(1), CUBE, "cube", {})
    assert (tmp_path / "meta.json").read_text() == content
    assert names(tmp_path) == {"meta.json"}


def test_a_folder_that_is_a_file_is_a_mistake(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(Mistake, match="taken: cannot be written"):
        export.write(tmp_path / "taken", drawn(1), CUBE, "cube", {})
