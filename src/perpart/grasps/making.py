"""Making a set of grasps in a folder, killed and continued as often as need be, to the same bytes

What is finished lies in DIR/making, object by object and turn by turn; the set is committed in one act, and then
`making` goes away. One object is one task with its own random numbers, and a turn is planned only when the one before
it is complete: neither kills, nor the number of processes, nor which of them is faster change a byte.
"""

import shutil
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import filelock
import numpy as np

from perpart.data.graspset import WIDTHS, GraspSet, save
from perpart.data.things import Own, Thing
from perpart.errors import Mistake
from perpart.grasps import crew, pieces, plan, search, terms
from perpart.grasps.search import Catch
from perpart.objects import build, own

TURNS = 20  # a set that lacks grasps after so many is as full as it gets
LEFT = "making"  # the folder's name for what is not yet whole
PROGRESS = 2.0  # seconds between two lines


@dataclass(frozen=True)
class Wish:
    """What decides the set, besides the code."""

    grasps: int
    seed: int
    instances: int
    categories: tuple[str, ...]
    rounds: int
    recipes: str | None = None  # a file of a person's own categories

    def __post_init__(self) -> None:
        for what, least in (("grasps", 1), ("seed", 0), ("instances", 1), ("rounds", 1)):
            if getattr(self, what) < least:
                raise Mistake(f"--{what} is {getattr(self, what)}; it must be {least} or more")

    @property
    def command(self) -> str:
        """What to type to make it."""
        numbers = (f"--{what} {getattr(self, what)}" for what in ("grasps", "seed", "instances", "rounds"))
        named = [f"--categories {' '.join(self.categories)}"] if self.categories else []
        named += ["--recipes FILE"] if self.recipes else []
        return " ".join(["python -m perpart.grasps make --out DIR", *numbers, *named])


def make(out: Path, wish: Wish, jobs: int) -> None:
    """Make the set in a folder, or continue, or say that it is there. Raises Mistake when the folder holds another
    making, or another process is at it."""
    if jobs < 1:
        raise Mistake(f"--jobs is {jobs}; it must be 1 or more")
    if wish.recipes:
        own.adopt(wish.recipes)
    things = plan.things(wish.categories, wish.instances)
    ours = terms.of(wish)
    if terms.committed(out, ours) and not (out / LEFT).exists():
        print(f"{out} is finished; nothing to do")
        return
    with _alone(out / LEFT):
        if terms.committed(out, ours):  # by another process meanwhile, or by one killed while it cleaned up
            print(f"{out} is finished; nothing to do")
        else:
            terms.agree(out / LEFT, ours)
            _Session(out, wish, things, jobs, ours).run()
        shutil.rmtree(out / LEFT)


