"""What the lead tells all others: plain values pickled, and the tensors beside them without a copy"""

from __future__ import annotations

import io
import pickle
from typing import Any

import torch
from torch import distributed

from .errors import Stopped

dist: Any = distributed  # most of it is not typed
CHUNK = 1 << 24  # bytes that are sent together


def tell(value: Any, failed: int | None) -> None:
    """In the lead: tell a value, or the exit code with which all are to leave."""
    tensors: list[torch.Tensor] = []
    file = io.BytesIO()
    _Sender(file, tensors).dump(value)
    dist.broadcast_object_list([failed, file.getvalue(), [(t.dtype, t.shape) for t in tensors]], 0)
    _send([flat(t.contiguous()) for t in tensors])


def heard() -> Any:
    """In the others: what the lead tells. Raises Stopped where it failed."""
    told: list[Any] = [None] * 3
    dist.broadcast_object_list(told, 0)
    failed, words, heads = told
    if failed is not None:
        raise Stopped(failed)
    tensors = [torch.empty(shape, dtype=dtype) for dtype, shape in heads]
    _send([flat(t) for t in tensors])
    return _Receiver(io.BytesIO(words), tensors).load()


def _send(pieces: list[torch.Tensor]) -> None:
    """Bytes from the lead to all others; small pieces travel together."""
    while pieces:
        group = [pieces.pop(0)]
        while pieces and sum(map(len, group)) + len(pieces[0]) <= CHUNK:
            group.append(pieces.pop(0))
        whole = group[0] if len(group) == 1 else torch.cat(group)
        if len(whole):
            dist.broadcast(whole, 0)
        if len(group) > 1:
            for piece in group:
                piece.copy_(whole[: len(piece)])
                whole = whole[len(piece) :]


def flat(tensor: torch.Tensor) -> torch.Tensor:
    """The same memory, flat."""
    return tensor.reshape(-1).view(torch.uint8)


class _Sender(pickle.Pickler):
    """Leaves the tensors out, which travel beside it without a copy."""

    def __init__(self, file: io.BytesIO, tensors: list[torch.Tensor]) -> None:
        super().__init__(file)
        self._tensors = tensors

    def persistent_id(self, obj: Any) -> int | None:
        if not isinstance(obj, torch.Tensor):
            return None
        self._tensors.append(obj)
        return len(self._tensors) - 1


class _Receiver(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, tensors: list[torch.Tensor]) -> None:
        super().__init__(file)
        self._tensors = tensors

    def persistent_load(self, pid: int) -> torch.Tensor:
        return self._tensors[pid]
