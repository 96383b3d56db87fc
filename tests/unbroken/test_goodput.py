"""The walk from stop to stop, against a walk from seam to seam, against closed forms, and against Young and Daly"""

import itertools
import math
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unbroken import Every, goodput
from unbroken.costs import Costs
from unbroken.every import Cost
from unbroken.goodput import BEGAN, DURABLE, STEPS, Save, Saves, Session, Walk
from unbroken.stops import Stops

# Quarters add up without rounding, so that both walks see the same seams.
quarters = st.integers(0, 40).map(lambda n: n / 4)
rules = st.builds(
    Every,
    epochs=st.integers(1, 3),
    minutes=st.integers(1, 200).map(lambda n: n / 240),
    stall=st.sampled_from([0.01, 0.5]),
)
costs = st.builds(
    Costs, step=st.integers(1, 8).map(lambda n: n / 4), stall=quarters, write=quarters, restart=quarters,
    batches=st.integers(0, 30),
)  # fmt: skip


def seam_by_seam(costs: Costs, every: Every, phase: int) -> Iterator[Save]:
    """The saves of a session as writer.py makes them, step by step."""
    now = at = costs.restart
    free, cost, waiting = 0.0, None, False
    for done in itertools.count(1):
        now += costs.step
        if costs.batches and (phase + done) % costs.batches == 0:
            waiting = waiting or every.due_epoch((phase + done) // costs.batches)
        if now >= free and (waiting or every.due_time(now - at, cost)):
            yield Save(now, now + costs.save, done)
            at, waiting, cost = now, False, Cost(costs.stall, costs.save)
            now, free = now + costs.stall, now + costs.save


def alike(costs: Costs) -> Session:
    return Session(costs, Saves(costs, Every(minutes=0.1)))


@settings(deadline=None)
@given(costs, rules, st.integers(0, 100))
def test_its_saves_are_those_of_a_walk_from_seam_to_seam(costs: Costs, every: Every, phase: int) -> None:
    saves = Saves(costs, every, phase)
    for i, save in enumerate(itertools.islice(seam_by_seam(costs, every, phase), 60)):
        assert saves[i] == save
        assert saves.count(BEGAN, save.began) == saves.count(DURABLE, save.durable) == saves.count(STEPS, save.steps)
        assert saves.count(BEGAN, save.began) == i + 1
        assert saves.count(DURABLE, save.durable - 0.125) == i


@settings(deadline=None)
@given(costs, rules, st.integers(0, 100), st.floats(0, 500))
def test_a_kill_keeps_the_newest_durable_state_and_nothing_more(
    costs: Costs, every: Every, phase: int, life: float
) -> None:
    kept = [s.steps for s in itertools.takewhile(lambda s: s.began <= life, seam_by_seam(costs, every, phase))
            if s.durable <= life]  # fmt: skip
    assert Session(costs, Saves(costs, every, phase)).killed(life) == (life, max(kept, default=0))


def test_a_kill_while_a_state_is_written_falls_back_to_the_one_before() -> None:
    session = alike(Costs(step=1.0, stall=0.5, write=3.0, restart=10.0))  # saves begin at 16, 22.5, 29
    assert session.saves[0] == (16.0, 19.5, 6)
    assert session.killed(19.4).steps == 0
    assert session.killed(19.5).steps == 6
    assert session.killed(25.9).steps == 6
    assert session.killed(26.0).steps == session.saves[1].steps == 12


def test_a_kill_before_the_first_save_loses_all() -> None:
    assert alike(Costs(1.0, 0.5, 3.0, 10.0)).killed(9.0) == (9.0, 0)


@settings(deadline=None)
@given(costs, rules, st.floats(0, 500))
def test_a_notice_with_time_enough_loses_no_step(costs: Costs, every: Every, life: float) -> None:
    """Every step that was begun before the notice counts, and the session ends one write and one save later at most."""
    session = Session(costs, Saves(costs, every))
    ended = session.noticed(life, grace=costs.step + 2 * costs.save)
    trained = life - costs.restart  # less the stalls until then, the last of which may not be over
    for save in itertools.takewhile(lambda s: s.began <= life, seam_by_seam(costs, every, 0)):
        trained -= min(costs.stall, life - save.began)
    begun = max(0.0, trained) / costs.step
    assert begun - 1e-6 <= ended.steps < begun + 1 + 1e-6
    assert life <= ended.seconds <= life + costs.step + 2 * costs.save + 1e-6


def test_a_notice_too_short_for_a_save_keeps_what_was_durable() -> None:
    session = alike(Costs(step=1.0, stall=0.5, write=3.0, restart=10.0))
    assert session.noticed(21.2, grace=3.0) == (21.5, 6)  # the seam at 21.5, and no save is begun
    assert session.noticed(21.2, grace=4.0) == (25.0, 11)
    assert session.noticed(21.2, grace=0.1) == (21.3, 6)  # gone before the seam
    assert session.noticed(17.7, grace=1.9) == (19.5, 6)  # what is under way is waited for
    assert session.noticed(17.7, grace=1.0) == (18.7, 0)  # and lost where that takes too long
    assert session.noticed(16.2, grace=9.0) == (19.5, 6)  # this very state is being written


def test_a_notice_before_the_first_step_has_nothing_to_save() -> None:
    assert alike(Costs(1.0, 0.5, 3.0, 10.0)).noticed(9.0, grace=60.0) == (9.0, 0)


@settings(deadline=None)
@given(costs, rules, st.integers(1, 400))
def test_without_stops_only_stalls_the_start_and_the_last_write_cost_time(
    costs: Costs, every: Every, steps: int
) -> None:
    spell = Walk(costs, every).through([], steps)
    earlier = list(itertools.takewhile(lambda s: s.steps < steps, seam_by_seam(costs, every, 0)))
    trained = costs.restart + steps * costs.step + len(earlier) * costs.stall
    free = earlier[-1].durable if earlier else 0.0
    assert spell.seconds == pytest.approx(max(trained, free) + costs.save)
    assert (spell.steps, spell.stops, spell.restarting) == (steps, 0, costs.restart)


def test_a_long_job_that_nobody_stops_has_the_goodput_of_its_stalls() -> None:
    costs, every = Costs(step=0.5, stall=0.25, write=2.0, restart=30.0), Every(minutes=0.25)
    spell = Walk(costs, every).through([], 10**7)
    assert spell.steps * costs.step / spell.seconds == pytest.approx(15 / 15.25, abs=1e-4)


def test_a_job_that_is_stopped_repeats_what_was_not_durable_and_starts_again_at_once() -> None:
    costs = Costs(step=1.0, stall=0.5, write=3.0, restart=10.0)
    spell = Walk(costs, Every(minutes=0.1)).through([(5.0, False), (26.0, False)], steps=10)
    # Stopped at 5 while starting; again from 5, saved at 21 and durable at 24.5 with 6 steps; stopped at 26; the last 4
    # steps are done at 40, and durable 3.5 later.
    assert spell == (43.5, 10, 25.0, 1.0, 2)


def test_a_session_that_goes_on_within_an_epoch_saves_at_that_epochs_end() -> None:
    costs = Costs(step=1.0, stall=0.5, write=1.0, restart=0.0, batches=10)
    spell = Walk(costs, Every(minutes=0.1)).through([(8.0, False), (13.6, False)])
    assert spell.steps == 10  # from step 6, saved 4 steps later, 0.1 s before the second stop


def test_stops_that_come_after_the_end_do_not_count() -> None:
    walk = Walk(Costs(1.0, 0.5, 3.0, 10.0), Every(minutes=0.1))
    assert walk.through([(1e6, False)], 10) == walk.through([], 10)


def test_a_stop_that_falls_between_a_notice_and_its_end_is_no_further_stop() -> None:
    walk = Walk(Costs(1.0, 0.5, 3.0, 10.0), Every(minutes=0.1), grace=60.0)
    assert walk.through([(15.2, True), (15.9, True)]).stops == 1


def simulated(costs: Costs, every: Every, stops: Stops, grace: float = 0.0, **options: int) -> goodput.Goodput:
    return goodput.goodput(Walk(costs, every, grace), stops, **{"seed": 0, "repetitions": 100, **options})


@settings(deadline=None, max_examples=25)
@given(costs, rules, st.floats(5, 500), st.integers(0, 10**6))
def test_unnoticed_exponential_stops_have_a_closed_form(costs: Costs, every: Every, mean: float, seed: int) -> None:
    """Each save counts with the chance that its session lives until it is durable."""
    costs = Costs(costs.step, costs.stall, costs.write, costs.restart)
    exact, before = 0.0, 0
    for save in itertools.takewhile(lambda s: s.durable < 40 * mean, seam_by_seam(costs, every, 0)):
        exact += (save.steps - before) * costs.step * math.exp(-save.durable / mean) / mean
        before = save.steps
    found = simulated(costs, every, Stops(mean), seed=seed)
    assert found.useful == pytest.approx(exact, abs=5 * found.error + 1e-6)


@pytest.mark.parametrize(
    ("stall", "restart", "mean", "apart"), [(0.05, 2.0, 60, 10), (0.25, 30, 600, 20), (1, 5, 50, 15)]
)
def test_without_writes_it_is_dalys_exact_expression(stall: float, restart: float, mean: float, apart: float) -> None:
    costs = Costs(step=0.01, stall=stall, write=0.0, restart=restart)
    found = simulated(costs, Every(minutes=apart / 60, stall=1e-4), Stops(mean), repetitions=400)
    exact = (apart - stall) / (mean * math.exp(restart / mean) * (math.exp(apart / mean) - 1))
    assert found.useful == pytest.approx(exact, abs=4 * found.error + 2 * stall / mean * stall / apart)
    assert found.error < 0.01


@pytest.mark.parametrize(("stall", "mean"), [(0.02, 100), (0.1, 300), (0.5, 60)])
def test_without_writes_the_best_interval_is_dalys(stall: float, mean: float) -> None:
    costs = Costs(step=0.01, stall=stall, write=0.0, restart=5.0)
    daly = goodput.daly(stall, mean) + stall
    tried = [daly * 1.4**power for power in range(-4, 5)]
    shares = [simulated(costs, Every(minutes=apart / 60, stall=1e-5), Stops(mean)).useful for apart in tried]
    assert abs(shares.index(max(shares)) - 4) <= 1
    assert shares[0] < shares[2] < max(shares) > shares[6] > shares[8]


@pytest.mark.parametrize("apart", [2.0, 10.0, 60.0, 600.0])
@pytest.mark.parametrize("noticed", [0.0, 0.5, 1.0])
def test_more_nodes_are_not_better(apart: float, noticed: float) -> None:
    costs, every = Costs(step=0.4, stall=0.08, write=3.0, restart=30.0), Every(minutes=apart / 60)
    found = [simulated(costs, every, Stops(7200 / nodes, noticed), grace=10.0) for nodes in (1, 2, 8, 32, 128)]
    assert all(few.useful > many.useful for few, many in itertools.pairwise(found))


@settings(deadline=None, max_examples=12)
@given(costs, rules, st.floats(50, 500))
def test_with_notice_and_grace_enough_only_restarts_saves_and_waits_for_them_cost_time(
    costs: Costs, every: Every, mean: float
) -> None:
    found = simulated(costs, every, Stops(mean, noticed=1.0), grace=costs.step + 2 * costs.save)
    assert found.lost * mean <= (costs.step + 2 * costs.save) * 1.2  # a stop waits for two saves at most


def test_where_saves_take_no_time_notice_loses_restarts_alone() -> None:
    costs = Costs(step=1.0, stall=0.0, write=0.0, restart=20.0)
    found = simulated(costs, Every(minutes=1e3), Stops(300.0, noticed=1.0), grace=2.0)
    assert found.useful + found.restarting == pytest.approx(1.0, abs=1e-9)
    assert simulated(costs, Every(minutes=1e3), Stops(300.0)).lost > 0.01


def test_the_shares_of_the_time_are_all_of_it_and_none_is_negative() -> None:
    found = simulated(Costs(0.4, 0.08, 12.0, 90.0), Every(), Stops(1224.0))
    assert found.useful + found.restarting + found.stalled + found.lost == pytest.approx(1.0)
    assert min(found.useful, found.restarting, found.stalled, found.lost) > 0.0


def test_the_same_seed_gives_the_same_and_another_seed_another() -> None:
    asked = (Costs(0.4, 0.08, 12.0, 90.0), Every(), Stops(1224.0))
    assert simulated(*asked, seed=3) == simulated(*asked, seed=3)
    assert simulated(*asked, seed=3) != simulated(*asked, seed=4)


def test_the_error_is_that_of_many_repetitions() -> None:
    asked = (Costs(0.4, 0.08, 12.0, 90.0), Every(minutes=0.5), Stops(1224.0))
    shares = [simulated(*asked, seed=seed, repetitions=20, each=50) for seed in range(60)]
    mean = sum(each.useful for each in shares) / 60
    spread = math.sqrt(sum((each.useful - mean) ** 2 for each in shares) / 59)
    assert spread == pytest.approx(sum(each.error for each in shares) / 60, rel=0.35)


def test_a_write_beside_the_training_costs_each_stop_the_write() -> None:
    """What docs/plan.md says of the formula: less write / mean of the time, and the same interval."""
    stall, write, restart, mean, apart = 0.1, 5.0, 10.0, 5000.0, 20.0
    found = simulated(Costs(0.01, stall, write, restart), Every(minutes=apart / 60, stall=1e-4), Stops(mean))
    told = goodput.formula(apart, stall, restart, mean)
    assert found.useful == pytest.approx(told - write / mean, abs=4 * found.error + 1e-4)
    assert abs(found.useful - told) > 4 * found.error


@pytest.mark.parametrize(("stall", "mean", "young", "daly"), [(1, 200, 20, 19.33889), (60, 86400, 3219.938, 3180.06)])
def test_young_and_daly_by_hand(stall: float, mean: float, young: float, daly: float) -> None:
    assert goodput.young(stall, mean) == pytest.approx(young, rel=1e-5)
    assert goodput.daly(stall, mean) == pytest.approx(daly, rel=1e-5)


def test_where_a_save_takes_longer_than_two_lives_dalys_interval_is_a_life() -> None:
    assert goodput.daly(20.0, 10.0) == 10.0


def test_sessions_of_years_are_computed_not_counted_through() -> None:
    found = simulated(Costs(0.01, 0.001, 0.1, 1.0), Every(), Stops(2e8), each=10)
    assert found.useful == pytest.approx(1 - 0.001 / 10, abs=1e-6)
