"""The seam, where all processes save and stop together"""

import os
import re
import signal
from pathlib import Path

import pytest

import unbroken
from tests.unbroken import tiny, worlds
from unbroken import load


def training(folder: str, told: int | None = None, number: int = 0, **options: object) -> None:
    """Train; the process of rank `told` is sent a signal in the fourth batch of the first epoch."""
    with unbroken.Run(folder, tiny.feed(), epochs=2, **options) as run:  # pyright: ignore[reportArgumentType]
        net, optimizer, scheduler = tiny.parts()
        model = run.parallel(net)
        run.keep(model=net, optimizer=optimizer, scheduler=scheduler)
        for epoch in run:
            for batch in epoch:
                if run.world.rank == told and epoch.step == 3:
                    os.kill(os.getpid(), number)
                loss = model(batch).square().mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                run.log({"loss": loss})
            scheduler.step()
            print(f"left at {epoch.step}")


@pytest.mark.parametrize(("told", "number"), [(0, signal.SIGINT), (1, signal.SIGTERM), (1, signal.SIGUSR1)])
def test_a_signal_that_reaches_one_process_stops_all_with_its_code_and_one_state(
    told: int, number: signal.Signals, tmp_path: Path
) -> None:
    ended = worlds.run(2, training, str(tmp_path), told, number)
    assert [each.code for each in ended] == [128 + number] * 2
    assert f"Stopped by {number.name}: " in ended[0].out
    tree = load(str(tmp_path / "checkpoint.pt"))
    assert tree["step"] >= 4
    saved = f"{tree['epoch']} epochs and {tree['batch']} of 5 batches are done, saved in"
    assert saved in ended[0].out
    assert "Stopped" not in ended[1].out
    again = worlds.good(2, training, str(tmp_path))
    assert "Finished: all 2 epochs are done" in again[0]


def test_a_file_to_stop_at_that_is_there_is_said_by_the_lead_alone(tmp_path: Path) -> None:
    (tmp_path / "stop").touch()
    stop = unbroken.Stop(file=str(tmp_path / "stop"))
    lead, other = worlds.run(2, stopping, str(tmp_path / "run"), stop)
    assert "would stop the run at once" in lead.out
    assert (other.code, other.out) == (2, "")


def stopping(folder: str, stop: unbroken.Stop) -> None:
    training(folder, stop=stop)


def test_the_end_of_the_hours_stops_all_with_75(tmp_path: Path) -> None:
    ended = worlds.run(2, stopping, str(tmp_path), unbroken.Stop(hours=1e-9))
    assert [each.code for each in ended] == [75, 75]
    assert "Stopped by the end of its 1e-09 hours" in ended[0].out


def test_the_lead_alone_speaks_and_writes(tmp_path: Path) -> None:
    outs = worlds.good(2, training, str(tmp_path))
    assert "--- starting Epoch # 000" in outs[0]
    assert re.sub(r"left at \d+\n", "", outs[1]) == ""
    assert (tmp_path / "journal.jsonl").read_text().count('"at": "epoch"') == 2


def test_another_number_of_processes_is_told_and_goes_on(tmp_path: Path) -> None:
    worlds.run(2, training, str(tmp_path), 0, signal.SIGTERM)
    out = worlds.good(1, training, str(tmp_path))[0]
    assert "from 2 processes to 1: the same batches in the same order; sums round differently, and what" in out
    assert "Finished" in out
