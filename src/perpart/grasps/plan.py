"""Which objects are grasped, how many grasps each is to give, and who makes up for those that give fewer

The first turn shares the grasps out; each later turn hands what is still lacking to objects that give. A turn is
planned from the whole result of the turn before it and from nothing else, so whoever plans it again plans the same.
"""

import heapq
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from perpart.errors import Mistake
from perpart.grasps.search import RATE, ROUND, Catch
from perpart.objects import CATEGORIES

HELD_OUT = ("binoculars", "camera", "frying_pan", "mug", "toothpaste", "wine_glass")  # GRAB's test objects
SHARES = {"train": 2, "valid": 1, "test": 2}  # what an object of each split gets, relative to each other
MOST = 2  # times its first share: the most an object may give, so that none swamps the set
SAFE = 0.7  # of what an object gave per try it is expected to give again: its easy pre-shapes fill up


@dataclass(frozen=True)
class Thing:
    """One object of the set."""

    category: str
    seed: int
    split: str


def things(categories: Sequence[str], instances: int) -> list[Thing]:
    """The objects. Held-out categories are for the test, else the last instance of each category is for validation.
    Raises Mistake for an unknown category."""
    for name in categories:
        if name not in CATEGORIES:
            raise Mistake(f"no object category is called {name!r}; there are: {', '.join(CATEGORIES)}")
    chosen = tuple(dict.fromkeys(categories)) or tuple(CATEGORIES)
    return [Thing(name, i, _split(name, i, instances)) for name in chosen for i in range(instances)]


def _split(category: str, instance: int, instances: int) -> str:
    if category in HELD_OUT:
        return "test"
    return "valid" if instances > 1 and instance == instances - 1 else "train"


def first(plan: Sequence[Thing], grasps: int) -> list[int]:
    """How many grasps each object is to give at first; they add up to `grasps`."""
    shares = np.array([SHARES[thing.split] for thing in plan])
    ends = np.cumsum(shares) * grasps / shares.sum()
    return np.diff(np.round(ends).astype(int), prepend=0).tolist()


def more(plan: Sequence[Thing], shares: Sequence[int], catches: Sequence[Catch], rounds: int) -> dict[int, int]:
    """What to look for in another turn: places in the plan, and how many grasps each is to have then in all.

    What a split lacks goes, one by one, to its category with the fewest, there to the object with the fewest. Empty
    when nothing is lacking, or nobody gives any more.
    """
    room = [_room(share, catch, rounds) for share, catch in zip(shares, catches, strict=True)]
    wanted: dict[int, int] = {}
    for split in SHARES:
        mine = [place for place, thing in enumerate(plan) if thing.split == split]
        have = {place: len(catches[place].kinds) for place in mine}
        lacking = sum(shares[place] for place in mine) - sum(have.values())
        wanted |= _hand_out(lacking, have, room, plan)
    return dict(sorted(wanted.items()))


def _hand_out(lacking: int, have: dict[int, int], room: list[int], plan: Sequence[Thing]) -> dict[int, int]:
    total = Counter()
    for place, count in have.items():
        total[plan[place].category] += count
    queue = [(total[plan[place].category], count, place) for place, count in have.items() if room[place]]
    heapq.heapify(queue)
    wanted: dict[int, int] = {}
    while lacking > 0 and queue:
        known, count, place = heapq.heappop(queue)
        category = plan[place].category
        if known == total[category]:
            wanted[place], lacking = count + 1, lacking - 1
            total[category] += 1
            count += 1
        # Else another object of the category was given one since, and this one's turn comes later.
        if count < have[place] + room[place]:
            heapq.heappush(queue, (total[category], count, place))
    return wanted


def _room(share: int, catch: Catch, rounds: int) -> int:
    """How many more grasps an object may be asked for: what it can give in one turn, and not too many in all."""
    tried, found = catch.turns[-1] if catch.turns else (0, 0)
    if not found or found < RATE * tried:
        return 0
    expected = max(1, int(SAFE * found / tried * rounds * ROUND))
    return max(0, min(expected, MOST * share - len(catch.kinds)))
