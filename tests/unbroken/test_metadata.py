"""DCP's description of its files, read without running code"""

import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.distributed.checkpoint.filesystem import _StorageInfo  # pyright: ignore[reportPrivateUsage]
from torch.distributed.checkpoint.metadata import (
    BytesStorageMetadata,
    ChunkStorageMetadata,
    Metadata,
    MetadataIndex,
    TensorProperties,
    TensorStorageMetadata,
)

from unbroken import metadata
from unbroken.errors import Damaged, Hostile, Unreadable


def described(dtype: torch.dtype = torch.bfloat16) -> Metadata:
    chunk = ChunkStorageMetadata(torch.Size([0, 0]), torch.Size([2, 3]))
    tensor = TensorStorageMetadata(TensorProperties(dtype), torch.Size([2, 3]), [chunk])
    return Metadata({"w": tensor}, storage_data={MetadataIndex("w", [0, 0], 0): _StorageInfo("__0_0.distcp", 0, 10)})


def saved(tmp_path: Path, content: Any) -> str:
    path = tmp_path / ".metadata"
    path.write_bytes(content if isinstance(content, bytes) else pickle.dumps(content))
    return str(path)


def test_what_dcp_writes_is_read(tmp_path: Path) -> None:
    assert metadata.read(saved(tmp_path, described())) == described()


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {os.environ['EVIL']}",)


class Getter:
    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, ("", "join")


class Loader:
    def __reduce__(self) -> tuple[Any, ...]:
        return torch.load, ("x",)


@pytest.mark.parametrize("evil", [Evil, Getter, Loader])
def test_code_in_it_does_not_run(evil: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVIL", str(tmp_path / "ran"))
    found = described()
    found.planner_data = evil()
    path = saved(tmp_path, found)
    with pytest.raises(
        Hostile, match=r"\.metadata would run code when loaded \(it asks for [\w.]+\): refused$"
    ) as told:
        metadata.read(path)
    assert "\n" not in str(told.value)
    assert not (tmp_path / "ran").exists()
    if evil is Evil:  # the control: a plain unpickler does run it
        pickle.loads(Path(path).read_bytes())  # noqa: S301
        assert (tmp_path / "ran").exists()


def test_a_name_inside_a_known_class_is_not_known(tmp_path: Path) -> None:
    inside = b"\x80\x04\x8c\x25torch.distributed.checkpoint.metadata\x8c\x11Metadata.__init__\x93."
    with pytest.raises(Hostile, match=r"it asks for torch.distributed.checkpoint.metadata.Metadata.__init__"):
        metadata.read(saved(tmp_path, inside))


def test_what_is_no_description_of_tensors_is_damaged(tmp_path: Path) -> None:
    objects = described()
    objects.state_dict_metadata["b"] = BytesStorageMetadata()
    packed = described()
    packed.storage_data = {MetadataIndex("w"): _StorageInfo("__0_0.distcp", 0, 10, ["zip"])}
    nowhere = described()
    nowhere.storage_data = None
    for content in (b"", b"\x80\x04]q", pickle.dumps({}), packed, nowhere):
        with pytest.raises(Damaged, match=r"is damaged: it is not as DCP writes it"):
            metadata.read(saved(tmp_path, content))
    with pytest.raises(Hostile, match="BytesStorageMetadata"):  # bytes of DCP are pickles
        metadata.read(saved(tmp_path, objects))


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match=r"\.metadata cannot be read: No such file"):
        metadata.read(str(tmp_path / ".metadata"))
