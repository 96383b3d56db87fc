"""Who is to give how many grasps, and who makes up for whom"""

from collections import Counter

import pytest

from perpart.errors import Mistake
from perpart.grasps import plan
from perpart.grasps.search import Catch
from perpart.objects import CATEGORIES


def caught(found: int, tried: int, kept: int | None = None) -> Catch:
    """A catch whose last turn gave so many of so many tries."""
    return Catch(kinds=[0] * (found if kept is None else kept), turns=[(tried, found)])


def test_every_category_has_a_part_in_the_plan():
    assert Counter(thing.category for thing in plan.things((), 3)) == dict.fromkeys(CATEGORIES, 3)


def test_held_out_categories_are_all_for_the_test_and_no_others_are():
    assert {thing.category for thing in plan.things((), 2) if thing.split == "test"} == set(plan.HELD_OUT)


def test_the_last_instance_of_a_category_validates():
    assert [thing.split for thing in plan.things(("apple",), 3)] == ["train", "train", "valid"]
    assert [thing.split for thing in plan.things(("apple",), 1)] == ["train"]
    assert [thing.split for thing in plan.things(("mug",), 2)] == ["test", "test"]


def test_an_unknown_category_is_told():
    with pytest.raises(Mistake, match="no object category is called 'spork'"):
        plan.things(("spork",), 1)


@pytest.mark.parametrize("grasps", [1, 7, 2400, 10000])
def test_shares_add_up_to_what_is_asked(grasps):
    things = plan.things((), 6)
    shares = plan.first(things, grasps)
    assert sum(shares) == grasps
    train = [share for thing, share in zip(things, shares, strict=True) if thing.split == "train"]
    assert max(train) - min(train) <= 1


def test_nobody_is_asked_again_when_nothing_is_lacking():
    things = plan.things(("apple", "egg"), 1)
    assert plan.more(things, [5, 5], [caught(5, 20), caught(5, 20)], 4) == {}


def test_what_lacks_goes_to_the_poorest_category_that_gives():
    things = plan.things(("apple", "egg", "plate"), 1)
    catches = [caught(30, 100), caught(20, 100), caught(0, 400)]
    assert plan.more(things, [30, 30, 30], catches, 4) == {0: 45, 1: 45}


def test_within_a_category_the_poorest_object_goes_first():
    things = plan.things(("mug",), 3)
    catches = [caught(10, 100), caught(4, 100), caught(10, 100)]
    assert plan.more(things, [10, 10, 10], catches, 4) == {1: 10}


def test_what_the_test_lacks_is_not_made_up_for_by_the_training():
    things = plan.things(("apple", "mug"), 1)
    assert plan.more(things, [10, 10], [caught(10, 20), caught(0, 400)], 4) == {}


def test_an_object_gives_no_more_than_twice_its_share_nor_than_it_can():
    things = plan.things(("apple", "plate"), 1)
    assert plan.more(things, [10, 10], [caught(10, 20), caught(0, 400)], 4) == {0: 20}
    assert plan.more(things, [10, 100], [caught(10, 400, kept=10), caught(0, 400)], 1) == {0: 11}


def test_whoever_gave_next_to_nothing_is_not_asked_again():
    things = plan.things(("apple", "plate"), 1)
    assert plan.more(things, [10, 10], [caught(1, 400), caught(0, 400)], 4) == {}
