"""A model that several processes train together, with the same bits after every start"""

import inspect
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from .errors import Misuse

_names = ("forward_sync_buffers", "broadcast_buffers")  # the second is the name before torch 2.13
SYNC = [name for name in _names if name in inspect.signature(DistributedDataParallel).parameters]


class Share:
    """What this process's gradients count in DDP's mean over all: its part of the samples times the number of them."""

    weight = 1.0

    def scaled(self, grad: Tensor) -> Tensor:
        return grad if self.weight == 1.0 else grad * self.weight


def wrapped(
    model: nn.Module, share: Share, options: dict[str, Any], level: Callable[[], object]
) -> DistributedDataParallel:
    """The model in DistributedDataParallel with these options; its gradients are those of the mean over the global
    batch, also where shares differ in size. level: gives its buffers the lead's content.

    Raises Misuse for `static_graph`.
    """
    if options.get("static_graph"):
        raise Misuse("parallel(static_graph=True): its first backward pass decides about all others, and is not yours")
    device = next(model.parameters()).device
    where = {"device_ids": [device.index]} if device.type == "cuda" else {}
    wanted = [options.pop(name, None) for name in SYNC]
    given: Any = {**where, **options, SYNC[0]: False}
    parallel: Any = DistributedDataParallel(model, **given)
    if False not in wanted:
        # Right after forward, not before the next one: an average that is taken in between is the same everywhere.
        parallel.register_forward_hook(partial(_levelled, level))
    trained: Any = _trained(model)
    for parameter in trained:
        parameter.register_hook(share.scaled)
    _settle(parallel, model)
    return parallel


def _levelled(level: Callable[[], object], parallel: nn.Module, *forward: Any) -> None:
    if parallel.training:
        level()


def bare(part: object) -> object:
    """The module that was wrapped; anything else as it is."""
    whole: Any = part
    return whole.module if isinstance(part, DistributedDataParallel) else part


def _settle(parallel: DistributedDataParallel, model: nn.Module) -> None:
    """Let it build its final buckets now. It rebuilds them after its first backward pass, in the order in which
    gradients came, and from three processes on that changes the order of their sums: a resumed run would differ in its
    first step. So the first pass is one of our own, whose order is that of the parameters in every session."""
    trained = _trained(model)
    with _forward(model, lambda: torch.stack([p.abs().sum().float() for p in trained]).sum()):
        for _ in range(2):  # the second one's beginning is when they are rebuilt
            parallel().backward()
    for parameter in trained:
        parameter.grad = None


def _trained(model: nn.Module) -> list[nn.Parameter]:
    return [p for p in model.parameters() if p.requires_grad]


@contextmanager
def _forward(module: nn.Module, act: Callable[[], Tensor]) -> Generator[None]:
    """Let a module do something else when it is called."""
    own = vars(module).get("forward")
    module.forward = act
    try:
        yield
    finally:
        del module.forward
        if own is not None:
            module.forward = own
