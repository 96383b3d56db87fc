"""Where a run stands"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unbroken import Position

counts = st.integers(0, 10**9)
positions = st.builds(Position, counts, counts, counts)


def test_a_run_begins_at_nought() -> None:
    assert Position() == Position(epoch=0, batch=0, step=0)


@given(positions)
def test_a_batch_moves_the_place_in_the_epoch_and_the_step(position: Position) -> None:
    assert position.after_batch() == Position(position.epoch, position.batch + 1, position.step + 1)


@given(positions)
def test_an_epoch_starts_the_batches_anew_and_keeps_the_steps(position: Position) -> None:
    assert position.after_epoch() == Position(position.epoch + 1, 0, position.step)


@given(st.lists(st.integers(1, 20), max_size=10))
def test_steps_are_the_batches_of_all_epochs(batches: list[int]) -> None:
    position = Position()
    for count in batches:
        for _ in range(count):
            position = position.after_batch()
        position = position.after_epoch()
    assert position == Position(len(batches), 0, sum(batches))


@pytest.mark.parametrize("numbers", [(-1, 0, 0), (0, -1, 0), (0, 0, -1)])
def test_no_count_is_negative(numbers: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="negative"):
        Position(*numbers)


def test_a_position_never_changes() -> None:
    with pytest.raises(AttributeError):
        Position().epoch = 1  # pyright: ignore[reportAttributeAccessIssue]
