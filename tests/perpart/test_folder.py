import io
import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import trimesh

from perpart.data import folder as files
from perpart.data.defects import Defect
from perpart.errors import Mistake
from tests.perpart import own


def told(folder: Path) -> list[str]:
    found: list[Defect] = []
    files.read(folder, found.append)
    assert all(defect.fatal for defect in found)
    return [str(defect) for defect in found]


def reworded(folder: Path, **changed: object) -> Path:
    """The folder with other words in its grasps.json; None leaves one out."""
    path = folder / "grasps.json"
    said = json.loads(path.read_text()) | changed
    path.write_text(json.dumps({key: value for key, value in said.items() if value is not None}))
    return folder


def smuggled(folder: Path, name: str, content: bytes) -> Path:
    """The folder with one more member in its archive."""
    with zipfile.ZipFile(folder / "grasps.npz", "a") as zipped:
        zipped.writestr(name, content)
    return folder


def stored(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def test_what_is_written_is_read(tmp_path):
    content = files.read(own.angles_folder(tmp_path), pytest.fail)
    assert content is not None
    angles, root = own.hands()
    np.testing.assert_array_equal(content.arrays["angles"], angles)
    np.testing.assert_array_equal(content.arrays["root"], root)
    assert content.said["objects"][1] == {"name": "can", "mesh": "objects/can.ply", "split": "valid"}


def test_the_same_input_gives_the_same_bytes_even_if_normals_were_computed_between(tmp_path):
    mesh = own.things()["can"]
    for name in ("one", "two"):
        files.write(tmp_path / name, "angles", [{"name": "can", "mesh": mesh, "split": "train"}], {"a": np.ones(3)})
        assert len(mesh.vertex_normals)
    for path in ("grasps.json", "grasps.npz", "objects/can.ply"):
        assert (tmp_path / "one" / path).read_bytes() == (tmp_path / "two" / path).read_bytes()


def test_a_mesh_of_arrays_keeps_its_vertices_in_their_order(tmp_path):
    mesh = own.things()["ball"]
    entry = {"name": "ball", "mesh": (mesh.vertices, mesh.faces), "split": "train"}
    files.write(tmp_path, "angles", [entry], {})
    again = trimesh.load_mesh(tmp_path / "objects" / "ball.ply", process=False)
    np.testing.assert_allclose(again.vertices, mesh.vertices, atol=1e-8)
    np.testing.assert_array_equal(again.faces, mesh.faces)


def test_a_name_that_would_lead_elsewhere_is_not_written(tmp_path):
    with pytest.raises(Mistake, match="no plain file name"):
        files.write(tmp_path, "angles", [{"name": "../x", "mesh": own.things()["can"], "split": "train"}], {})


@pytest.mark.parametrize("name", ["grasps.json", "grasps.npz"])
def test_a_missing_file_is_told(tmp_path, name):
    (own.angles_folder(tmp_path) / name).unlink()
    assert told(tmp_path) == [f"{tmp_path / name}: is missing; {files.AGAIN}"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"version": None}, "is from before data folders had a version; make it again"),
        ({"version": 2}, "version 2; this program reads 'perpart-grasps' of version 1"),
        ({"format": "other"}, "format 'other'"),
        ({"kind": "video"}, "of kind 'video'; say one of angles, contact, mesh"),
        ({"unit": "inch"}, "unit 'inch'; say one of m, cm, mm"),
        ({"up": "x"}, "up 'x'; say one of z, y"),
        ({"objects": 3}, "holds no list of objects"),
    ],
)
def test_words_that_mean_nothing_are_told_in_one_line(tmp_path, changed, said):
    lines = told(reworded(own.angles_folder(tmp_path), **changed))
    assert len(lines) == 1
    assert said in lines[0]


@pytest.mark.parametrize("name", ["/etc/passwd.npy", "../up.npy", "a/b.npy", "C:x.npy", "program.py", "x y.npy"])
def test_odd_members_of_the_archive_are_told_and_nothing_is_unpacked(tmp_path, name):
    smuggled(own.angles_folder(tmp_path / "data"), name, stored(np.zeros(3)))
    before = sorted(tmp_path.rglob("*"))
    (line,) = told(tmp_path / "data")
    assert "is no name of an array" in line
    assert sorted(tmp_path.rglob("*")) == before


class Trap:
    """An object whose unpickling leaves a trace."""

    def __reduce__(self):
        return exec, ("import pathlib; pathlib.Path('sprung').touch()",)


@pytest.mark.parametrize("content", [stored(np.array([Trap()], dtype=object)), pickle.dumps(Trap())])
def test_pickles_are_refused_and_never_loaded(tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    (line,) = told(smuggled(own.angles_folder(tmp_path), "quality.npy", content))
    assert "a pickle, which is never loaded" in line or "is no array of numbers" in line
    assert not Path("sprung").exists()


def test_an_array_that_claims_more_than_it_holds_is_told(tmp_path):
    content = stored(np.zeros(1000)).replace(b"(1000,)", b"(9999999999999,)").replace(b" " * 12 + b"\n", b"\n")
    cut = stored(np.zeros(1000))[:-8]
    (line,) = told(smuggled(own.angles_folder(tmp_path / "cut"), "quality.npy", cut))
    assert "claims 8,000 bytes and holds 7,992" in line
    assert len(told(smuggled(own.angles_folder(tmp_path / "huge"), "quality.npy", content))) == 1


def test_text_and_two_arrays_of_one_name_are_told(tmp_path):
    (line,) = told(smuggled(own.angles_folder(tmp_path / "text"), "words.npy", stored(np.array(["a"]))))
    assert "no numbers" in line
    with pytest.warns(UserWarning, match="Duplicate name"):
        smuggled(own.angles_folder(tmp_path / "twice"), "angles.npy", stored(np.zeros(3)))
    (line,) = told(tmp_path / "twice")
    assert "two arrays of one name" in line


def test_files_that_are_cut_or_enormous_are_told(tmp_path, monkeypatch):
    path = own.angles_folder(tmp_path) / "grasps.npz"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert "cannot be read" in told(tmp_path)[0]
    path.write_bytes(whole)
    monkeypatch.setitem(files.LARGEST, "grasps.npz", len(whole) - 1)
    assert "more than" in told(tmp_path)[0]
    (tmp_path / "grasps.json").write_text("{" * 100_000)
    assert "cannot be read" in told(tmp_path)[0]


@pytest.mark.parametrize(
    ("array", "shape", "kinds", "said"),
    [
        (None, (3,), "f", "a is missing"),
        (np.zeros((2, 3)), (2, 4), "f", "a has shape [2, 3], not [2, 4]"),
        (np.zeros((2, 3)), (None,), "f", "a has shape [2, 3], not [any]"),
        (np.zeros(3), (3,), "iu", "a is of type float64; wanted are whole numbers"),
        (np.array([0, np.nan, np.inf]), (3,), "f", "a is not finite in 2 of 3 numbers"),
    ],
)
def test_an_array_of_another_shape_type_or_without_finite_values_is_told(tmp_path, array, shape, kinds, said):
    found: list[Defect] = []
    content = files.Content(tmp_path, {}, {} if array is None else {"a": array})
    assert content.array("a", shape, kinds, found.append) is None
    assert [str(defect) for defect in found] == [f"{tmp_path / 'grasps.npz'}: {said}; write it again"]
