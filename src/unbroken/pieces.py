"""The same bits on any number of processes: the same pieces, summed in the same tree

EasyScale (Li et al., SC 2023) showed the idea: logical workers, whose results do not depend on the machines beneath.
Piece 2i and piece 2i + 1 are added, then these sums in pairs, and so on. Pairs that live in one process are added
there; of what is left, every process gets one slice of each sum from all others, adds them up in the order of the tree,
and tells the result. An element is thus added in the same order wherever its pieces were computed.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any, Generic, Protocol, Self, TypeVar

import torch
from torch import Tensor, nn

from .ranks import World
from .shares import Shares


class Addable(Protocol):
    def __add__(self, other: Self, /) -> Self: ...


T = TypeVar("T", bound=Addable)
P = TypeVar("P", bound=Tensor)


class Tree(Generic[T]):
    """A sum whose pairs are fixed: leaves come in the order of their numbers, and siblings are added when both are
    there. What is left without a sibling is added from the last to the first."""

    def __init__(self) -> None:
        self.roots: list[tuple[int, int, T]] = []

    def add(self, level: int, number: int, value: T) -> None:
        """Add the node of this level and number; its left sibling, if it has one, came right before it."""
        while number % 2 and self.roots and self.roots[-1][:2] == (level, number - 1):
            value = self.roots.pop()[2] + value
            level, number = level + 1, number // 2
        self.roots.append((level, number, value))

    def total(self) -> T:
        *others, (_, _, total) = self.roots
        for _, _, value in reversed(others):
            total = value + total
        return total


class Pieces:
    """Computes this process's pieces of a batch one after another, and leaves the modules as if one process had
    computed them all: with the gradients of the mean over the batch, and with the mean of what the pieces made of the
    buffers (BatchNorm's running statistics), each of which begins with those of the step before.

    A buffer of whole numbers is taken as the last piece of the batch leaves it, whoever computes that.
    """

    def __init__(self, shares: Shares, world: World) -> None:
        self.modules: list[nn.Module] = []
        self.open = False  # a batch's pieces were begun, and not all of them computed
        self._shares, self._world = shares, world

    def over(
        self, batch: Sequence[Any], counts: Sequence[int], samples: int, sow: Callable[[int], None]
    ) -> Generator[Any]:
        """Hand out each piece of a batch to be computed. counts: the samples that each speaks for, of so many; sow is
        called with the number of a piece before it, and with the number of pieces after the last."""
        before, start = [p.grad for p in self._parameters], [b.clone() for b in self._buffers]
        tree, self.open = Tree[_Vector](), True
        for number, piece, count in zip(self._shares.mine, batch, counts, strict=True):
            self._begin(start)
            sow(number)
            yield piece
            tree.add(0, number, self._taken(start, count / samples))
        self._give(_everywhere(tree, self._shares, self._world), before, start)
        sow(self._shares.pieces)
        self.open = False

    @property
    def _parameters(self) -> list[nn.Parameter]:
        return _each(p for module in self.modules for p in module.parameters() if p.requires_grad)

    @property
    def _buffers(self) -> list[Tensor]:
        return _each(buffer for module in self.modules for buffer in module.buffers())

    def _begin(self, start: list[Tensor]) -> None:
        for parameter in self._parameters:
            parameter.grad = None
        for buffer, value in zip(self._buffers, start, strict=True):
            buffer.copy_(value)

    def _taken(self, start: list[Tensor], part: float) -> _Vector:
        """What a piece made: its gradients, which of them there are, and by how much it moved the buffers."""
        grads = [p.grad for p in self._parameters]
        there = torch.tensor([float(grad is not None) for grad in grads])
        weighted = [
            p.new_zeros(p.shape) if g is None else g * part for g, p in zip(grads, self._parameters, strict=True)
        ]
        moved = [(buffer - value) * part for buffer, value in self._real(start)]
        return _Vector([there, *weighted, *moved])

    def _give(self, total: _Vector, before: list[Tensor | None], start: list[Tensor]) -> None:
        there, *tensors = total.tensors
        grads, moved = tensors[: len(before)], tensors[len(before) :]
        for parameter, grad, old, known in zip(self._parameters, grads, before, there, strict=True):
            parameter.grad = old if not known else grad if old is None else old.add_(grad)
        for (buffer, value), move in zip(self._real(start), moved, strict=True):
            buffer.copy_(value + move)
        self._world.follow([b for b in self._buffers if not _can_be_meant(b)], of=self._world.size - 1)

    def _real(self, start: list[Tensor]) -> list[tuple[Tensor, Tensor]]:
        """The buffers of which a mean can be taken, each with what it began with."""
        return [(b, value) for b, value in zip(self._buffers, start, strict=True) if _can_be_meant(b)]


def _can_be_meant(buffer: Tensor) -> bool:
    return buffer.is_floating_point() or buffer.is_complex()


def _each(tensors: Iterable[P]) -> list[P]:
    """Each once: models may share a part."""
    return list({id(tensor): tensor for tensor in tensors}.values())


class _Vector:
    """Several tensors that are added as one; the left one is written over."""

    def __init__(self, tensors: list[Tensor]) -> None:
        self.tensors = tensors

    def __add__(self, other: _Vector) -> _Vector:
        for mine, theirs in zip(self.tensors, other.tensors, strict=True):
            mine.add_(theirs)
        return self


def _everywhere(tree: Tree[_Vector], shares: Shares, world: World) -> _Vector:
    """The sum of all pieces, in every process."""
    if world.size == 1:
        return tree.total()
    mine = [value.tensors for _, _, value in tree.roots]
    total = list(mine[0])
    for kind in {(t.dtype, t.device): None for t in total}:  # those of one kind travel together
        places = [i for i, t in enumerate(total) if (t.dtype, t.device) == kind]
        whole = _summed(torch.stack([torch.cat([root[i].reshape(-1) for i in places]) for root in mine]), shares, world)
        for i in places:
            count = total[i].numel()
            total[i], whole = whole[:count].view(total[i].shape), whole[count:]
    return _Vector(total)


def _summed(rows: Tensor, shares: Shares, world: World) -> Tensor:
    """The sum over the roots of all processes: rows [this process's roots, n] -> [n]."""
    nodes = [_roots(owned) for owned in shares.owners]
    n = rows.shape[1]
    slices = nn.functional.pad(rows, (0, -n % world.size)).view(len(rows), world.size, -1)
    received = world.exchange(slices.transpose(0, 1), [len(each) for each in nodes])
    tree = Tree[Tensor]()
    for (level, number), row in zip((node for each in nodes for node in each), received, strict=True):
        tree.add(level, number, row)
    return world.rows(tree.total()).view(-1)[:n]


def _roots(owned: range) -> list[tuple[int, int]]:
    """Which nodes a process is left with that computes these pieces."""
    tree = Tree[int]()
    for number in owned:
        tree.add(0, number, 0)
    return [(level, number) for level, number, _ in tree.roots]
