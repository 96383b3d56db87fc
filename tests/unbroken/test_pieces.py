"""The same bits on any number of processes"""

from __future__ import annotations

from itertools import pairwise

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from tests.unbroken import worlds
from unbroken import ranks, seeds
from unbroken.pieces import Pieces, Tree
from unbroken.ranks import World
from unbroken.shares import Shares


class Word:
    """A sum that remembers how it was added up."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __add__(self, other: Word) -> Word:
        return Word(f"({self.text}{other.text})")


def test_a_tree_adds_neighbours_and_then_their_sums() -> None:
    assert _total([Word(c) for c in "abcd"]) == "((ab)(cd))"
    assert _total([Word(c) for c in "abcdefg"]) == "(((ab)(cd))((ef)g))"
    assert _total([Word("a")]) == "a"


@given(st.integers(1, 40), st.data())
def test_a_tree_does_not_depend_on_who_holds_the_leaves(pieces: int, data: st.DataObject) -> None:
    whole = _total([Word(f"{i}.") for i in range(pieces)])
    cuts = sorted(data.draw(st.sets(st.integers(1, pieces), max_size=6)) | {0, pieces})
    collected = Tree[Word]()
    for start, stop in pairwise(cuts):
        own = Tree[Word]()
        for number in range(start, stop):
            own.add(0, number, Word(f"{number}."))
        for root in own.roots:
            collected.add(*root)
    assert collected.total().text == whole


def _total(leaves: list[Word]) -> str:
    tree = Tree[Word]()
    for number, leaf in enumerate(leaves):
        tree.add(0, number, leaf)
    return tree.total().text


class Odd(nn.Module):
    """Has BatchNorm, dropout, a parameter that only some pieces use, and one that none does."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.Dropout(0.2), nn.Linear(5, 1))
        self.sometimes, self.never = nn.Parameter(torch.ones(())), nn.Parameter(torch.ones(()))
        self.register_buffer("seen", torch.zeros(7, dtype=torch.int64))
        self.register_buffer("turned", torch.zeros((), dtype=torch.complex64))

    def forward(self, x: Tensor) -> Tensor:
        self.seen += torch.bincount((x[:, 0] > 0).long() + len(x), minlength=7)[:7]
        self.turned = 0.9 * self.turned + 0.1j * x.mean()
        out = self.body(x)
        return out * self.sometimes if x[0, 0] > 0 else out


def data() -> Tensor:
    return torch.linspace(-1, 1, 45, dtype=torch.float32).reshape(15, 3).sin()


def computed(world: World, virtual: int) -> list[Tensor | None]:
    """What a batch of 15 leaves: gradients, then buffers."""
    seeds.sow(7, seeds.For.BIRTH)
    model, shares = Odd(), Shares(16, world.rank, world.size, virtual)
    pieces = Pieces(shares, world)
    pieces.modules.append(model)
    cuts, counts = shares.cut(15), shares.counts(15)
    with seeds.pinned(threads=1):
        for x in pieces.over([data()[cut] for cut in cuts], counts, 15, lambda n: seeds.sow(1, seeds.For.STEP, n)):
            model(x).square().mean().backward()
    return [*(p.grad for p in model.parameters()), *(b.clone() for b in model.buffers())]


def test_any_number_of_processes_leaves_the_same_bits() -> None:
    alone = computed(World(), 6)
    for size in (2, 3, 4, 6):
        worlds.good(size, same_as, alone)


def same_as(alone: list[Tensor | None]) -> None:
    with ranks.joined(60) as world:
        for a, b in zip(alone, computed(world, 6), strict=True):
            assert (a is None and b is None) or (a is not None and b is not None and torch.equal(a, b))


def test_a_parameter_that_no_piece_used_has_no_gradient() -> None:
    assert [grad is None for grad in computed(World(), 4)[:2]] == [False, True]


def test_pieces_add_up_to_the_gradient_of_the_mean_over_the_batch() -> None:
    """Without BatchNorm and dropout, which see pieces, it makes no difference beyond rounding how a batch is cut."""
    torch.random.default_generator.manual_seed(0)
    model, shares = nn.Linear(3, 1).double(), Shares(15, virtual=4)
    pieces, x = Pieces(shares, World()), data().double()
    pieces.modules.append(model)
    model(x).square().mean().backward()
    whole = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    for part in pieces.over([x[cut] for cut in shares.cut(15)], shares.counts(15), 15, lambda piece: None):
        model(part).square().mean().backward()
    for once, twice in zip(whole, model.parameters(), strict=True):
        torch.testing.assert_close(twice.grad, 2 * once, rtol=1e-12, atol=0)  # added to what was there


def test_a_parameter_that_two_models_share_counts_once() -> None:
    encoder, shares = nn.Linear(3, 3).double(), Shares(16, virtual=4)
    pieces, x = Pieces(shares, World()), data().double()
    pieces.modules += [nn.Sequential(encoder, nn.Linear(3, 1).double()), nn.Sequential(encoder)]
    for _ in range(2):  # gradients that are accumulated over batches
        for part in pieces.over([x[cut] for cut in shares.cut(15)], shares.counts(15), 15, lambda piece: None):
            encoder(part).square().mean().backward()
    twice = encoder.weight.grad
    encoder.weight.grad = None
    encoder(x).square().mean().backward()
    assert encoder.weight.grad is not None
    torch.testing.assert_close(twice, 2 * encoder.weight.grad, rtol=1e-12, atol=1e-15)


def test_running_statistics_move_by_the_mean_of_what_the_pieces_saw() -> None:
    norm, shares = nn.BatchNorm1d(3), Shares(15, virtual=5)
    pieces = Pieces(shares, World())
    pieces.modules.append(norm)
    for part in pieces.over([data()[cut] for cut in shares.cut(15)], shares.counts(15), 15, lambda piece: None):
        norm(part)
    torch.testing.assert_close(norm.running_mean, 0.1 * data().mean(0))
    assert norm.num_batches_tracked == 1
