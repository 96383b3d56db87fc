"""Goodput: the share of the time that trains for good, simulated from stop to stop, and by formulas

A session is deterministic until it is stopped: so many seconds to its first step, then steps, and saves as writer.py
makes them. A save that is due begins at the next seam where no other one is under way; training stands still for the
stall, goes on beside the write, and only after the write is the state durable. A stop without notice loses whatever is
later than the newest durable state, a save under way included. A stop with notice is obeyed at the next seam: what is
under way is waited for, then the state is saved if that fits into the grace.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .costs import Costs
from .every import Cost, Every
from .stops import Stops

CLOSE = 1e-9  # of a step: rounding is no further step
BEGAN, DURABLE, STEPS = 0, 1, 2


class Save(NamedTuple):
    """Seconds since its session's process began, and the steps that the session had done by then."""

    began: float
    durable: float
    steps: int


class Saves:
    """The saves of a session that nobody stops, begun so many steps into an epoch.

    What follows a save depends on its place in the epoch alone, so from the second one at the same place on all is
    periodic: the saves up to there are kept, the rest is computed.
    """

    def __init__(self, costs: Costs, every: Every, phase: int = 0) -> None:
        self._costs, self._every, self._phase = costs, every, phase
        self._period = costs.batches * every.epochs
        self._lists: tuple[list[float], list[float], list[int]] = ([], [], [])
        self._places: dict[int, int] = {}
        self._first, self._many = 0, 0  # the cycle: its first save, and how many it has; 0: none is known yet

    def __getitem__(self, i: int) -> Save:
        while not self._many and i >= len(self._lists[BEGAN]):
            self._extend()
        if i < len(self._lists[BEGAN]):
            return Save(*(values[i] for values in self._lists))  # pyright: ignore[reportArgumentType]
        around, rest = divmod(i - self._first, self._many)
        kept, (seconds, steps) = self[self._first + rest], self._turn()
        return Save(kept.began + around * seconds, kept.durable + around * seconds, kept.steps + around * steps)

    def count(self, what: int, most: float) -> int:
        """How many saves have begun, are durable, or have seen no more steps, by then."""
        values = self._lists[what]
        while not self._many and (not values or values[-1] <= most):
            self._extend()
        if not self._many or most < values[self._first]:
            return bisect_right(values, most)
        turn = self._turn()[what == STEPS]
        around = int((most - values[self._first]) // turn)
        rest = most - around * turn
        return around * self._many + bisect_right(values, rest, self._first, self._first + self._many)

    def _turn(self) -> tuple[float, int]:
        """The seconds and steps of one cycle."""
        began, _, steps = self._lists
        return began[-1] - began[self._first], steps[-1] - steps[self._first]

    def _extend(self) -> None:
        began, durable, steps = self._lists
        save = self._next(Save(began[-1], durable[-1], steps[-1]) if began else None)
        for values, value in zip(self._lists, save, strict=True):
            values.append(value)  # pyright: ignore[reportArgumentType]
        place = (self._phase + save.steps) % self._period if self._period else 0
        if place in self._places:
            self._first = self._places[place]
            self._many = len(began) - 1 - self._first
        self._places[place] = len(began) - 1

    def _next(self, last: Save | None) -> Save:
        costs = self._costs
        if last is None:
            began, free, done, resumed = costs.restart, 0.0, 0, costs.restart
            due = began + self._every.apart(None)
        else:
            began, free, done = last
            resumed = began + costs.stall
            due = began + self._every.apart(Cost(costs.stall, costs.save))
        steps = self._until(max(due, free) - resumed)
        if self._period:
            left = self._period - (self._phase + done) % self._period
            steps = min(steps, max(left, self._until(free - resumed)))
        seam = resumed + steps * costs.step
        return Save(seam, seam + costs.save, done + steps)

    def _until(self, seconds: float) -> int:
        """Steps to the first seam that is not earlier: one at least."""
        return max(1, math.ceil(seconds / self._costs.step - CLOSE))


class End(NamedTuple):
    """How a session ended: after so many seconds, with so many steps that are durable."""

    seconds: float
    steps: int


class Session:
    """One session, from the start of its process on."""

    def __init__(self, costs: Costs, saves: Saves) -> None:
        self.costs, self.saves = costs, saves

    def killed(self, life: float) -> End:
        """Without notice, after so many seconds."""
        return End(life, self._durable(self.saves.count(DURABLE, life)))

    def noticed(self, life: float, grace: float) -> End:
        """Given notice after so many seconds, and killed so many later."""
        if life <= self.costs.restart:
            return End(life, 0)
        begun, end = self.saves.count(BEGAN, life), life + grace
        last = self.saves[begun - 1] if begun else Save(self.costs.restart - self.costs.stall, 0.0, 0)
        resumed = last.began + self.costs.stall
        steps = max(0, math.ceil((life - resumed) / self.costs.step - CLOSE))
        ready = max(resumed + steps * self.costs.step, last.durable)
        if ready > end:
            return End(end, self._durable(min(begun, self.saves.count(DURABLE, end))))
        if steps == 0:  # this very state is saved
            return End(ready, last.steps)
        if ready + self.costs.save > end:
            return End(ready, last.steps)
        return End(ready + self.costs.save, last.steps + steps)

    def finished(self, steps: int) -> float:
        """Seconds until so many steps are done and durable."""
        before = self.saves.count(STEPS, steps - 1)
        last = self.saves[before - 1] if before else Save(self.costs.restart - self.costs.stall, 0.0, 0)
        seam = last.began + self.costs.stall + (steps - last.steps) * self.costs.step
        return max(seam, last.durable) + self.costs.save

    def stalled(self, life: float) -> float:
        """Seconds for which saves have held it up."""
        return self.saves.count(BEGAN, life) * self.costs.stall

    def _durable(self, saves: int) -> int:
        return self.saves[saves - 1].steps if saves else 0


class Spell(NamedTuple):
    """What became of a stretch of time, in seconds; steps are those that count in the end."""

    seconds: float
    steps: int
    restarting: float
    stalled: float
    stops: int


class Walk:
    """A job that is started again at once whenever it was stopped, under one rule of saving."""

    def __init__(self, costs: Costs, every: Every, grace: float = 0.0) -> None:
        self.costs, self.every, self.grace = costs, every, grace
        self._sessions: dict[int, Session] = {}

    def through(self, stops: Iterable[tuple[float, bool]], steps: int | None = None) -> Spell:
        """From the start through all these moments (with or without notice); with `steps`, until they are done."""
        now, done, restarting, stalled, many = 0.0, 0, 0.0, 0.0, 0
        for moment, notice in stops:
            if moment <= now:  # between a notice and its end
                continue
            session, life = self._session(done), moment - now
            if steps is not None and session.finished(steps - done) <= life:
                break
            end = session.noticed(life, self.grace) if notice else session.killed(life)
            now, done, many = now + end.seconds, done + end.steps, many + 1
            restarting += min(end.seconds, self.costs.restart)
            stalled += session.stalled(life)
        if steps is not None:
            session, left = self._session(done), steps - done
            now, done, restarting = now + session.finished(left), steps, restarting + self.costs.restart
            stalled += (session.saves.count(STEPS, left - 1) + 1) * self.costs.stall
        return Spell(now, done, restarting, stalled, many)

    def _session(self, done: int) -> Session:
        phase = done % (self.costs.batches * self.every.epochs or 1)
        if phase not in self._sessions:
            self._sessions[phase] = Session(self.costs, Saves(self.costs, self.every, phase))
        return self._sessions[phase]


@dataclass(frozen=True)
class Goodput:
    """Shares of the time, on average: training that counts, restarts, stalls, and work that was lost (the rest); error
    is the standard error of the first."""

    useful: float
    error: float
    restarting: float
    stalled: float

    @property
    def lost(self) -> float:
        return 1.0 - self.useful - self.restarting - self.stalled


def goodput(walk: Walk, stops: Stops, seed: int, repetitions: int = 200, each: int = 100) -> Goodput:
    """Simulated through so many stops, so many times; the same seed draws the same moments whatever the rule is."""
    spells = [walk.through(_drawn(stops, [seed, number], each)) for number in range(repetitions)]
    total = sum(spell.seconds for spell in spells)
    share = sum(spell.steps for spell in spells) * walk.costs.step / total
    off = [spell.steps * walk.costs.step - share * spell.seconds for spell in spells]
    error = math.sqrt(sum(each**2 for each in off)) / total  # of a ratio of two sums
    restarting, stalled = (sum(getattr(spell, name) for spell in spells) for name in ("restarting", "stalled"))
    return Goodput(share, error, restarting / total, stalled / total)


def _drawn(stops: Stops, seed: list[int], number: int) -> Iterable[tuple[float, bool]]:
    moments, noticed = stops.moments(np.random.default_rng(seed), number)
    return zip(moments.tolist(), noticed.tolist(), strict=True)


def young(stall: float, mean: float) -> float:
    """Young's interval of training between two saves (1974)."""
    return math.sqrt(2 * stall * mean)


def daly(stall: float, mean: float) -> float:
    """Daly's interval of training between two saves, of higher order (2006)."""
    if stall >= 2 * mean:
        return mean
    part = stall / (2 * mean)
    return math.sqrt(2 * stall * mean) * (1 + math.sqrt(part) / 3 + part / 9) - stall


def formula(apart: float, stall: float, restart: float, mean: float) -> float:
    """The goodput that the first order of both tells for saves so many seconds apart: a stall in each, half of it lost
    at each stop, and a restart."""
    return 1 - stall / apart - (apart / 2 + restart) / mean
