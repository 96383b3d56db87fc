"""A model that several processes train together: DistributedDataParallel, with the same bits after every start"""

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from .errors import Misuse


class Share:
    """The part of the global batch that this process computes: what its gradients count."""

    part = 1.0


def wrapped(model: nn.Module, share: Share, options: dict[str, Any]) -> DistributedDataParallel:
    """The model in DistributedDataParallel with these options; its gradients are those of the mean over the global
    batch, also where shares differ in size. Raises Misuse for `static_graph`."""
    if options.get("static_graph"):
        raise Misuse("parallel(static_graph=True): its first backward pass decides about all others, and is not yours")
    device = next(model.parameters()).device
    ids = [device.index] if device.type == "cuda" else None
    parallel = DistributedDataParallel(model, **{"device_ids": ids, **options})
    parallel.register_comm_hook(share, _reduced)
    _settle(parallel)
    return parallel


def bare(part: object) -> object:
    """The module that was wrapped; anything else as it is."""
    return part.module if isinstance(part, DistributedDataParallel) else part


def buffers(parts: Iterable[object]) -> list[torch.Tensor]:
    """The buffers of the modules among these, such as BatchNorm's running statistics."""
    return [buffer for part in parts if isinstance(part, nn.Module) for buffer in part.buffers()]


def _reduced(share: Share, bucket: dist.GradBucket) -> torch.futures.Future[torch.Tensor]:
    """Add up the gradients of a bucket, each weighted by its process's part of the samples."""
    work: Any = dist.all_reduce(bucket.buffer().mul_(share.part), async_op=True)
    return work.get_future().then(lambda done: done.value()[0])


def _settle(parallel: DistributedDataParallel) -> None:
    """Let it build its final buckets now. It rebuilds them after its first backward pass, in the order in which
    gradients came, and from three processes on that changes the order of their sums: a resumed run would differ in its
    first step. So the first pass is one of our own, whose order is that of the parameters in every session."""
    trained = [p for p in parallel.module.parameters() if p.requires_grad]
    with _forward(parallel.module, lambda: torch.stack([p.abs().sum().float() for p in trained]).sum()):
        for _ in range(2):  # the second one's beginning is when they are rebuilt
            parallel().backward()
    for parameter in trained:
        parameter.grad = None


@contextmanager
def _forward(module: nn.Module, act: Callable[[], torch.Tensor]) -> Generator[None]:
    """Let a module do something else when it is called."""
    own = vars(module).get("forward")
    module.forward = act
    try:
        yield
    finally:
        del module.forward
        if own is not None:
            module.forward = own
