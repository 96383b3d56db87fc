"""The state of a run as a tree of plain values: gather, copy, restore, digest, compare

A tree is a dict, list or tuple of trees, or a leaf: tensor, bool, int, float, str or None. That is what torch reads
back with weights_only=True, what a digest can be taken of, and what two runs can be compared by.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol, cast, runtime_checkable

import torch

from .errors import Mismatch, Misuse

Tree = Any
SCALARS = (bool, int, float, str, type(None))


@runtime_checkable
class Stateful(Protocol):
    """Whatever can be kept: modules, optimizers, schedulers, scalers, and your own class with these two."""

    def state_dict(self) -> Any: ...
    def load_state_dict(self, state_dict: Any) -> Any: ...


class Gradients:
    """The gradients of a module between two steps of its optimizer: keep them when gradients are accumulated over
    batches, because a run may stop between two of those."""

    def __init__(self, module: torch.nn.Module) -> None:
        self.module = module

    def state_dict(self) -> dict[str, torch.Tensor | None]:
        return {name: parameter.grad for name, parameter in self.module.named_parameters()}

    def load_state_dict(self, state_dict: Mapping[str, torch.Tensor | None]) -> None:
        for name, parameter in self.module.named_parameters():
            grad = state_dict[name]
            parameter.grad = None if grad is None else grad.to(parameter.device, copy=True)


def check(name: str, part: object) -> Stateful:
    """Refuse what cannot be kept, by name."""
    if not isinstance(part, Stateful):
        raise Misuse(
            f"keep({name}=…): {type(part).__name__} has no state_dict() and load_state_dict(); "
            "give it both, or wrap it in a class that has"
        )
    return part


def snapshot(tree: Tree, path: str = "") -> Tree:
    """A copy in host memory that later training cannot change, of plain values only."""
    if isinstance(tree, torch.Tensor):
        return tree.detach().to("cpu", copy=True)
    if isinstance(tree, Mapping):
        items = cast(Mapping[Any, Any], tree).items()
        return {_plain_key(k, path): snapshot(v, f"{path}.{k}") for k, v in items}
    if type(tree) in (list, tuple):  # no named tuples: torch would not read their class back
        values = cast(list[Any], tree)
        return type(values)(snapshot(v, f"{path}.{i}") for i, v in enumerate(values))
    if type(tree) in SCALARS:
        return tree
    raise Misuse(
        f"{path.lstrip('.')} is a {_kind(tree)}: a state is made of tensors, numbers, "
        "strings, lists and dicts; convert it in state_dict()"
    )


def restore(name: str, part: Stateful, saved: Tree) -> None:
    """Give a part its saved state, then look whether it took all of it.

    Raises Mismatch with the part's own complaint, or with the first leaf that came out different.
    """
    try:
        part.load_state_dict(snapshot(saved))  # a copy: optimizers adopt the tensors they are given
    except (RuntimeError, ValueError, KeyError, TypeError) as complaint:
        raise Mismatch(f"{name} does not fit the saved state: {_one_line(complaint)}") from complaint
    taken = snapshot(part.state_dict())
    if (leaf := difference(saved, taken)) is not None:
        raise Mismatch(f"{name} did not take back {name}{leaf}: it would go on as another run")


def leaves(tree: Tree, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf with its path, in a fixed order; containers announce themselves, so that empty ones count."""
    if isinstance(tree, dict):
        items = cast(dict[Any, Any], tree)
        yield path, Container("dict", len(items))
        for k in sorted(items, key=lambda k: (type(k).__name__, k)):
            yield from leaves(items[k], _step(path, k))
    elif isinstance(tree, list | tuple):
        values = cast(list[Any], tree)
        yield path, Container(type(values).__name__, len(values))
        for i, value in enumerate(values):
            yield from leaves(value, _step(path, i))
    else:
        yield path, tree


class Container(NamedTuple):
    """Stands for a dict, list or tuple among its leaves."""

    kind: str
    length: int


def digest(tree: Tree) -> str:
    """SHA-256 over every path, type, shape and bit of a tree; two trees share it only when nothing differs."""
    total = hashlib.sha256()
    for path, leaf in leaves(tree):
        _add(total.update, path.encode())
        for piece in _bytes(leaf):
            _add(total.update, piece)
    return total.hexdigest()


def difference(a: Tree, b: Tree) -> str | None:
    """The path of the first leaf in which two trees differ by a bit, or None."""
    ours, theirs = dict(leaves(a)), dict(leaves(b))
    for path in [*ours, *(p for p in theirs if p not in ours)]:
        if path not in ours or path not in theirs or not same(ours[path], theirs[path]):
            return path
    return None


def same(a: Any, b: Any) -> bool:
    """Whether two leaves are equal bit by bit: NaN equals NaN, 0.0 differs from -0.0, 1 differs from 1.0."""
    return [bytes(p) for p in _bytes(a)] == [bytes(p) for p in _bytes(b)]


def _bytes(leaf: Any) -> Iterator[bytes | memoryview]:
    if isinstance(leaf, torch.Tensor):
        yield f"tensor {leaf.dtype} {tuple(leaf.shape)}".encode()
        flat = leaf.detach().to("cpu").contiguous().reshape(-1)
        yield flat.view(torch.uint8).numpy().data
    elif type(leaf) is float:
        yield b"float" + struct.pack("<d", leaf)
    else:
        yield f"{type(leaf).__name__} {leaf}".encode()


def _step(path: str, key: Any) -> str:
    """One step down: `.name`, or `['1.weight']` and `[0]` where a dot or a number would be read in two ways."""
    return f"{path}.{key}" if isinstance(key, str) and key.isidentifier() else f"{path}[{key!r}]"


def _add(update: Callable[[bytes | memoryview], None], piece: bytes | memoryview) -> None:
    update(struct.pack("<q", len(piece)))  # its length first: "ab" + "c" is not "a" + "bc"
    update(piece)


def _plain_key(key: Any, path: str) -> str | int:
    if type(key) in (str, int):
        return key
    raise Misuse(f"{path.lstrip('.')} has the key {key!r}: keys of a state are strings or integers")


def _kind(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__name__}"


def _one_line(complaint: BaseException) -> str:
    lines = [line.strip() for line in str(complaint).splitlines() if line.strip()]
    return " ".join(lines[:3])[:400]
