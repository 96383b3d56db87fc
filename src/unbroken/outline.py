"""What a checkpoint holds, read without torch: its plain values, and outlines of its tensors

A file is taken when all of it adds up: every tensor lies inside its storage, every storage is a record of its size, and
the tensors together are no larger than the file. What is refused here never reaches torch. Imports no torch.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from . import container, manifest
from .container import Container
from .errors import Damaged, Foreign, Hostile
from .values import DEPTH, Name, Values

FORMAT = 1
SHARDED = 2  # of a state whose tensors lie in part in shards
FACTS = {
    "epoch": int, "batch": int, "step": int, "seed": int, "settings": dict, "journal": dict, "kept": dict,
    "means": dict, "parameters": dict, "environment": dict, "saved": float, "digest": str,
}  # fmt: skip
ROOM = 1 << 26  # bytes that plain values may take in memory, beyond the size of the file
PLAIN = (bool, int, float, str, type(None))
WIDTHS = {
    "float64": 8, "float32": 4, "float16": 2, "bfloat16": 2, "int64": 8, "int32": 4, "int16": 2, "int8": 1, "uint8": 1,
    "bool": 1, "complex32": 4, "complex64": 8, "complex128": 16, "uint16": 2, "uint32": 4, "uint64": 8,
    "float8_e4m3fn": 1, "float8_e4m3fnuz": 1, "float8_e5m2": 1, "float8_e5m2fnuz": 1, "float8_e8m0fnu": 1,
}  # fmt: skip
STORAGES = {
    "torch.DoubleStorage": "float64", "torch.FloatStorage": "float32", "torch.HalfStorage": "float16",
    "torch.BFloat16Storage": "bfloat16", "torch.LongStorage": "int64", "torch.IntStorage": "int32",
    "torch.ShortStorage": "int16", "torch.CharStorage": "int8", "torch.ByteStorage": "uint8",
    "torch.BoolStorage": "bool", "torch.ComplexFloatStorage": "complex64", "torch.ComplexDoubleStorage": "complex128",
    "torch.storage.UntypedStorage": "uint8",
}  # fmt: skip
TYPES = {f"torch.{dtype}": dtype for dtype in WIDTHS}
TENSORS = {"torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor_v3"}
ELSEWHERE = {"torch._utils._rebuild_parameter", "torch.nn.parameter.Parameter", "torch.Size", "torch.device"}
NAMES = {*STORAGES, *TYPES, *TENSORS, *ELSEWHERE, "collections.OrderedDict"}


class Outline(NamedTuple):
    """A tensor without its values. Shape, stride and offset count elements, as torch does."""

    dtype: str
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int
    storage: str

    @property
    def size(self) -> int:
        """The bytes of its values."""
        return math.prod(self.shape) * WIDTHS[self.dtype]


@dataclass(frozen=True)
class Storage:
    """A record that tensors lie in."""

    dtype: str
    key: str
    start: int
    size: int


def read(path: str) -> dict[str, Any]:
    """The content of a checkpoint with an Outline for each tensor; the values of tensors are not looked at.

    Raises Missing, Unreadable, Foreign, Damaged or Hostile, each one line that says what was found; never runs code.
    """
    found = container.read(path)
    content = found.content("data.pkl")
    try:
        tree = Values(path, ROOM + found.size, NAMES, lambda asked: _storage(found, asked), _called).read(content)
        _kind(path, tree)
        _add_up(found, list(_tensors(tree)))
        if (shards := manifest.of(tree)) is not None:
            manifest.opened({key: value for key, value in tree.items() if key != "shards"}, shards)
    except ValueError as reason:
        raise Hostile(f"{path} is refused: {reason}") from reason
    return tree


def _storage(found: Container, asked: Any) -> Storage:
    match asked:
        case ("storage", Name() as kind, str() as key, str(), int() as count) if kind in STORAGES:
            record = found.records.get(f"data/{key}")
            if record is None or record.size != count * WIDTHS[STORAGES[kind]]:
                raise ValueError(f"storage {key[:20]!r} is not as long as its record")
            return Storage(STORAGES[kind], key, record.start, record.size)
        case _:
            raise ValueError("it asks for a storage in a way that torch.save does not")


def _called(name: Name, arguments: tuple[Any, ...]) -> Any:
    """What a name gives when it is called: it is not called, but known."""
    match arguments:
        case () if name == "collections.OrderedDict":
            return {}
        case (Storage() as storage, offset, tuple(), tuple(), bool(), dict(), *kind) if name in TENSORS:
            if all(isinstance(k, Name) and k in TYPES for k in kind) and len(kind) < 2 and not arguments[5]:  # hooks
                dtype = TYPES[kind[0]] if kind else storage.dtype
                return _inside(storage, Outline(dtype, arguments[2], arguments[3], offset, storage.key))
        case _ if name in ELSEWHERE:
            return name
        case _:
            pass
    raise ValueError(f"it calls {name} in a way that torch.save does not")


def _inside(storage: Storage, tensor: Outline) -> Outline:
    """Refuse a tensor that reaches beyond its storage, or that has more elements than it."""
    width, shape, stride = WIDTHS[tensor.dtype], tensor.shape, tensor.stride
    room, numbers = storage.size // width, (tensor.offset, *shape, *stride)
    if len(shape) != len(stride) or len(shape) > 64 or any(type(n) is not int or not 0 <= n < 1 << 48 for n in numbers):
        raise ValueError("it describes a tensor in a way that torch.save does not")
    end = tensor.offset + (1 + sum((n - 1) * s for n, s in zip(shape, stride, strict=True)) if all(shape) else 0)
    if end > room or math.prod(shape) > room:
        raise ValueError(f"a tensor of shape {str(shape)[:60]} does not lie in its storage {storage.key}")
    if storage.start % min(width, 8):
        raise ValueError(
            f"storage {storage.key} lies where its numbers cannot be read in place: was the file rewritten?"
        )
    return tensor


def _tensors(tree: Any) -> Iterator[Outline]:
    """Every tensor of a tree, which is of plain values else, and not nested without end."""
    levels: list[Iterator[Any]] = [iter((tree,))]
    while levels:
        value = next(levels[-1], levels)
        if value is levels:
            levels.pop()
        elif isinstance(value, Outline):
            yield value
        elif isinstance(value, dict | list | tuple):
            levels.append(iter(cast(Any, value.values() if isinstance(value, dict) else value)))
        elif type(value) not in PLAIN:
            raise ValueError(f"it holds {value if isinstance(value, Name) else 'a storage'}, which is no plain value")
        if len(levels) > DEPTH:
            raise ValueError(f"its values are nested more than {DEPTH} deep")


def _kind(path: str, tree: Any) -> None:
    facts = cast(dict[Any, Any], tree if isinstance(tree, dict) else {})
    if "format" not in facts:
        weights = any(isinstance(v, Outline | Name | dict) for v in facts.values())
        found = "weights of another program, but no run to go on with" if weights else "no state of a run"
        raise Foreign(f"{path} holds {found}; name a checkpoint.pt or a snapshot that this trainer wrote")
    if type(facts["format"]) is not int or facts["format"] > SHARDED:
        raise Foreign(
            f"{path} has format {facts['format']!r:.20}; this version reads up to {SHARDED}: install a newer one"
        )
    if (facts["format"] == SHARDED) != ("shards" in facts):
        raise Damaged(f"{path} is damaged: format {facts['format']}, but {'' if 'shards' in facts else 'no '}shards")
    for name, kind in FACTS.items():
        if type(facts.get(name)) is not kind:
            raise Damaged(f"{path} is damaged: {name} is not {kind.__name__}")
        if kind is int and facts[name] < 0:
            raise Damaged(f"{path} is damaged: {name} is {facts[name]}, less than nought")


def _add_up(found: Container, tensors: list[Outline]) -> None:
    """Every record is a storage that is used, and no value is told of twice: what is read is what the file holds."""
    records = {name.removeprefix("data/"): record for name, record in found.records.items() if name.startswith("data/")}
    if records.keys() != {tensor.storage for tensor in tensors}:
        raise ValueError("it has records that no tensor lies in")
    if sum(tensor.size for tensor in tensors) > sum(record.size for record in records.values()):
        raise ValueError("its tensors overlap")
