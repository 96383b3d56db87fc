"""Planning and running the making of many grasps"""

from collections import Counter

import pytest

from perpart.errors import Mistake
from perpart.grasps import making
from perpart.grasps.search import Catch
from perpart.objects import CATEGORIES


def test_every_category_has_a_part_in_the_plan():
    tasks = making.plan((), 3, 2000, 0)
    assert Counter(task.category for task in tasks) == dict.fromkeys(CATEGORIES, 3)


def test_held_out_categories_are_all_for_the_test_and_no_others_are():
    tasks = making.plan((), 2, 2000, 0)
    assert {task.category for task in tasks if task.split == "test"} == set(making.HELD_OUT)


def test_the_last_instance_of_a_category_validates():
    assert [task.split for task in making.plan(("apple",), 3, 10, 0)] == ["train", "train", "valid"]
    assert [task.split for task in making.plan(("apple",), 1, 10, 0)] == ["train"]
    assert [task.split for task in making.plan(("mug",), 2, 10, 0)] == ["test", "test"]


def test_shares_add_up_to_about_what_is_asked():
    total = sum(task.wanted for task in making.plan((), 3, 2400, 0))
    assert total == pytest.approx(2400, rel=0.05)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((("spork",), 1, 10, 0), "no object category is called 'spork'"),
        (((), 0, 10, 0), "--instances is 0"),
        (((), 1, 0, 0), "--grasps is 0"),
        (((), 1, 10, -1), "--seed is -1"),
    ],
)
def test_a_senseless_plan_is_told_in_one_line(arguments, message):
    with pytest.raises(Mistake, match=message) as told:
        making.plan(*arguments)
    assert "\n" not in str(told.value)


def test_no_processes_is_a_mistake():
    with pytest.raises(Mistake, match="--jobs is 0"):
        making.run([], 1, 0, 0)


def test_the_account_counts_outcomes_over_all_objects():
    catches = [Catch(reasons=Counter(accepted=2, links=5)), Catch(reasons=Counter(links=1))]
    assert making.account(catches)["tries"] == {"accepted": 2, "links": 6}
