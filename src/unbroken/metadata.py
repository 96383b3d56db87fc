"""DCP's .metadata, a pickle, read without running code: only what DCP writes is let through"""

from __future__ import annotations

import io
import pickle
from typing import Any, NoReturn, cast

import torch
from torch.distributed.checkpoint import metadata
from torch.distributed.checkpoint.filesystem import _StorageInfo  # pyright: ignore[reportPrivateUsage]
from torch.distributed.checkpoint.metadata import Metadata, MetadataIndex, TensorStorageMetadata

from .errors import Damaged, Hostile, Unreadable

HOME, FILES = "torch.distributed.checkpoint.metadata", "torch.distributed.checkpoint.filesystem"
KNOWN: dict[tuple[str, str], Any] = {
    **{
        (HOME, name): getattr(metadata, name)
        for name in (
            "ChunkStorageMetadata", "Metadata", "MetadataIndex", "TensorProperties", "TensorStorageMetadata",
            "_MEM_FORMAT_ENCODING",
        )
    },
    (FILES, "_StorageInfo"): _StorageInfo,
    ("torch", "Size"): torch.Size,
}  # fmt: skip


def read(path: str) -> Metadata:
    """What the file says of tensors and of where they lie. Raises Unreadable, Hostile or Damaged; never runs code."""
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as reason:
        raise Unreadable(f"{path} cannot be read: {reason.strerror}") from reason
    try:
        found = _Reader(path, content).load()
        _look(found)
    except Hostile:
        raise
    except Exception as reason:  # whatever a pickle that was tampered with makes of these few classes
        raise Damaged(f"{path} is damaged: it is not as DCP writes it ({reason!s:.80})") from reason
    return found


class _Reader(pickle.Unpickler):
    """Knows the classes of DCP's own description, none of which does anything but hold values."""

    def __init__(self, path: str, content: bytes) -> None:
        super().__init__(io.BytesIO(content))
        self._path = path

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        """The class of a name that is known. Raises Hostile."""
        if (module_name, global_name) in KNOWN:
            return KNOWN[module_name, global_name]
        if module_name == "torch" and isinstance(dtype := getattr(torch, global_name, None), torch.dtype):
            return dtype
        if (module_name, global_name) == ("torch.serialization", "_get_layout"):
            return _layout
        return self._refuse(f"{module_name}.{global_name}")

    def persistent_load(self, pid: Any, /) -> NoReturn:
        self._refuse("a persistent id")

    def _refuse(self, what: str) -> NoReturn:
        raise Hostile(f"{self._path} would run code when loaded (it asks for {what[:80]}): refused")


def _layout(name: str) -> torch.layout:
    if name != "torch.strided":
        raise ValueError(f"a tensor of layout {name!s:.40}")
    return torch.strided


def _look(found: Any) -> None:
    """Refuse what is not the description of plain tensors in files. Raises ValueError."""
    places: Any = found.storage_data if isinstance(found, Metadata) else None
    if not isinstance(found, Metadata) or type(places) is not dict:
        raise ValueError("it describes no tensors")
    for name, told in found.state_dict_metadata.items():
        if type(name) is not str or not isinstance(told, TensorStorageMetadata):
            raise ValueError(f"{name!s:.40} is no tensor")
    for index, where in cast(dict[Any, Any], places).items():
        if not isinstance(index, MetadataIndex) or not isinstance(where, _StorageInfo) or where.transform_descriptors:
            raise ValueError(f"{index!s:.40} is no place of a tensor")
