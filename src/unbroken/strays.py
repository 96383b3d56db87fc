"""Tensors of kept modules that are in no state: named when they change, because they do not survive

A buffer with persistent=False, a tensor in a plain attribute, a parameter or a module in a plain list: no state dict
holds them. Most are tables that a fresh start builds alike; one that training changes is lost when the run is resumed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, cast
from weakref import ReferenceType, ref

import torch
from torch.nn import Module

REGISTERED = {"_parameters", "_buffers", "_modules"}  # where a module keeps what it was given to register


class Strays:
    """Looks at the strays of kept parts now and then. What appears is noted, and counts as changed only when it
    changes once more: a table may well be built by the first batch."""

    def __init__(self, parts: Mapping[str, object]) -> None:
        self._parts = parts
        self._told: set[str] = set()
        self._seen = self._look()

    def changed(self) -> list[str]:
        """The paths of those that changed since the last look; none is named twice."""
        before, self._seen = self._seen, self._look()
        moved = (path for path, mark in self._seen.items() if path in before and not mark.equals(before[path]))
        names = [path for path in moved if path not in self._told]
        self._told |= {*names}
        return names

    def warnings(self) -> list[str]:
        """What to say of those that changed since the last look."""
        lost = "but no state holds it: a resumed run begins with a fresh one (register it as a buffer, or keep it)"
        return [f"Warning: {path} changes in training, {lost}" for path in self.changed()]

    def _look(self) -> dict[str, _Mark]:
        return {path: _Mark(ref(tensor), _version(tensor)) for path, tensor in strays(self._parts).items()}


def strays(parts: Mapping[str, object]) -> dict[str, torch.Tensor]:
    """Every tensor in a kept module that no kept module's state holds, by its path ("model.rope.table").

    Looked for in buffers, in plain attributes, and in lists and dicts that are attributes, one level deep.
    """
    modules = {name: part for name, part in parts.items() if isinstance(part, Module)}
    held = {id(tensor) for module in modules.values() for tensor in _held(module)}
    found = (pair for name, module in modules.items() for pair in _loose(name, module))
    # What hangs on a graph is a result of this batch: the next one computes it anew.
    return {path: tensor for path, tensor in found if id(tensor) not in held and tensor.grad_fn is None}


class _Mark(NamedTuple):
    """Tells whether a tensor is the same object with the same content, without a copy and without keeping it alive."""

    tensor: ReferenceType[torch.Tensor]
    version: int

    def equals(self, other: _Mark) -> bool:
        return self.tensor() is other.tensor() and self.version == other.version


def _version(tensor: torch.Tensor) -> int:
    """How often it was changed in place; torch does not count for tensors made in inference mode."""
    return 0 if tensor.is_inference() else tensor._version  # pyright: ignore[reportPrivateUsage]


def _held(module: Module) -> Iterator[torch.Tensor]:
    yield from module.parameters()
    for inner in module.modules():
        lost = _not_persistent(inner)
        yield from (buffer for name, buffer in inner.named_buffers(recurse=False) if name not in lost)


def _loose(part: str, module: Module) -> Iterator[tuple[str, torch.Tensor]]:
    modules: Iterator[tuple[str, Module]] = cast(Any, module).named_modules(prefix=part)
    for prefix, inner in modules:
        if _speaks_for_itself(inner):
            continue
        lost = _not_persistent(inner)
        yield from ((f"{prefix}.{name}", b) for name, b in inner.named_buffers(recurse=False) if name in lost)
        for name, value in vars(inner).items():
            if name not in REGISTERED:
                yield from _inside(f"{prefix}.{name}", value)


def _inside(path: str, value: Any) -> Iterator[tuple[str, torch.Tensor]]:
    yield from _tensors(path, value)
    if isinstance(value, dict):
        for key, one in cast(dict[Any, Any], value).items():
            yield from _tensors(f"{path}[{key!r}]", one)
    elif isinstance(value, list | tuple):
        for place, one in enumerate(cast(list[Any], value)):
            yield from _tensors(f"{path}[{place}]", one)


def _tensors(path: str, value: Any) -> Iterator[tuple[str, torch.Tensor]]:
    if isinstance(value, torch.Tensor):
        yield path, value
    elif isinstance(value, Module):  # one that its owner did not register
        yield from value.named_parameters(prefix=path)
        yield from value.named_buffers(prefix=path)


def _speaks_for_itself(module: Module) -> bool:
    """Whether a module writes a state of its own, which may well hold its plain attributes."""
    kind = type(module)
    return kind.state_dict is not Module.state_dict or kind.get_extra_state is not Module.get_extra_state


def _not_persistent(module: Module) -> set[str]:
    return vars(module)["_non_persistent_buffers_set"]  # torch has no public word for it
