"""One turn through the feed"""

from typing import Any

from unbroken import Position
from unbroken.epoch import Epoch


class Road:
    """An epoch of three batches, and the seams that it passed."""

    def __init__(self, start: Position = Position(2, 0, 6)) -> None:  # noqa: B008
        self.seams = list[Position]()
        self.ends = list[Position]()
        self.epoch = Epoch(start, 3, self.seams.append, self.fetch, self.ends.append)

    def fetch(self, position: Position) -> Any:
        return "abc"[position.batch]


def test_every_turn_passes_the_seam_also_the_last() -> None:
    road = Road()
    assert list(road.epoch) == ["a", "b", "c"]
    assert road.seams == [Position(2, batch, 6 + batch) for batch in range(4)]
    assert road.ends == [Position(2, 3, 9)]
    assert road.epoch.exhausted


def test_an_epoch_entered_in_the_middle_hands_out_the_rest() -> None:
    assert list(Road(Position(2, 2, 8)).epoch) == ["c"]


def test_the_batch_in_hand_is_not_done() -> None:
    epoch = Road().epoch
    next(epoch)
    assert (epoch.number, epoch.step, epoch.progress) == (2, 6, 2.0)
    next(epoch)
    assert (epoch.number, epoch.step, epoch.progress) == (2, 7, 2 + 1 / 3)


def test_a_break_leaves_a_batch_in_hand_that_counts_once() -> None:
    epoch = Road().epoch
    for _ in epoch:
        break
    assert epoch.settle()
    assert epoch.position == Position(2, 1, 7)
    assert not epoch.settle()
    assert epoch.position == Position(2, 1, 7)
    assert not epoch.exhausted


def test_its_length_is_that_of_a_whole_epoch() -> None:
    assert len(Road(Position(2, 2, 8)).epoch) == 3


def test_it_knows_how_long_it_took() -> None:
    epoch = Road().epoch
    assert 0.0 <= epoch.seconds < 60.0
