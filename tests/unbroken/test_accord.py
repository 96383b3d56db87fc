"""What all processes do at the same seam"""

import time

from tests.unbroken import worlds
from unbroken import ranks
from unbroken.accord import Accord, Wish


def test_all_do_what_one_wishes_at_the_same_seam_and_the_lead_alone_wishes_to_save() -> None:
    heard = worlds.good(3, asking)
    assert heard[0] == heard[1] == heard[2]
    assert "Wish(code=143, save=1, ago=250)" in heard[0]


def asking() -> None:
    """The third process is told to stop at seam 5; it takes another time for each batch than the others."""
    with ranks.joined(60) as world:
        accord = Accord(world)
        for seam in range(20_000):
            time.sleep(0.0005 * world.rank)
            if not accord.due():
                continue
            stops = world.rank == 2 and seam >= 5
            wish = accord.reached(Wish(143 if stops else 0, int(world.lead), 250 if stops else 0))
            if wish.code:
                print(seam, wish)
                break


def test_quick_batches_are_not_asked_about_each_time_and_slow_ones_are() -> None:
    assert 0 < int(worlds.good(2, counting, 0.0, 500)[0]) < 250
    assert int(worlds.good(2, counting, 0.3, 6)[0]) >= 3


def counting(seconds: float, seams: int) -> None:
    with ranks.joined(60) as world:
        accord, asked = Accord(world), 0
        for _ in range(seams):
            time.sleep(seconds)
            if accord.due():
                asked += 1
                accord.reached(Wish())
        print(asked)


def test_it_is_asked_at_once_where_that_is_wished_by_all() -> None:
    worlds.good(2, soon)


def soon() -> None:
    with ranks.joined(60) as world:
        accord = Accord(world)
        for _ in range(50):
            assert accord.due(soon=True)
            assert accord.reached(Wish()) == Wish()
