"""Where two files differ: the first leaf that is not equal bit by bit, with both values

Read are this package's states, whatever else torch.save wrote of plain values, and safetensors. What holds more than
plain values is not unpickled, since that could run code: its records are compared as bytes.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import pickle
import re
import struct
import warnings
import zipfile
import zlib
from collections import Counter
from dataclasses import dataclass
from typing import Any, cast

import torch

from . import checkpoint, state
from .errors import Damaged, Foreign, Hostile, Missing, Unreadable

KINDS = (".pt", ".pth", ".ckpt", ".safetensors")
UNREADABLE = (
    pickle.UnpicklingError, RuntimeError, KeyError, ValueError, TypeError, AttributeError, EOFError, IndexError
)  # fmt: skip
TYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64,
    "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8, "BOOL": torch.bool,
}  # fmt: skip


@dataclass(frozen=True)
class Difference:
    """The first leaf that differs, what the two files hold there, and how many leaves differ: in all, and of each part
    of the files."""

    leaf: str
    here: str
    there: str
    leaves: int
    parts: dict[str, int]

    def told(self, here: str = "here", there: str = "there") -> str:
        """The difference in words, the two sides named."""
        more = f"; {self.leaves} leaves differ in all" if self.leaves > 1 else ""
        return f"{self.leaf} is {self.here} {here} and {self.there} {there}{more}"


def difference(a: str, b: str) -> Difference | None:
    """The first difference between two files, or None. Raises the errors of `content`."""
    here, there = dict(state.leaves(content(a))), dict(state.leaves(content(b)))
    paths = [*here, *(path for path in there if path not in here)]
    unequal = [p for p in paths if p not in here or p not in there or not state.same(here[p], there[p])]
    if not unequal:
        return None
    # A container whose length differs says less than the leaf that it lacks.
    first = next((p for p in unequal if not _both(state.Container, p, here, there)), unequal[0])
    place = _place(here.get(first), there.get(first))
    leaf = first + (f"[{', '.join(map(str, place))}]" if place else "")
    parts = Counter(re.split(r"[.\[]", path.lstrip("."))[0] for path in unequal)
    return Difference(leaf or "all", _told(here, first, place), _told(there, first, place), len(unequal), dict(parts))


def content(path: str) -> state.Tree:
    """What a file holds, as a tree; of a state of this package what belongs to training and not to a session.

    Raises Missing, Unreadable, Damaged or Foreign, each one line.
    """
    if path.endswith(".safetensors"):
        return _safetensors(path)
    try:
        return checkpoint.training(checkpoint.whole(path))
    except (Foreign, Hostile):  # of another program: nothing vouches for its bytes, so they are taken as they are
        return _others(path)


def _others(path: str) -> state.Tree:
    try:
        with warnings.catch_warnings(action="ignore"):  # torch has an opinion on pickles that it refuses
            return torch.load(path, map_location="cpu", weights_only=True)
    except UNREADABLE:
        return _records(path)


def _records(path: str) -> dict[str, str]:
    """Each record of a container, or the whole file, as its size and hash; without what names the container."""
    if not zipfile.is_zipfile(path):
        return {"bytes": _summary(_raw(path))}
    try:
        with zipfile.ZipFile(path) as container:
            names = [name for name in container.namelist() if not name.endswith("/.data/serialization_id")]
            return {name.partition("/")[2]: _summary(container.read(name)) for name in names}
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError) as reason:
        raise Damaged(f"{path} is cut short or damaged: {reason}") from reason


def _safetensors(path: str) -> dict[str, Any]:
    """Eight bytes that say how long the header is, a header in JSON, then the tensors."""
    raw = _raw(path)
    try:
        (length,) = struct.unpack_from("<Q", raw)
        header = cast(dict[str, Any], json.loads(raw[8 : 8 + length]))
        return {name: _tensor(item, raw[8 + length :]) for name, item in header.items() if name != "__metadata__"}
    except (struct.error, ValueError, KeyError, TypeError, AttributeError, RuntimeError) as reason:
        raise Damaged(f"{path} is cut short or damaged: it does not read as safetensors ({reason})") from reason


def _tensor(item: dict[str, Any], data: bytes) -> Any:
    start, end = item["data_offsets"]
    piece = data[start:end]
    if item["dtype"] not in TYPES:  # such as 8-bit floats: compared as bytes
        return {"dtype": item["dtype"], "shape": item["shape"], "bytes": _summary(piece)}
    if not math.prod(item["shape"]):
        return torch.empty(item["shape"], dtype=TYPES[item["dtype"]])
    return torch.frombuffer(bytearray(piece), dtype=TYPES[item["dtype"]]).reshape(item["shape"])


def _both(kind: type, path: str, here: dict[str, Any], there: dict[str, Any]) -> bool:
    return isinstance(here.get(path), kind) and isinstance(there.get(path), kind)


def _place(a: Any, b: Any) -> list[int]:
    """Where in two tensors of one shape and type the first unequal element is."""
    if not isinstance(a, torch.Tensor) or not isinstance(b, torch.Tensor) or (a.shape, a.dtype) != (b.shape, b.dtype):
        return []
    sides = [t.detach().contiguous().reshape(-1, 1).view(torch.uint8).reshape(t.numel(), -1) for t in (a, b)]
    first = int((sides[0] != sides[1]).any(1).nonzero()[0])
    return [int(i) for i in torch.unravel_index(torch.tensor(first), a.shape)]


def _told(side: dict[str, Any], path: str, place: list[int]) -> str:
    if path not in side:
        return "missing"
    leaf = side[path]
    if isinstance(leaf, state.Container):
        return f"a {leaf.kind} of {leaf.length}"
    if not isinstance(leaf, torch.Tensor):
        return repr(leaf)
    if not place and leaf.numel() != 1:
        return f"{leaf.dtype} of shape {tuple(leaf.shape)}"
    return repr(leaf[tuple(place)].item())


def _raw(path: str) -> bytes:
    if not os.path.exists(path):
        raise Missing(f"{path}: there is no such file")
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as reason:
        raise Unreadable(f"{path} cannot be read: {reason.strerror}") from reason


def _summary(raw: bytes) -> str:
    return f"{len(raw)} bytes with SHA-256 {hashlib.sha256(raw).hexdigest()[:16]}…"
