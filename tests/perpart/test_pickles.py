"""Arrays from foreign pickles, and nothing else from them"""

import os
import pickle
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csc_matrix

from perpart.data import pickles
from perpart.errors import Mistake
from tests.perpart.borrowed import Node, Python2

VALUES = {
    "numbers": np.arange(24.0).reshape(2, 3, 4),
    "columns": np.asfortranarray(np.arange(6, dtype=np.uint32).reshape(2, 3)),
    "sparse": csc_matrix(np.array([[0.0, 2, 0], [1, 0, 3]])),
    "text": "lbs",
    "nested": {"a": (1, 2)},
}


def same(got: dict, expected: dict) -> None:
    dense = {name: value.toarray() if isinstance(value, csc_matrix) else value for name, value in expected.items()}
    for name, value in dense.items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(got[name], value)
            assert got[name].dtype == value.dtype
        else:
            assert got[name] == value


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4])
def test_what_python_3_writes_is_read(tmp_path, protocol):
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(VALUES | {"number": np.float64(0.5)}, protocol))
    same(pickles.read(tmp_path / "x.pkl", (*VALUES, "number")), VALUES | {"number": 0.5})


def test_what_python_2_wrote_is_read_and_an_array_of_chumpys_is_its_x(tmp_path):
    chumpy = {"chumpy": Node(("chumpy.ch", "Ch", {"x": np.ones(3), "_dirty_vars": {"x"}}))}
    (tmp_path / "x.pkl").write_bytes(Python2(VALUES | chumpy).data)
    same(pickles.read(tmp_path / "x.pkl", (*VALUES, "chumpy")), VALUES | {"chumpy": np.ones(3)})


def test_names_that_are_not_asked_for_are_left_alone(tmp_path):
    (tmp_path / "x.pkl").write_bytes(Python2({"a": 1, "b": Node(("chumpy.reordering", "Select", {}))}).data)
    assert pickles.read(tmp_path / "x.pkl", ("a", "c")) == {"a": 1}
    with pytest.raises(Mistake, match="a Other holds no value"):
        pickles.read(tmp_path / "x.pkl", ("b",))


@pytest.mark.parametrize("value", [{"s1": {"rh_vtemp": np.ones((2, 3), np.float32), "gender": "male"}}, {}])
def test_a_dict_that_numpy_saved_is_read(tmp_path, value):
    np.save(tmp_path / "x.npy", np.array(value, dtype=object), allow_pickle=True)
    got = pickles.read_npy(tmp_path / "x.npy")
    assert got.keys() == value.keys()
    for person, said in value.items():
        same(got[person], said)


