"""Where two files differ"""

import json
import struct
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.unbroken.test_checkpoint import tree
from unbroken import checkpoint
from unbroken.differ import content, difference
from unbroken.errors import Damaged, Missing


def told(folder: Path, a: Any, b: Any, kind: str = "pt") -> str | None:
    """Write two values with torch.save and tell their difference."""
    for name, value in (("a", a), ("b", b)):
        torch.save(value, folder / f"{name}.{kind}")
    found = difference(str(folder / f"a.{kind}"), str(folder / f"b.{kind}"))
    return found.told("here", "there") if found else None


@pytest.mark.parametrize("kind", ["pt", "pth", "ckpt"])
def test_equal_files_of_another_program_do_not_differ(kind: str, tmp_path: Path) -> None:
    state = {"model": {"w": torch.tensor([1.0, float("nan")])}, "epoch": 3, "best": 0.5, "names": ["a", "b"]}
    assert told(tmp_path, state, state, kind) is None


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        ({"w": torch.ones(2, 3)}, {"w": torch.ones(2, 3) + torch.tensor([[0, 0, 0], [0, 0, 1]])},
         ".w[1, 2] is 1.0 here and 2.0 there"),
        ({"w": torch.tensor(0.0)}, {"w": torch.tensor(-0.0)}, ".w is 0.0 here and -0.0 there"),
        ({"w": torch.ones(2)}, {"w": torch.ones(3)},
         ".w is torch.float32 of shape (2,) here and torch.float32 of shape (3,) there"),
        ({"w": torch.ones(2)}, {"w": torch.ones(2).double()},
         ".w is torch.float32 of shape (2,) here and torch.float64 of shape (2,) there"),
        ({"epoch": 3}, {"epoch": 4}, ".epoch is 3 here and 4 there"),
        ({"epoch": 1}, {"epoch": True}, ".epoch is 1 here and True there"),
        ({"a": 1, "b": 2}, {"a": 1}, ".b is 2 here and missing there; 2 leaves differ in all"),
        ({"a": 1}, {"a": 1, "b": [2]}, ".b is missing here and a list of 1 there; 3 leaves differ in all"),
        ({"a": []}, {"a": {}}, ".a is a list of 0 here and a dict of 0 there"),
        ([1.0], [1.5], "[0] is 1.0 here and 1.5 there"),
        (1.0, 2.0, "all is 1.0 here and 2.0 there"),
    ],
)  # fmt: skip
def test_the_first_leaf_that_differs_is_told_with_both_values(a: Any, b: Any, words: str, tmp_path: Path) -> None:
    assert told(tmp_path, a, b) == words


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.int64, torch.bool, torch.complex64, torch.float8_e4m3fn])
def test_the_place_is_found_in_every_type(dtype: torch.dtype, tmp_path: Path) -> None:
    a, b = torch.zeros(4, 5, 6), torch.zeros(4, 5, 6)
    b[2, 3, 4] = b[3, 0, 0] = 1
    said = told(tmp_path, {"w": a.to(dtype)}, {"w": b.to(dtype)})
    assert said is not None
    assert said.startswith(".w[2, 3, 4] is ")


def test_of_our_own_states_only_what_belongs_to_training_is_compared(tmp_path: Path) -> None:
    for name, more in (("a", {"environment": {"torch": "2.12"}}), ("b", {"environment": {"torch": "2.13"}})):
        checkpoint.write(tree(**more), str(tmp_path / name))
    assert difference(str(tmp_path / "a"), str(tmp_path / "b")) is None


def test_a_damaged_state_of_ours_is_never_compared_as_bytes(tmp_path: Path) -> None:
    checkpoint.write(tree(), str(tmp_path / "a.pt"))
    raw = bytearray((tmp_path / "a.pt").read_bytes())
    raw[raw.index(torch.arange(6.0).numpy().tobytes()) + 7] ^= 1
    (tmp_path / "b.pt").write_bytes(raw)
    with pytest.raises(Damaged):
        difference(str(tmp_path / "a.pt"), str(tmp_path / "b.pt"))


