"""Host memory that states are copied into at the seam: taken once, used again for every state"""

from __future__ import annotations

from typing import Any

import torch

from . import state


class Buffers:
    """One state's worth of host memory. Fresh memory costs three times the copy itself, page by page; on a GPU only
    pinned memory takes a copy at the bus's full speed."""

    def __init__(self) -> None:
        self._held: dict[str, torch.Tensor] = {}

    def copy(self, tree: state.Tree) -> Any:
        """A copy of a tree that training cannot change; true until the next call, which writes over it."""
        before, self._held = self._held, {}

        def into(tensor: torch.Tensor, path: str) -> torch.Tensor:
            self._held[path] = _fitting(before.pop(path, None), tensor)
            return self._held[path].copy_(tensor.detach(), non_blocking=tensor.is_cuda)

        copied = state.snapshot(tree, into)
        if torch.cuda.is_initialized():
            torch.cuda.synchronize()  # pinned memory is filled behind our back
        return copied


def _fitting(held: torch.Tensor | None, tensor: torch.Tensor) -> torch.Tensor:
    if held is not None and held.dtype == tensor.dtype and held.shape == tensor.shape:
        return held
    return torch.empty_like(tensor, device="cpu", pin_memory=tensor.is_cuda, requires_grad=False)
