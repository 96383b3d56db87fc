"""A model that processes hold by parts: fully_shard, with the gradients of the global batch's mean"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import nn
from torch.distributed.fsdp import FSDPModule, fully_shard

from .errors import Misuse
from .parallel import Share
from .ranks import World


def sharded(module: nn.Module, world: World, share: Share, options: dict[str, Any]) -> nn.Module:
    """The module itself, its parameters shared out among all processes. Raises Misuse for a mesh of one's own."""
    if "mesh" in options:
        raise Misuse("parallel(shard=True, mesh=…): a run shards over all its processes; leave the mesh to it")
    fully_shard(module, mesh=world.mesh, **options)
    cast(FSDPModule, module).set_custom_reduce_scatter(cast(Any, _Reduced(world, share)))
    return module


class _Reduced:
    """Adds up the gradients of all processes, each weighted by its part of the samples, in the order of the processes:
    their own mean would let a process with fewer samples count as much as the others, and no order is promised by the
    collective that does it."""

    def __init__(self, world: World, share: Share) -> None:
        self._world, self._share = world, share

    def allocate(self, size: Sequence[int], *, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
        return torch.empty(*size, dtype=dtype, device=device)

    def __call__(
        self, output_tensor: torch.Tensor, input_tensor: torch.Tensor, group: Any, op: Any, async_op: bool = False
    ) -> None:
        size = self._world.size
        rows = input_tensor.mul_(self._share.weight / size).view(size, 1, -1)
        first, *others = self._world.exchange(rows, [1] * size)
        output_tensor.copy_(first)
        for row in others:
            output_tensor.add_(row)
