"""How a global batch is cut"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unbroken.errors import Misuse
from unbroken.shares import Shares


@st.composite
def worlds(draw: st.DrawFn) -> tuple[int, int, int, int]:
    """Batch size, processes, virtual ranks, samples in a batch."""
    batch_size = draw(st.integers(1, 40))
    virtual = draw(st.integers(0, batch_size))
    size = draw(st.integers(1, virtual or batch_size))
    return batch_size, size, virtual, draw(st.integers(1, batch_size))


@given(worlds())
def test_the_pieces_of_all_processes_are_the_batch_in_its_order(world: tuple[int, int, int, int]) -> None:
    batch_size, size, virtual, samples = world
    taken: list[int] = []
    for shares in (Shares(batch_size, rank, size, virtual) for rank in range(size)):
        for piece, count in zip(shares.cut(samples), shares.counts(samples), strict=True):
            taken += range(samples)[piece] if count else []
            assert count in (0, len(range(samples)[piece]))
    assert taken == list(range(samples))


@given(worlds())
def test_every_process_has_something_to_compute_and_pieces_differ_by_one_sample(
    world: tuple[int, int, int, int],
) -> None:
    batch_size, size, virtual, samples = world
    every = [Shares(batch_size, rank, size, virtual) for rank in range(size)]
    assert all(range(samples)[piece] for shares in every for piece in shares.cut(samples))
    counts = [count for shares in every for count in shares.counts(samples) if count]
    assert max(counts) - min(counts) <= 1


@given(worlds())
def test_no_piece_is_smaller_than_two_samples_where_those_of_a_whole_batch_are_not(
    world: tuple[int, int, int, int],
) -> None:
    """A last batch of three on two processes: BatchNorm could not measure a piece of one."""
    batch_size, size, virtual, samples = world
    shares = Shares(batch_size, 0, size, virtual)
    if batch_size >= 2 * shares.pieces and samples >= 2:
        assert all(len(range(samples)[piece]) >= 2 for piece in shares.cut(samples))


@given(worlds())
def test_with_virtual_ranks_the_pieces_do_not_depend_on_the_processes(world: tuple[int, int, int, int]) -> None:
    batch_size, size, virtual, samples = world
    if virtual:
        pieces = [piece for rank in range(size) for piece in Shares(batch_size, rank, size, virtual).cut(samples)]
        assert pieces == Shares(batch_size, 0, 1, virtual).cut(samples)


def test_a_batch_that_is_too_small_is_refused_with_what_would_do() -> None:
    with pytest.raises(Misuse, match="4 samples cannot be cut into 5 pieces: take a larger batch, or at most 4"):
        Shares(4, size=5)
    with pytest.raises(Misuse, match="3 processes for 2 virtual ranks: take at most 2 processes"):
        Shares(8, size=3, virtual=2)