class Runs:
    """Makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_pickle_that_would_run_something_runs_nothing_and_is_told_in_one_line(tmp_path, protocol):
    (tmp_path / "x.pkl").write_bytes(pickle.dumps({"v": Runs(tmp_path / "made")}, protocol))
    with pytest.raises(Mistake, match=r"names posix\.mkdir, which such data do not hold; refused, nothing ran") as told:
        pickles.read(tmp_path / "x.pkl", ("v",))
    assert "\n" not in str(told.value)
    np.save(tmp_path / "x.npy", np.array({"v": Runs(tmp_path / "made")}, dtype=object), allow_pickle=True)
    with pytest.raises(Mistake, match=r"names posix\.mkdir"):
        pickles.read_npy(tmp_path / "x.npy")
    assert not (tmp_path / "made").exists()
    pickle.loads((tmp_path / "x.pkl").read_bytes())  # noqa: S301 (the control: it would have)
    assert (tmp_path / "made").exists()


@pytest.mark.parametrize(
    "named",
    [("builtins", "eval"), ("builtins", "getattr"), ("numpy", "load"), ("numpy", "ndarray.tofile"), ("os", "system")],
)
def test_only_the_names_of_the_list_are_known(tmp_path, named):
    short = b"".join(b"\x8c" + bytes([len(word)]) + word.encode() for word in named)
    (tmp_path / "x.pkl").write_bytes(b"\x80\x04" + short + b"\x93.")
    with pytest.raises(Mistake, match="refused, nothing ran"):
        pickles.read(tmp_path / "x.pkl", ())


def test_a_file_cannot_change_the_stand_ins_for_those_that_come_after(tmp_path):
    before = dict(vars(pickles.Leaf))
    for state in (b"}(U\x05plainK\x01u", b"N}(U\x05plainK\x01u\x86"):
        (tmp_path / "x.pkl").write_bytes(b"\x80\x02cchumpy.ch\nCh\n" + state + b"b.")
        with pytest.raises(Mistake, match="is not a whole pickle"):
            pickles.read(tmp_path / "x.pkl", ())
    assert dict(vars(pickles.Leaf)) == before


def test_a_value_in_many_places_is_made_once(tmp_path):
    nest: list = []
    for _ in range(60):  # 2^60 values for whoever looks at each of them
        nest = [nest, nest]
    (tmp_path / "x.pkl").write_bytes(pickle.dumps({"v": nest}))
    assert len(pickles.read(tmp_path / "x.pkl", ("v",))["v"]) == 2


def test_a_value_that_holds_itself_is_refused(tmp_path):
    ring: list = []
    ring.append(ring)
    (tmp_path / "x.pkl").write_bytes(pickle.dumps({"v": ring}))
    with pytest.raises(Mistake, match="its values cannot be read"):
        pickles.read(tmp_path / "x.pkl", ("v",))


@pytest.mark.parametrize("dtype", ["O8,O8", "i4,O", "V8", "M8[s]"])
def test_an_array_of_more_than_numbers_and_texts_is_refused(tmp_path, dtype):
    kind = b"cnumpy\ndtype\nU" + bytes([len(dtype)]) + dtype.encode() + b"\x85R"
    empty = b"cnumpy.core.multiarray\n_reconstruct\n)R"
    state = b"(K\x01K\x02\x85" + kind + b"\x89U\x10" + bytes(16) + b"tb"
    (tmp_path / "x.pkl").write_bytes(b"\x80\x02}U\x01v" + empty + state + b"s.")
    with pytest.raises(Mistake, match="one of its arrays is of the type"):
        pickles.read(tmp_path / "x.pkl", ("v",))


def test_a_sparse_matrix_whose_places_are_outside_it_is_refused(tmp_path):
    broken = csc_matrix(np.eye(3))
    broken.indices[1] = 7
    (tmp_path / "x.pkl").write_bytes(Python2({"v": broken}).data)
    with pytest.raises(Mistake, match="its values cannot be read"):
        pickles.read(tmp_path / "x.pkl", ("v",))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_file_that_is_cut_or_changed_anywhere_is_read_or_told_in_one_line(tmp_path_factory, data):
    whole = Python2(VALUES).data
    path = tmp_path_factory.mktemp("cut") / "x.pkl"
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    path.write_bytes(cut)
    with pytest.raises(Mistake, match="is not a whole pickle"):
        pickles.read(path, VALUES)
    at, byte = data.draw(st.integers(0, len(whole) - 1)), data.draw(st.integers(0, 255))
    path.write_bytes(whole[:at] + bytes([byte]) + whole[at + 1 :])
    assert "\n" not in outcome(path)


def outcome(path) -> str:
    """What is told of a file; nothing if it is read."""
    try:
        pickles.read(path, VALUES)
    except Mistake as told:
        return str(told)
    return ""


def test_other_files_are_told_in_one_line(tmp_path):
    with pytest.raises(Mistake, match=r"gone\.pkl: cannot be read \(No such file"):
        pickles.read(tmp_path / "gone.pkl", ())
    (tmp_path / "list.pkl").write_bytes(pickle.dumps([1]))
    with pytest.raises(Mistake, match="holds no dict but a list"):
        pickles.read(tmp_path / "list.pkl", ())
    (tmp_path / "zip.npy").write_bytes(b"PK" + struct.pack("<I", 7))
    with pytest.raises(Mistake, match=r"is no \.npy file"):
        pickles.read_npy(tmp_path / "zip.npy")
    np.save(tmp_path / "plain.npy", np.ones(3))
    with pytest.raises(Mistake, match=r"an array of the shape \(3,\) and type float64; expected a single dict"):
        pickles.read_npy(tmp_path / "plain.npy")
