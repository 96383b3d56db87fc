"""The state of a run as a tree of plain values: gather, copy, restore, digest, compare

A tree is a dict, list or tuple of trees, or a leaf: tensor, bool, int, float, str or None. That is what torch reads
back with weights_only=True, what a digest can be taken of, and what two runs can be compared by.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple, Protocol, cast, runtime_checkable

import torch

from .errors import Mismatch, Misuse

Tree = Any
SCALARS = (bool, int, float, str, type(None))
PIECE = 1 << 24  # bytes of a tensor that are hashed together; part of the format
WORTH_A_THREAD = 1 << 20  # bytes; handing over less costs more than hashing it
THREADS = min(4, os.cpu_count() or 1)


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


def fresh(tensor: torch.Tensor, path: str) -> torch.Tensor:
    """A copy in host memory of its own; slices that were read from shards are nobody else's already."""
    return tensor if local(tensor) is not tensor else tensor.detach().to("cpu", copy=True)


def local(tensor: torch.Tensor) -> torch.Tensor:
    """This process's slice of a tensor that several processes share out; any other tensor as it is."""
    return cast(Any, tensor).to_local() if hasattr(tensor, "to_local") else tensor


def is_sharded(part: Stateful) -> bool:
    """Whether several processes share out a tensor of this part."""
    groups = getattr(part, "param_groups", [])
    owned = [*(p for group in groups for p in group["params"]), *(leaf for _, leaf in leaves(part.state_dict()))]
    return any(isinstance(tensor, torch.Tensor) and local(tensor) is not tensor for tensor in owned)


def snapshot(tree: Tree, copy: Callable[[torch.Tensor, str], torch.Tensor] = fresh, path: str = "") -> Tree:
    """A copy in host memory that later training cannot change, of plain values only; `copy` makes that of a tensor."""
    if isinstance(tree, torch.Tensor):
        if tree.layout != torch.strided or tree.is_quantized or tree.is_meta:
            raise Misuse(
                f"{path.lstrip('.')} is a tensor that is sparse, quantized or without content: save a dense one"
            )
        return copy(tree, path)
    if isinstance(tree, Mapping):
        items = cast(Mapping[Any, Any], tree).items()
        return {_plain_key(k, path): snapshot(v, copy, f"{path}.{k}") for k, v in items}
    if type(tree) in (list, tuple):  # no named tuples: torch would not read their class back
        values = cast(list[Any], tree)
        return type(values)(snapshot(v, copy, f"{path}.{i}") for i, v in enumerate(values))
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
    except (RuntimeError, ValueError, LookupError, TypeError, AttributeError) as complaint:
        raise Mismatch(f"{name} does not fit the saved state: {_one_line(complaint)}") from complaint
    given, taken = (snapshot(tree, lambda tensor, path: local(tensor)) for tree in (saved, part.state_dict()))
    if (leaf := difference(given, taken)) is not None:  # looked at here, and not copied
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
    """SHA-256 over every path, type, shape and bit of a tree; two trees share it only when nothing differs.

    A tensor counts by the SHA-256s of its pieces of 16 MiB, which several threads take: its bits are most of the work.
    """
    total = hashlib.sha256()
    with ThreadPoolExecutor(THREADS) as pool:
        walk = [(path, leaf, _hashed(leaf, pool)) for path, leaf in leaves(tree)]
        for path, leaf, hashes in walk:
            for word in (
                path.encode(),
                _head(leaf),
                b"".join(h if isinstance(h, bytes) else h.result() for h in hashes),
            ):
                total.update(struct.pack("<q", len(word)))  # its length first: "ab" + "c" is not "a" + "bc"
                total.update(word)
    return total.hexdigest()


def weighed(tree: Tree) -> list[Any]:
    """A number for each leaf, which two trees hardly share unless nothing differs: quick, also in a GPU. None for
    tensors of which a process holds a part."""
    return [_weight(leaf) if isinstance(leaf, torch.Tensor) else repr(leaf) for _, leaf in leaves(tree)]


def _weight(tensor: torch.Tensor) -> int | None:
    if tensor.is_meta or tensor.layout != torch.strided or local(tensor) is not tensor:
        return None
    plain = tensor.detach().resolve_conj().resolve_neg().contiguous().reshape(-1)
    words: Any = plain.view(torch.uint8 if plain.element_size() < 4 else torch.int32)
    return int(words.sum(dtype=torch.int64))


def difference(a: Tree, b: Tree) -> str | None:
    """The path of the first leaf in which two trees differ by a bit, or None."""
    ours, theirs = dict(leaves(a)), dict(leaves(b))
    for path in [*ours, *(p for p in theirs if p not in ours)]:
        if path not in ours or path not in theirs or not same(ours[path], theirs[path]):
            return path
    return None


def same(a: Any, b: Any) -> bool:
    """Whether two leaves are equal bit by bit: NaN equals NaN, 0.0 differs from -0.0, 1 differs from 1.0."""
    if _head(a) != _head(b):
        return False
    return not isinstance(a, torch.Tensor) or torch.equal(_bits(a), _bits(b))


def _head(leaf: Any) -> bytes:
    """A leaf's type and value; of a tensor, its type and shape."""
    if isinstance(leaf, torch.Tensor):
        return f"tensor {leaf.dtype} {tuple(leaf.shape)}".encode()
    if type(leaf) is float:
        return b"float" + struct.pack("<d", leaf)
    return f"{type(leaf).__name__} {leaf}".encode()


def _hashed(leaf: Any, pool: ThreadPoolExecutor) -> list[bytes | Future[bytes]]:
    """The hashes of a leaf's pieces, those of larger tensors under way; nothing where the head says it all."""
    if not isinstance(leaf, torch.Tensor):
        return []
    if leaf.numel() * leaf.element_size() < WORTH_A_THREAD:
        return [_hashes(leaf)]
    if leaf.is_contiguous():
        return [pool.submit(_hashes, piece) for piece in _pieces(leaf)]
    return [pool.submit(_hashes, leaf)]  # makes a contiguous copy: only where it is hashed, and one at a time


def _hashes(tensor: torch.Tensor) -> bytes:
    return b"".join(hashlib.sha256(piece.numpy().data).digest() for piece in _pieces(tensor))


def _pieces(tensor: torch.Tensor) -> list[torch.Tensor]:
    bits = _bits(tensor)
    return [bits[i : i + PIECE] for i in range(0, bits.numel(), PIECE)]


def _bits(tensor: torch.Tensor) -> torch.Tensor:
    """The bytes of a tensor in the order of its indices, flat."""
    plain = tensor.detach().to("cpu").resolve_conj().resolve_neg()  # a conjugate is a note on the numbers, until here
    return plain.contiguous().reshape(-1).view(torch.uint8)


def _step(path: str, key: Any) -> str:
    """One step down: `.name`, or `['1.weight']` and `[0]` where a dot or a number would be read in two ways."""
    return f"{path}.{key}" if isinstance(key, str) and key.isidentifier() else f"{path}[{key!r}]"


def _plain_key(key: Any, path: str) -> str | int:
    if type(key) in (str, int):
        return key
    raise Misuse(f"{path.lstrip('.')} has the key {key!r}: keys of a state are strings or integers")


def _kind(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__name__}"


def _one_line(complaint: BaseException) -> str:
    lines = [line.strip() for line in str(complaint).splitlines() if line.strip()]
    return " ".join(lines[:3])[:400]
