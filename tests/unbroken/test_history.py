"""Who wins"""

import json
import shutil
from pathlib import Path

import pytest

from tests.unbroken import tiny
from tests.unbroken.test_shelf import damage_any, listing
from unbroken import Keep, history, load, testing
from unbroken.errors import Damaged, Foreign, Missing
from unbroken.journal import Journal
from unbroken.shelf import Found, Shelf


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
