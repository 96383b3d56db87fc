"""What a run refuses, and that a refused or finished start changes nothing"""

import contextlib
import hashlib
import shutil
from pathlib import Path

import pytest
import torch
from torch import nn

from tests.unbroken import tiny
from tests.unbroken.test_run import equal, keeps, records
from tests.unbroken.test_shelf import damage_any
from unbroken import Keep, Run
from unbroken.errors import Damaged, Drift, Error, Foreign, Mismatch, Missing, Misuse, Occupied


def listing(folder: Path) -> dict[str, tuple[str, int]]:
    """Every file with the hash of its bytes and the time of its last change."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(p): (hashlib.sha256(p.read_bytes()).hexdigest(), p.stat().st_mtime_ns) for p in files}


def states(folder: Path) -> dict[str, tuple[str, int]]:
    """The same without the lock, which every start takes."""
    return {path: facts for path, facts in listing(folder).items() if not path.endswith("run.lock")}


def test_a_finished_run_started_again_says_so_and_changes_no_byte(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = states(run)
    capsys.readouterr()
    tiny.train(run, epochs=3)
    said = capsys.readouterr().out
    assert said == "Finished: all 3 epochs are done; nothing to do (a larger number extends the run)\n"
    assert states(run) == before


def test_more_epochs_extend_a_finished_run(run: Path, tmp_path: Path) -> None:
    tiny.train(run, epochs=4, snapshots=Keep(every=1))
    tiny.train(tmp_path / "whole", epochs=4, snapshots=Keep(every=1))
    assert equal(run, tmp_path / "whole")


def test_fewer_epochs_than_are_done_are_refused_and_nothing_changes(run: Path) -> None:
    before = states(run)
    with pytest.raises(Misuse, match=r"2 epochs were asked for, but 3 are done in .*checkpoint\.pt"):
        tiny.train(run, epochs=2)
    assert states(run) == before


# ---- what is refused


@pytest.mark.parametrize("wish", ["missing", "text", "folder", "weights", "damaged"])
def test_a_bad_wish_leaves_the_folder_as_it_was(wish: str, run: Path, tmp_path: Path) -> None:
    path, kind = tmp_path / "wish.pt", {"missing": Missing, "damaged": Damaged}.get(wish, Foreign)
    if wish == "text":
        path.write_text("hello")
    elif wish == "folder":
        path.mkdir()
    elif wish == "weights":
        torch.save(nn.Linear(1, 1).state_dict(), path)
    elif wish == "damaged":
        damage_any(shutil.copy(run / "checkpoint.pt", path))
    before = listing(run)
    for folder in (run, tmp_path / "new"):
        with pytest.raises(kind):
            tiny.train(folder, epochs=5, resume=str(path))
    assert listing(run) == before
    assert not (tmp_path / "new").exists()


def test_changed_settings_are_refused_and_nothing_changes(run: Path) -> None:
    before = states(run)
    for options in ({"seed": 1}, {"settings": {"lr": 3}}):
        with pytest.raises(Drift):
            tiny.train(run, epochs=4, **options)
    assert states(run) == before


def test_a_refused_start_does_not_set_a_damaged_state_aside(run: Path) -> None:
    damage_any(str(run / "checkpoint.pt"))
    before = states(run)
    with pytest.raises(Drift):
        tiny.train(run, epochs=4, seed=1)
    assert states(run) == before


def test_a_model_that_does_not_fit_is_refused_and_nothing_changes(run: Path) -> None:
    before = states(run)
    with pytest.raises(Mismatch, match="model does not fit the saved state: "):
        keeps(run, 5, model=nn.Linear(7, 7))
    assert states(run) == before


def test_two_runs_in_one_folder_exclude_each_other(tmp_path: Path) -> None:
    with Run(str(tmp_path), tiny.feed(), epochs=1), pytest.raises(Occupied):
        tiny.train(tmp_path)


def test_a_run_outside_its_with_block_is_refused_and_touches_nothing(run: Path) -> None:
    before = states(run)
    forgotten = Run(str(run), tiny.feed(), epochs=5)
    forgotten.keep(model=tiny.parts()[0])
    with pytest.raises(Misuse):
        next(iter(forgotten))
    assert states(run) == before


def test_a_second_loop_over_the_same_run_loses_nothing(tmp_path: Path) -> None:
    with contextlib.suppress(Misuse), Run(str(tmp_path), tiny.feed(), epochs=3, log_every=1) as run:
        for epoch in run:
            for _ in epoch:
                run.log({"loss": 1.0})
            break
        for epoch in run:
            for _ in epoch:
                run.log({"loss": 1.0})
    steps = [record["step"] for record in records(tmp_path, "step")]
    assert steps[:5] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("name", ["epoch", "batch", "means", "settings", "digest", "state_dict", "kept"])
def test_a_name_that_a_checkpoint_uses_itself_cannot_be_kept(name: str, tmp_path: Path) -> None:
    with Run(str(tmp_path), tiny.feed(), epochs=1) as run, pytest.raises(Misuse, match="the name is taken"):
        run.keep(**{name: nn.Linear(1, 1)})


def test_what_is_kept_twice_late_or_without_a_state_is_refused(tmp_path: Path) -> None:
    with Run(str(tmp_path), tiny.feed(), epochs=1) as run:
        run.keep(model=nn.Linear(1, 1))
        with pytest.raises(Misuse, match=r"keep\(model=…\): the name is taken"):
            run.keep(model=nn.Linear(1, 1))
        with pytest.raises(Misuse, match=r"keep\(numbers=…\): list has no state_dict"):
            run.keep(numbers=[])
        for epoch in run:
            with pytest.raises(Misuse, match="the loop has already begun"):
                run.keep(late=nn.Linear(1, 1))
            list(epoch)


@pytest.mark.parametrize(("name", "number"), [("epochs", 0), ("log_every", 0), ("seed", -1), ("virtual_ranks", -1)])
def test_numbers_are_not_below_their_least(name: str, number: int, tmp_path: Path) -> None:
    with pytest.raises(Misuse, match=f"{name} {number}: at least {number + 1}"):
        Run(str(tmp_path / "run"), tiny.feed(), **{"epochs": 1, name: number})
    assert not (tmp_path / "run").exists()


def test_every_refusal_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(Error):
        Run(str(tmp_path), tiny.feed(), epochs=0)
