"""A folder of maps, read without trusting it"""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from perpart import export
from perpart.errors import Mistake
from perpart.fits import files


@pytest.fixture(scope="module")
def written(toothpaste, tmp_path_factory) -> Path:
    place, maps = tmp_path_factory.mktemp("files") / "maps", toothpaste.maps
    export.write(place, export.Drawn(maps.cloud, maps.contact, maps.part, maps.direction), None, "known", {"seed": 4})
    return place


@pytest.fixture
def folder(written, tmp_path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "maps"))


def test_what_was_written_is_read_back(folder, toothpaste):
    maps, meta = files.read(folder)
    np.testing.assert_array_equal(maps.contact, toothpaste.maps.contact)
    np.testing.assert_array_equal(maps.part, toothpaste.maps.part)
    np.testing.assert_array_equal(maps.cloud, toothpaste.maps.cloud)
    assert meta["seed"] == 4


@pytest.mark.parametrize("name", ["points", "contact_maps", "part_map", "uv_map"])
def test_arrays_that_do_not_belong_together_are_refused(folder, name):
    path = folder / f"{name}.npy"
    whole = np.load(path)
    np.save(path, whole[:1, :100] if name != "points" else whole[:100])
    with pytest.raises(Mistake, match="has the shape"):
        files.read(folder)
    path.unlink()
    with pytest.raises(Mistake, match=f"holds no {name}"):
        files.read(folder)
    path.write_bytes(b"no array")
    with pytest.raises(Mistake, match="cannot be read"):
        files.read(folder)


@pytest.mark.parametrize(("value", "words"), [(np.nan, "not finite"), (1.5, "not within")])
def test_contact_that_is_none_is_refused(folder, value, words):
    contact = np.load(folder / "contact_maps.npy")
    contact[0, 0, 0] = value
    np.save(folder / "contact_maps.npy", contact)
    with pytest.raises(Mistake, match=words):
        files.read(folder)


def test_other_parts_are_refused(folder):
    (folder / "meta.json").write_text(json.dumps({"parts": ["palm"]}))
    with pytest.raises(Mistake, match="other parts"):
        files.read(folder)


def test_a_record_of_something_else_is_not_cleared_away(tmp_path):
    (tmp_path / "fit.json").write_text("{}")
    with pytest.raises(Mistake, match="not the record"):
        files._clear(tmp_path)
