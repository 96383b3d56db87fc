"""Where the time of a run went"""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unbroken.ledger import Account, Spent, accounts, total
from unbroken.records import Record
from unbroken.sessions import Session

START, STEP, STALL = 10.0, 0.5, 0.1


def spent(born: float, steps: int, saves: int = 0) -> dict[str, float]:
    """What a session whose start takes 10 s, a step 0.5 s and a save 0.1 s of stall has spent after so many steps."""
    age = START + STEP * steps + STALL * saves
    sums = {"stalled": STALL * saves, "written": 2.0 * saves}
    return {"unix": born + age, "age": age, "steps": steps, "saves": saves, **sums}


def record(born: float, start: int, steps: int, saves: int = 0) -> Record:
    return {"at": "step", "epoch": 0, "step": start + steps, "time": spent(born, steps, saves)}


def begun(number: int, born: float, start: int, **more: Any) -> Session:
    return Session(number, born + 8, "h", 1, start, time={**spent(born, 0), "age": 8.0, "unix": born + 8}, **more)


def cut(born: float, start: int, steps: int, saves: int = 0) -> dict[str, Any]:
    return {"step": start + steps, "time": spent(born, steps, saves)}


def whole(account: Account) -> Spent:
    """Nothing of a session's time is left out or counted twice."""
    assert account.spent.up == pytest.approx(account.seen - account.born)
    assert account.steps == account.kept + account.lost + account.behind
    return account.spent


def test_a_killed_session_has_lost_what_no_state_held() -> None:
    sessions = [begun(1, 0.0, 0), begun(2, 100.0, 20, cut=cut(0.0, 0, 30, 2))]
    journal = [record(0.0, 0, 10, 1), record(0.0, 0, 20, 2), record(100.0, 20, 10), record(100.0, 20, 40)]
    first, second = accounts(sessions, journal, saved=60)
    assert (first.steps, first.kept, first.lost, first.saves, first.written) == (30, 20, 10, 2, 4.0)
    assert whole(first) == Spent(trained=10.0, lost=5.0, restarting=10.0, stalled=pytest.approx(0.2))
    assert (second.steps, second.kept, second.lost) == (40, 40, 0)
    assert whole(second).away == pytest.approx(100.0 - 25.2)
    both = total([first, second])
    assert (both.trained, both.restarting, both.lost) == pytest.approx((30.0, 20.0, 5.0))


def test_what_somebody_went_back_behind_was_not_lost() -> None:
    sessions = [begun(1, 0.0, 0), begun(2, 50.0, 20), begun(3, 100.0, 10, wished=True)]
    journal = [record(0.0, 0, 5), record(0.0, 0, 10), record(100.0, 10, 10)]
    sessions[2] = begun(3, 100.0, 10, wished=True, cut=cut(50.0, 20, 30))
    found = accounts(sessions, journal, saved=20, step=STEP)
    assert [(each.kept, each.lost, each.behind) for each in found] == [(10, 0, 0), (0, 0, 30), (10, 0, 0)]
    assert whole(found[1]).behind == pytest.approx(15.0)
    # What the first one did beyond its last record that is left is not known any more.
    ended = {"how": "left", "step": 20, "time": spent(0.0, 20)}
    found = accounts([begun(1, 0.0, 0, ended=ended), *sessions[1:]], journal, saved=20)
    assert [(each.kept, each.lost, each.behind) for each in found] == [(10, 0, 10), (0, 0, 30), (10, 0, 0)]


def test_a_session_that_ended_tells_exactly_what_it_did_and_how_long_it_took_to_leave() -> None:
    end = spent(0.0, 25, 1)
    ended = {"how": "stopped by SIGTERM", "step": 25, "time": {**end, "age": end["age"] + 4, "unix": end["unix"] + 4}}
    (only,) = accounts([begun(1, 0.0, 0, ended=ended)], [record(0.0, 0, 10), record(0.0, 0, 20)], saved=25)
    assert (only.steps, only.kept) == (25, 25)
    assert whole(only) == Spent(
        trained=pytest.approx(12.5), restarting=10.0, stalled=pytest.approx(0.1), closing=pytest.approx(4.0)
    )


def test_a_run_that_goes_on_has_lost_nothing_yet_and_one_that_was_killed_has() -> None:
    journal = [record(0.0, 0, 10), record(0.0, 0, 20)]
    (running,) = accounts([begun(1, 0.0, 0)], journal, saved=None)
    (killed,) = accounts([begun(1, 0.0, 0)], journal, saved=10)
    assert (running.kept, running.lost, killed.kept, killed.lost) == (20, 0, 10, 10)
    assert whole(killed).lost == pytest.approx(5.0)


def test_a_session_that_left_no_record_was_a_start() -> None:
    first, second = accounts([begun(1, 0.0, 0), begun(2, 100.0, 0)], [record(100.0, 0, 10)], saved=10, step=STEP)
    assert (first.steps, first.seen - first.born) == (0, 8.0)
    assert whole(first) == Spent(restarting=8.0)
    assert second.kept == 10


def test_a_step_too_few_to_tell_takes_what_it_takes_elsewhere() -> None:
    (one,) = accounts([begun(1, 0.0, 0)], [record(0.0, 0, 10)], saved=None, step=STEP)
    assert whole(one) == Spent(trained=5.0, restarting=10.0)
    (unknown,) = accounts([begun(1, 0.0, 0)], [record(0.0, 0, 10)], saved=None)
    assert whole(unknown) == Spent(trained=7.0, restarting=8.0)


def test_a_record_belongs_to_the_last_session_that_began_where_it_counts_from() -> None:
    """The one before began there too, and left nothing: its records were cut off."""
    sessions = [begun(1, 0.0, 0), begun(2, 100.0, 10), begun(3, 200.0, 10, cut=cut(100.0, 10, 5))]
    found = accounts(sessions, [record(0.0, 0, 10), record(200.0, 10, 10)], saved=20, step=STEP)
    assert [(each.kept, each.lost) for each in found] == [(10, 0), (0, 5), (10, 0)]


def test_what_an_older_version_recorded_is_not_invented() -> None:
    old = Session(1, 1000.0, "h", 1)
    (only,) = accounts([old], [{"at": "step", "epoch": 0, "step": 5, "time": {"unix": 1005.0}}], saved=5)
    assert (only.steps, only.spent) == (0, Spent())


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), st.booleans()), min_size=1, max_size=8))
def test_every_step_has_one_fate_and_every_second_too(lives: list[tuple[int, int, bool]]) -> None:
    """Sessions of so many steps, each begun so many steps back from where the one before it ended."""
    sessions, journal, start, done, born = list[Session](), list[Record](), 0, 0, 0.0
    for number, (steps, back, wished) in enumerate(lives, 1):
        start = max(0, start + done - back)
        thrown = cut(born, sessions[-1].start, done) if number > 1 and done else None
        journal, born = [each for each in journal if each["step"] <= start], 100.0 * number
        sessions.append(begun(number, born, start, wished=wished, cut=thrown))
        journal += [record(born, start, at) for at in range(1, steps + 1)]
        done = steps
    found = accounts(sessions, journal, saved=start + done, step=STEP)
    assert sum(each.kept for each in found) == start + done
    for each in found:
        whole(each)
