"""What the next start would do"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import SGD, Optimizer
from torch.optim import lr_scheduler as schedules

from tests.unbroken import children, tiny
from tests.unbroken.test_shelf import damage_any
from unbroken import Every, Run
from unbroken.errors import Drift, Mismatch, Missing, Misuse

# Torch looks for a step of the optimizer in this process; the one before the interruption it cannot see.
pytestmark = pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step")


def listing(folder: Path) -> dict[str, tuple[int, bytes]]:
    """All that is in a folder, with its times and its content."""
    return {
        str(path): (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in (folder, *folder.rglob("*"))
    }


def explained(folder: Path, capsys: pytest.CaptureFixture[str], **options: Any) -> list[str]:
    """The lines that --explain says; nothing in the folder is changed by it."""
    before = listing(folder) if folder.exists() else {}
    capsys.readouterr()
    run = tiny.train(folder, **{"epochs": 3, **options}, explain=True)
    assert (listing(folder) if folder.exists() else {}) == before
    assert run.saved is None
    return capsys.readouterr().out.splitlines()


HEAD = "--explain: nothing is trained, and nothing in the work dir is changed"


def test_where_there_is_no_state_a_run_begins_anew_and_no_folder_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = explained(tmp_path / "new", capsys)
    assert said[:3] == [HEAD, f"begins anew: {tmp_path}/new holds no state", "every part starts fresh"]
    assert said[3:] == [
        "learning rate in optimizer: 0.01",
        "learning rate after the next step of scheduler: 0.00975528",
    ]
    assert not (tmp_path / "new").exists()


def test_everything_that_a_start_would_say_and_do_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tiny.train(tmp_path, epochs=3, inside=tiny.at(6, "leave"))
    path = tmp_path / "checkpoint.pt"
    said = explained(tmp_path, capsys)
    assert said[1].startswith(f"goes on from {path}, the newest whole state: saved ")
    assert said[1].endswith(" seconds ago")
    assert [said[0], *said[2:]] == [
        HEAD,
        "position: 1 of 3 epochs, 2 of 5 batches; step 7",
        "what it would say:",
        "Resuming from epoch 1",
        "Loaded optimizer state",
        "Loaded scheduler state",
        f"Load model from {path}",
        "learning rate in optimizer: 0.00975528",
        "learning rate after the next step of scheduler: 0.00904508",
        "settings and machine: as recorded",
    ]


def test_what_was_asked_for_is_told_as_such(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wish = str(run / "checkpoints" / "E001_net.pt")
    assert explained(run, capsys, resume=wish)[1].startswith(f"goes on from {wish}, which was asked for: saved ")


def test_what_is_rejected_is_told_with_its_reason_and_stays_where_it_is(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damage_any(str(run / "checkpoint.pt"))
    said = explained(run, capsys)
    assert said[1].startswith(f"goes on from {run}/checkpoints/E003_net.pt, the newest whole state: ")
    assert said[2].startswith(f"rejected: {run}/checkpoint.pt is cut short or damaged: ")


def test_what_would_stop_a_start_stops_the_explanation_at_its_end(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Drift, match=r"seed +0 +1\n +lr +\(none\) +0\.5\n"):
        explained(run, capsys, seed=1, settings={"lr": 0.5})
    said = capsys.readouterr().out.splitlines()
    assert said[0] == HEAD
    assert "Loaded optimizer state" in said
    assert "settings and machine: as recorded" not in said
    allowed = explained(run, capsys, settings={"lr": 0.5}, allow=["lr"])
    assert "allowed to change: lr from (none) to 0.5" in allowed


def test_a_finished_run_and_one_that_is_asked_for_less_are_told(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "finished: nothing is left to do" in explained(run, capsys, epochs=3)
    with pytest.raises(Misuse, match="2 epochs were asked for, but 3 are done in "):
        explained(run, capsys, epochs=2)


def test_a_wrong_path_and_a_part_that_does_not_fit_are_errors_as_in_a_start(run: Path) -> None:
    before = listing(run)
    with pytest.raises(Missing):
        tiny.train(run, epochs=3, resume=str(run / "nothing.pt"), explain=True)
    with Run(str(run), tiny.feed(), epochs=3, explain=True) as asked:
        asked.keep(model=nn.Linear(7, 7))
        with pytest.raises(Mismatch):
            iter(asked)
    assert listing(run) == before


# ---- beside a live run


def trains(folder: Path, pauses: bool) -> None:
    def inside(epoch: Any) -> None:
        if epoch.step == 8:
            print("ready", flush=True)
            time.sleep(60 * pauses)

    tiny.train(folder, epochs=10**6, inside=inside, save=Every(minutes=1e-9, background=False))


def test_a_held_lock_is_neither_needed_nor_touched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with children.Child(trains, tmp_path / "run", True) as trainer:
        trainer.until("ready")
        assert str(trainer.pid) in (tmp_path / "run" / "run.lock").read_text()
        said = explained(tmp_path / "run", capsys, epochs=10**6)
    assert f"goes on from {tmp_path}/run/checkpoint.pt" in said[1]


def test_it_works_while_states_are_replaced_under_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with children.Child(trains, tmp_path / "run", False) as trainer:
        trainer.until("ready")
        for _ in range(8):
            tiny.train(tmp_path / "run", epochs=10**6, explain=True)
            said = capsys.readouterr().out
            assert "settings and machine: as recorded" in said
            assert "rejected" not in said
        assert trainer.process.is_alive()


# ---- learning rates

Make = Callable[[Optimizer], Any]
MADE: dict[str, Make] = {
    "cosine": lambda optimizer: schedules.CosineAnnealingLR(optimizer, 10, eta_min=1e-4),
    "one cycle": lambda optimizer: schedules.OneCycleLR(optimizer, max_lr=[0.5, 0.1], total_steps=20),
    "steps": lambda optimizer: schedules.StepLR(optimizer, 4),
    "in a row": lambda optimizer: schedules.SequentialLR(
        optimizer, [schedules.ConstantLR(optimizer, 0.1), schedules.ExponentialLR(optimizer, 0.9)], [2]
    ),
}


def made(make: Make) -> tuple[nn.Module, Optimizer, Any]:
    model = nn.Linear(2, 2)
    groups: list[dict[str, Any]] = [{"params": [model.weight]}, {"params": [model.bias], "lr": 0.02}]
    optimizer = SGD(groups, lr=0.3)
    return model, optimizer, make(optimizer)


def looped(folder: Path, make: Make, epochs: int, measure: Sequence[float] = (), **options: Any) -> None:
    with Run(str(folder), tiny.feed(), epochs=epochs, **options) as run:
        model, optimizer, scheduler = made(make)
        run.keep(model=model, optimizer=optimizer, scheduler=scheduler)
        for epoch in run:
            list(epoch)
            optimizer.step()
            scheduler.step(*measure)


def rates(optimizer: Optimizer) -> str:
    return ", ".join(f"{group['lr']:.6g}" for group in optimizer.param_groups)


@pytest.mark.parametrize("name", MADE)
def test_the_learning_rates_of_every_group_are_those_of_the_run_that_goes_on(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, optimizer, scheduler = made(MADE[name])
    for _ in range(3):
        optimizer.step()
        scheduler.step()
    now = rates(optimizer)
    scheduler.step()
    looped(tmp_path, MADE[name], 3)
    capsys.readouterr()
    looped(tmp_path, MADE[name], 5, explain=True)
    assert capsys.readouterr().out.splitlines()[-3:-1] == [
        f"learning rate in optimizer: {now}",
        f"learning rate after the next step of scheduler: {rates(optimizer)}",
    ]
    assert now != rates(optimizer)


def test_a_schedule_that_is_at_its_end_has_no_next_rate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def make(optimizer: Optimizer) -> Any:
        return schedules.OneCycleLR(optimizer, max_lr=0.5, total_steps=3)

    looped(tmp_path, make, 3)
    capsys.readouterr()
    looped(tmp_path, make, 3, explain=True)
    last = capsys.readouterr().out.splitlines()[-2]
    assert last.startswith("learning rate after the next step of scheduler: there is none (Tried to step 4 times")


def test_of_a_schedule_that_asks_for_a_measure_only_the_rate_now_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def make(optimizer: Optimizer) -> Any:
        return schedules.ReduceLROnPlateau(optimizer, factor=0.1, patience=0)

    looped(tmp_path, make, 2, measure=[1.0])  # no better the second time
    capsys.readouterr()
    looped(tmp_path, make, 3, measure=[1.0], explain=True)
    said = capsys.readouterr().out.splitlines()
    assert [line for line in said if "rate" in line] == ["learning rate in optimizer: 0.03, 0.002"]


def test_a_rate_that_is_a_tensor_is_told_as_a_number(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Run(str(tmp_path), tiny.feed(), epochs=1, explain=True) as run:
        run.keep(optimizer=SGD([nn.Parameter(torch.ones(1))], lr=torch.tensor(0.25)))
        assert list(run) == []
    assert capsys.readouterr().out.splitlines()[-1] == "learning rate in optimizer: 0.25"