class _Session:
    """One sitting at a making."""

    def __init__(self, out: Path, wish: Wish, things: list[plan.Thing], jobs: int, ours: terms.Terms) -> None:
        self.out, self.folder, self.wish, self.things, self.jobs = out, out / LEFT, wish, things, jobs
        self.terms, self.digest = ours, terms.digest(ours)
        self.catches = [Catch() for _ in things]
        self.start, self.found, self.tried, self.told = time.monotonic(), 0, 0, 0.0

    def run(self) -> None:
        """Take turns until nothing is lacking or nobody gives more, then commit."""
        try:
            self._take_turns()
            self._account()
            said = terms.said(self.terms, self.wish.command, self.catches)
            _commit(self.out, self.folder, gather(self.things, self.catches), said)
        except KeyboardInterrupt:
            self._say(f"stopped; {self._have()} grasps are kept in {self.folder}: the same command continues")
            raise

    def _take_turns(self) -> None:
        shares = plan.first(self.things, self.wish.grasps)
        wanted = {place: share for place, share in enumerate(shares) if share}
        for turn in range(TURNS):
            self._take_turn(turn, wanted)
            wanted = plan.more(self.things, shares, self.catches, self.wish.rounds)
            if not wanted:
                return

    def _take_turn(self, turn: int, wanted: dict[int, int]) -> None:
        there = self._there(turn, wanted)
        left = [place for place in wanted if place not in there]
        calls = [self._call(place, wanted[place]) for place in left]
        for place, catch in there.items():
            self.catches[place] = catch
        if there:
            self._say(f"turn {turn + 1}: {len(there)} of {len(wanted)} objects were there, {self._have()} grasps")
        for done, (call, catch) in enumerate(
            crew.each(partial(searched, self.wish.recipes), calls, self.jobs), len(there) + 1
        ):
            place = left[call]
            pieces.keep(self._path(turn, place), catch, self._name(turn, place, wanted[place]))
            self.catches[place] = catch
            self.tried, self.found = self.tried + catch.turns[-1][0], self.found + catch.turns[-1][1]
            self._tell(turn, done, len(wanted))

    def _call(self, place: int, wanted: int) -> tuple:
        thing, before = self.things[place], self.catches[place]
        return thing.category, thing.seed, wanted, self.wish.rounds, self.wish.seed, before

    def _there(self, turn: int, wanted: dict[int, int]) -> dict[int, Catch]:
        """What earlier sittings finished of a turn."""
        found = {}
        for place, count in wanted.items():
            path = self._path(turn, place)
            try:
                found[place] = pieces.take(path, self._name(turn, place, count))
            except FileNotFoundError:
                continue
            except pieces.Torn as why:
                self._say(f"{path} is made again: {why}")
        return found

    def _path(self, turn: int, place: int) -> Path:
        return self.folder / f"{turn + 1}" / f"{self.things[place].category}-{self.things[place].seed}.piece"

    def _name(self, turn: int, place: int, wanted: int) -> dict:
        thing = self.things[place]
        return {
            "making": self.digest, "category": thing.category, "seed": thing.seed, "turn": turn, "wanted": wanted,
        }  # fmt: skip

    def _have(self) -> int:
        return sum(len(catch.kinds) for catch in self.catches)

    def _tell(self, turn: int, done: int, of: int) -> None:
        seconds, have = time.monotonic() - self.start, self._have()
        if seconds - self.told < PROGRESS and done < of:
            return
        self.told, rate = seconds, self.found / seconds
        left = f"about {(self.wish.grasps - have) / rate / 60:.1f} min left" if self.found else "nothing yet"
        so_far = f"{done:4d}/{of} objects {have:6d}/{self.wish.grasps} grasps"
        self._say(f"turn {turn + 1}: {so_far} {rate:5.1f}/s  {left}")

    def _account(self) -> None:
        """How this sitting went, and how the whole did."""
        have, tries = self._have(), sum(catch.reasons.total() for catch in self.catches)
        if have < self.wish.grasps:
            self._say(f"only {have} of {self.wish.grasps} grasps could be had: no object gives more within its share")
        seconds = time.monotonic() - self.start
        rate = f"{self.found / seconds:.2f}/s of {self.tried} tries"
        self._say(f"this session: {self.found} grasps in {seconds / 60:.1f} min, {rate}")
        self._say(f"in all: {have} grasps of {tries} tries, {100 * have / max(tries, 1):.1f} % accepted")

    @staticmethod
    def _say(line: str) -> None:
        print(line, flush=True)


def searched(recipes: str | None, *call: Any) -> Catch:
    """A search, in any process, where a person's own categories are known too."""
    if recipes:
        own.adopt(recipes)
    return search.search(*call)


def gather(things: Sequence[plan.Thing], catches: Sequence[Catch]) -> GraspSet:
    """All catches as one set, in the order of the plan."""
    return GraspSet(
        tuple(_named(thing) for thing in things),
        tuple(thing.split for thing in things),
        np.repeat(np.arange(len(things)), [len(catch.kinds) for catch in catches]).astype(np.int32),
        kind=np.array([kind for catch in catches for kind in catch.kinds], dtype=np.int16),
        angles=_stack(catches, "angles"),
        root=_stack(catches, "root"),
        bones=_stack(catches, "bones"),
        quality=_stack(catches, "quality"),
    )


def _named(thing: plan.Thing) -> Thing:
    """What is stored of an object: its recipe's name, or the mesh where nobody else has the recipe."""
    if not own.adopted(thing.category):
        return thing.category, thing.seed
    mesh = build(thing.category, thing.seed).mesh
    return Own(f"{thing.category}_{thing.seed}", thing.category, np.asarray(mesh.vertices), np.asarray(mesh.faces))


def _stack(catches: Sequence[Catch], name: str) -> np.ndarray:
    rows = [row for catch in catches for row in getattr(catch, name)]
    return np.array(rows, dtype=np.float32).reshape(-1, *WIDTHS[name])


def _commit(out: Path, folder: Path, whole: GraspSet, said: dict) -> None:
    """Write all files beside, then move them in; the set is there from the moment that grasps.json is."""
    beside = folder / "whole"
    save(whole, beside, said)
    names = [*sorted(str(path.relative_to(beside)) for path in beside.rglob("*.ply")), "grasps.npz", "grasps.json"]
    for name in names:
        pieces.sync(beside / name)
    for name in names:
        (out / name).parent.mkdir(exist_ok=True)
        pieces.move(beside / name, out / name)


@contextmanager
def _alone(folder: Path) -> Generator[None]:
    """Hold the folder against a second maker. The lock is the system's: it goes with its holder, however that dies."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(folder / "lock", blocking=False, fallback_to_soft=False)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise Mistake(f"{folder.parent} is being made by another process; wait for it, or give another --out") from None
    try:
        yield
    finally:
        lock.release()
