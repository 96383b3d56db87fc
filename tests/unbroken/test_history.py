"""Who wins"""

import json
import shutil
from pathlib import Path

import pytest

from tests.unbroken import tiny
from tests.unbroken.test_shelf import damage_any, listing
from unbroken import Every, Keep, Stop, Stopped, history, load, testing
from unbroken.errors import Damaged, Foreign, Missing
from unbroken.journal import Journal
from unbroken.shelf import Found, Shelf

# Torch looks for a step of the optimizer in this process; the one before the interruption it cannot see.
pytestmark = pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step")

OFTEN = Every(minutes=1e-9, background=False)
"""Save at every seam."""


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of four epochs with a snapshot of each."""
    folder = tmp_path_factory.mktemp("done") / "run"
    tiny.train(folder, epochs=4, snapshots=Keep(every=1))
    return folder


def sessions(run: Path) -> list[dict[str, object]]:
    return json.loads((run / "run.json").read_text())["sessions"]


def test_without_a_wish_the_newest_state_wins(run: Path) -> None:
    found = history.choose(Shelf(str(run)), None, [], print)
    assert found is not None
    assert found.path == str(run / "checkpoint.pt")
    assert history.choose(Shelf(str(run / "new")), None, [], print) is None


def test_a_wish_that_was_not_granted_yet_wins_over_the_newest(run: Path) -> None:
    wish = str(run / "checkpoints" / "E002_net.pt")
    found = history.choose(Shelf(str(run)), wish, [], print)
    assert found is not None
    assert (found.path, found.tree["epoch"]) == (wish, 2)


@pytest.mark.parametrize("wish", ["nothing.pt", "journal.jsonl"])
def test_a_wish_for_what_is_no_state_is_refused_although_there_is_a_good_one(run: Path, wish: str) -> None:
    with pytest.raises((Missing, Foreign)):
        history.choose(Shelf(str(run)), str(run / wish), [], print)


def test_a_damaged_wish_is_refused_and_stays_where_it_is(run: Path) -> None:
    wish = run / "checkpoints" / "E002_net.pt"
    damage_any(str(wish))
    before = listing(Shelf(str(run)))
    with pytest.raises(Damaged):
        history.choose(Shelf(str(run)), str(wish), [], print)
    assert listing(Shelf(str(run))) == before


def test_going_back_moves_later_states_aside_and_copies_the_journal(run: Path) -> None:
    journal, said = (run / "journal.jsonl").read_bytes(), list[str]()
    shelf, found = Shelf(str(run)), Found(str(run / "checkpoints" / "E002_net.pt"), {})
    found = Found(found.path, load(found.path))
    history.branch(shelf, Journal(str(run / "journal.jsonl")), found, said.append)
    behind = run / "checkpoints" / "left-behind"
    assert sorted(p.name for p in behind.iterdir()) == [
        "E003_net.pt", "E004_net.pt", "checkpoint.prev.pt", "checkpoint.pt", "journal.jsonl",
    ]  # fmt: skip
    assert (behind / "journal.jsonl").read_bytes() == journal
    assert said == [f"the history begins at {found.path}: 4 later states were moved to {behind}"]


def test_going_on_from_the_newest_moves_nothing(run: Path) -> None:
    before, shelf = listing(Shelf(str(run))), Shelf(str(run))
    found = shelf.newest()
    assert found is not None
    with (run / "journal.jsonl").open("a") as journal:
        journal.write("written after the last save, and before the kill\n")
    history.branch(shelf, Journal(str(run / "journal.jsonl")), found, print)
    assert listing(shelf) == before


def test_the_mark_of_a_state_is_that_of_the_journal_beside_it(run: Path) -> None:
    shelf, journal = Shelf(str(run)), Journal(str(run / "journal.jsonl"))
    found = shelf.newest()
    assert found is not None
    assert history.settle(shelf, journal, found, print) == found.tree["journal"]


@pytest.mark.parametrize("state", ["checkpoint.pt", "checkpoints/E002_net.pt"])
def test_a_state_from_another_folder_brings_its_records(run: Path, state: str, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    shelf, journal = Shelf(str(tmp_path / "new")), Journal(str(tmp_path / "new" / "journal.jsonl"))
    path = str(run / state)
    found = Found(path, load(path))
    assert history.settle(shelf, journal, found, print) == found.tree["journal"]
    assert journal.holds(found.tree["journal"])


def test_the_records_of_another_history_are_moved_and_not_lost(run: Path) -> None:
    shelf, journal, said = Shelf(str(run)), Journal(str(run / "journal.jsonl")), list[str]()
    Path(journal.path).write_text("another story\n")
    found = shelf.newest()
    assert found is not None
    assert history.settle(shelf, journal, found, said.append) is None
    assert (run / "checkpoints" / "left-behind" / "journal.jsonl").read_text() == "another story\n"
    assert "does not hold the records that" in said[0]
    assert "no journal with the records before" in said[1]


# ---- whole runs


def epochs(run: Path) -> list[int]:
    records = map(json.loads, (run / "journal.jsonl").read_text().splitlines())
    return [record["epoch"] for record in records if record["at"] == "epoch"]


def test_a_wish_is_granted_once(run: Path, done: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wish = str(run / "checkpoints" / "E002_net.pt")
    tiny.train(run, epochs=4, resume=wish, inside=tiny.at(17, "leave"), snapshots=Keep(every=1))
    assert "Resuming from epoch 2" in capsys.readouterr().out
    tiny.train(run, epochs=4, resume=wish, snapshots=Keep(every=1))
    said = capsys.readouterr().out
    assert f"--resume {wish} was granted on " in said
    assert "Resuming from epoch 3" in said
    assert testing.difference(str(run / "checkpoint.pt"), str(done / "checkpoint.pt")) is None
    assert epochs(run) == [1, 2, 3, 4]


def test_the_previous_state_is_wished_for_by_name_although_its_content_changes(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wish = str(run / "checkpoint.prev.pt")
    tiny.train(run, epochs=4, resume=wish, inside=tiny.at(17, "leave"))
    assert "Resuming from epoch 3" in capsys.readouterr().out
    tiny.train(run, epochs=4, resume=wish)
    said = capsys.readouterr().out
    assert "was granted on" in said
    assert "Resuming from epoch 3" in said
    assert load(str(run / "checkpoint.pt"))["step"] == 20
    assert [s["ended"] is not None for s in sessions(run)] == [True, True, True]


def test_a_copy_under_another_name_is_a_wish_of_its_own(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wish = run / "checkpoints" / "E002_net.pt"
    copy = shutil.copy(wish, run / "again.pt")
    tiny.train(run, epochs=3, resume=str(wish))
    capsys.readouterr()
    tiny.train(run, epochs=3, resume=str(copy))
    assert "Resuming from epoch 2" in capsys.readouterr().out


def test_a_state_of_another_folder_begins_a_run_of_its_own(run: Path, done: Path, tmp_path: Path) -> None:
    before = {p: p.read_bytes() for p in done.rglob("*") if p.is_file()}
    tiny.train(tmp_path / "new", epochs=4, resume=str(done / "checkpoints" / "E001_net.pt"))
    assert testing.difference(str(tmp_path / "new" / "checkpoint.pt"), str(done / "checkpoint.pt")) is None
    assert testing.records(str(tmp_path / "new")) == testing.records(str(done))
    assert {p: p.read_bytes() for p in done.rglob("*") if p.is_file()} == before


# ---- a state that every session crashes from


def crash(_: object) -> None:
    raise ZeroDivisionError


def sessions_of(folder: Path, *words: str) -> None:
    """A run of eight steps, then sessions that go on: "crash" at once, "step" and crash, or "stop" before a batch."""
    tiny.train(folder, epochs=3, inside=tiny.at(7, "leave"))
    for word in words:
        acts = iter([crash] if word == "crash" else [bool, crash])
        stop = Stop(hours=1e-9) if word == "stop" else None
        with pytest.raises((ZeroDivisionError, Stopped)):
            tiny.train(folder, epochs=3, inside=lambda epoch, acts=acts: next(acts)(epoch), save=OFTEN, stop=stop)


def said_at_the_next_start(folder: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    capsys.readouterr()
    tiny.train(folder, epochs=3, inside=lambda epoch: "leave")
    return [line for line in capsys.readouterr().out.splitlines() if line.startswith("Warning")]


def test_a_state_from_which_three_sessions_crashed_at_once_is_named_and_the_one_before_it_offered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sessions_of(tmp_path, "crash", "crash", "crash")
    assert said_at_the_next_start(tmp_path, capsys) == [
        f"Warning: the last 3 sessions from {tmp_path}/checkpoint.pt ended before another state was saved "
        "(ZeroDivisionError: ). If the state itself is the reason, go back to an older one: "
        f"--resume {tmp_path}/checkpoint.prev.pt"
    ]


def test_what_is_offered_is_older_whole_and_can_be_gone_back_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sessions_of(tmp_path, "crash", "crash", "crash")
    wish = str(tmp_path / "checkpoint.prev.pt")
    tiny.train(tmp_path, epochs=3, resume=wish, inside=tiny.at(5, "leave"))
    said = capsys.readouterr().out
    assert "Resuming from epoch 1" in said
    assert load(str(tmp_path / "checkpoint.pt"))["step"] == 6


@pytest.mark.parametrize(
    "words",
    [
        ("crash", "crash"),
        ("crash", "crash", "step", "crash"),  # progress
        ("crash", "crash", "stop", "crash"),  # peace
        ("stop", "stop", "stop"),
    ],
    ids=" ".join,
)
def test_fewer_crashes_or_peace_or_progress_in_between_are_no_reason_to_speak(
    words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sessions_of(tmp_path, *words)
    assert said_at_the_next_start(tmp_path, capsys) == []


def crashes(state: str, *hows: str | None) -> list[dict[str, object]]:
    return [{"state": state, "ended": {"how": how} if how else None} for how in hows]


def test_sessions_that_were_killed_count_too_and_where_nothing_older_is_whole_a_pattern_is_offered(
    tmp_path: Path,
) -> None:
    tiny.train(tmp_path, epochs=2, inside=tiny.at(3, "leave"))
    shelf = Shelf(str(tmp_path))
    damage_any(shelf.previous)
    found = shelf.newest()
    assert found is not None
    warning = history.poisoned(shelf, found, crashes(found.tree["digest"], None, "OSError: x", None))
    assert warning is not None
    assert "(it was killed, or died without a word)" in warning
    assert warning.endswith(f" --resume {tmp_path}/checkpoints/E…_net.pt")


@pytest.mark.parametrize("how", ["finished", "left", "stopped by SIGTERM", "stopped by the end of its 1 hours"])
def test_only_the_last_sessions_in_a_row_count(how: str, run: Path) -> None:
    shelf = Shelf(str(run))
    found = shelf.newest()
    assert found is not None
    digest = found.tree["digest"]
    assert history.poisoned(shelf, found, crashes(digest, None, how, None, None)) is None
    assert history.poisoned(shelf, found, crashes("of another state", None, None, None)) is None
    assert history.poisoned(shelf, found, crashes(digest, how, None, None, None)) is not None