def touches(path: Path) -> Any:
    """Something whose pickle would run a command when it is loaded."""

    class Payload:
        def __reduce__(self) -> tuple[Any, ...]:
            return subprocess.call, (["touch", str(path)],)

    return Payload()


def test_what_holds_more_than_plain_values_is_compared_as_bytes_and_runs_nothing(tmp_path: Path) -> None:
    one, other = torch.ones(3), torch.tensor([1.0, 1.0, 2.0])
    evil = touches(tmp_path / "ran")
    assert told(tmp_path, {"w": one, "x": evil}, {"w": one, "x": evil}) is None
    said = told(tmp_path, {"w": one, "x": evil}, {"w": other, "x": evil})
    assert said is not None
    assert said.startswith("['data/0'] is '12 bytes with SHA-256 ")
    assert not (tmp_path / "ran").exists()


def test_a_damaged_container_of_another_program_is_said_to_be_damaged(tmp_path: Path) -> None:
    torch.save({"w": torch.arange(6.0), "x": touches(tmp_path / "ran")}, tmp_path / "a.pt")
    raw = bytearray((tmp_path / "a.pt").read_bytes())
    raw[raw.index(torch.arange(6.0).numpy().tobytes()) + 7] ^= 1
    (tmp_path / "a.pt").write_bytes(raw)
    with pytest.raises(Damaged, match=r"a\.pt is .*damaged: .*CRC"):
        content(str(tmp_path / "a.pt"))


def test_a_pickle_without_a_container_is_compared_as_one_piece(tmp_path: Path) -> None:
    (tmp_path / "a.pt").write_bytes(b"\x80one")
    (tmp_path / "b.pt").write_bytes(b"\x80two")
    found = difference(str(tmp_path / "a.pt"), str(tmp_path / "b.pt"))
    assert found is not None
    assert found.leaf == ".bytes"


def safetensors(path: Path, dtype: str, array: np.ndarray, shape: list[int]) -> str:
    header = {"__metadata__": {"by": "hand"}, "w": {"dtype": dtype, "shape": shape, "data_offsets": [0, array.nbytes]}}
    raw = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(raw)) + raw + array.tobytes())
    return str(path)


@pytest.mark.parametrize(("dtype", "kind"), [("F32", "<f4"), ("I64", "<i8"), ("U8", "u1"), ("F64", "<f8")])
def test_safetensors_are_read_as_they_are_written(dtype: str, kind: str, tmp_path: Path) -> None:
    array = np.arange(6, dtype=kind)
    a = safetensors(tmp_path / "a.safetensors", dtype, array, [2, 3])
    assert content(a)["w"].tolist() == [[0, 1, 2], [3, 4, 5]]
    array[4] = 9
    found = difference(a, safetensors(tmp_path / "b.safetensors", dtype, array, [2, 3]))
    assert found is not None
    assert found.leaf == ".w[1, 1]"


def test_safetensors_of_a_type_that_torch_lacks_are_compared_as_bytes(tmp_path: Path) -> None:
    a, b = (safetensors(tmp_path / f"{n}.safetensors", "F4", np.array([n], "u1"), [2]) for n in (1, 2))
    found = difference(a, b)
    assert found is not None
    assert found.leaf == ".w.bytes"


@pytest.mark.parametrize("raw", [b"", b"\x05\0\0\0\0\0\0\0{", b"\x02\0\0\0\0\0\0\0[]", b"\xff" * 20])
def test_safetensors_that_are_none_are_said_to_be_damaged(raw: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(raw)
    with pytest.raises(Damaged, match=r"a\.safetensors is cut short or damaged"):
        content(str(tmp_path / "a.safetensors"))


@pytest.mark.parametrize("name", ["none.pt", "none.safetensors"])
def test_a_file_that_is_not_there_is_said(name: str, tmp_path: Path) -> None:
    with pytest.raises(Missing, match="there is no such file"):
        content(str(tmp_path / name))
