"""A tree's sharded tensors: slices taken out of it, and put back where they belong in live parts"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch.distributed import tensor as distributed
from torch.distributed.tensor import DTensor, Replicate, Shard

from .errors import Misuse
from .manifest import Absent, At, walked
from .state import Gradients, Tree

dtensors: Any = distributed  # most of it is not typed


@dataclass(frozen=True)
class Slice:
    """What this process has of a sharded tensor, and where in the whole of it that begins."""

    whole: Absent
    offsets: tuple[int, ...]
    values: torch.Tensor


def parted(tree: Tree, rank: int, size: int) -> tuple[Tree, dict[str, Slice]]:
    """A tree without its sharded tensors, and this process's slices of them by name.

    Raises Misuse for a tensor that is shared out in another way than run.parallel(shard=True) does it.
    """
    slices: dict[str, Slice] = {}

    def leaf(value: Any, at: At) -> Any:
        if not isinstance(value, DTensor):
            return value
        found = _slice(value, at, rank, size)
        if found.whole.name in slices:
            raise Misuse(f"{found.whole.name} names two sharded tensors of what is kept: take a name without dots")
        slices[found.whole.name] = found
        return None

    return walked(tree, leaf), slices


def filled(saved: Tree, part: object, read: Callable[[dict[str, torch.Tensor]], None]) -> Tree:
    """A part's saved state as the part wants it: what lies in shards read, in slices where it is sharded, else whole;
    and of whole tensors the slices where it is sharded.

    read: fills tensors that are given to it by their names in the shards, of sharded ones the slices.
    """
    live, wanted = _Live(part), dict[str, torch.Tensor]()

    def leaf(value: Any, at: At) -> Any:
        if isinstance(value, Absent):
            wanted[value.name] = room = live.room(value, at)
            return room
        return live.cut(value, at) if isinstance(value, torch.Tensor) else value

    tree = walked(saved, leaf)
    read(wanted)
    return tree


def begins(length: int, rank: int, size: int) -> int:
    """Where a process's slice begins of so many rows: all slices are as long as the first, until none is left."""
    return min(rank * -(-length // size), length)


def _slice(tensor: Any, at: At, rank: int, size: int) -> Slice:
    name, shape = ".".join(map(str, at)), tuple(tensor.shape)
    placement = tensor.placements[0]
    if tensor.device_mesh.ndim != 1 or tensor.device_mesh.size() != size or type(placement) not in (Shard, Replicate):
        raise Misuse(f"{name} is shared out in another way than run.parallel(model, shard=True) does it")
    dim: int | None = cast(Any, placement).dim if isinstance(placement, Shard) else None
    whole = Absent(name, at, str(tensor.dtype).removeprefix("torch."), shape, dim)
    values = tensor.detach().to_local()
    if dim is None:  # the same everywhere: one process speaks for all
        return Slice(whole, (0,) * len(shape), values if rank == 0 else values.new_empty(0))
    offsets = tuple(begins(n, rank, size) if d == dim else 0 for d, n in enumerate(shape))
    if values.shape[dim] != begins(shape[dim], rank + 1, size) - offsets[dim]:
        raise Misuse(f"{name} is cut in other places than run.parallel(model, shard=True) cuts it")
    return Slice(whole, offsets, values)


class _Live:
    """What a part has at the places of a saved state."""

    def __init__(self, part: object) -> None:
        self._leaves, self._named, self._numbered = dict[At, Any](), dict[str, Any](), list[Any]()
        if part is None:
            return
        walked(cast(Any, part).state_dict(), lambda value, at: self._leaves.update({at: value}))
        if isinstance(part, Gradients):
            self._named = dict(part.module.named_parameters())
        groups = getattr(part, "param_groups", [])
        self._numbered = [parameter for group in groups for parameter in group["params"]]

    def room(self, absent: Absent, at: At) -> torch.Tensor:
        """An empty tensor for one that lies in shards, slices of it where the part is sharded there."""
        like, dtype = self._like(at), getattr(torch, absent.dtype)
        if not isinstance(like, DTensor):
            return torch.empty(absent.shape, dtype=dtype)
        same = tuple(like.shape) == absent.shape
        dim = absent.dim
        placements = list(like.placements) if same else [Replicate() if dim is None else Shard(dim)]
        return dtensors.empty(absent.shape, dtype=dtype, device_mesh=like.device_mesh, placements=placements)

    def cut(self, tensor: torch.Tensor, at: At) -> torch.Tensor:
        """This process's slices of a whole tensor where the part is sharded there; else the tensor."""
        like = self._like(at)
        if not isinstance(like, DTensor) or like.shape != tensor.shape:
            return tensor
        mesh = like.device_mesh
        here = tensor.to(mesh.device_type)
        return dtensors.distribute_tensor(here, mesh, list(like.placements), src_data_rank=None).clone()

    def _like(self, at: At) -> Any:
        """The live tensor at a place, or the parameter that it belongs to."""
        if isinstance(found := self._leaves.get(at), torch.Tensor):
            return found
        match at:
            case ("state", int() as number, *_) if number < len(self._numbered):
                return self._numbered[number]
            case (str() as name,) if name in self._named:
                return self._named[name]
            case _:
                return None
