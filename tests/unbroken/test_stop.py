"""When a run stops by itself, and the notice to stop"""

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.unbroken import tiny
from unbroken import Every, Stop, Stopped, load, stop, testing
from unbroken.errors import Misuse
from unbroken.every import Cost
from unbroken.signals import Wish
from unbroken.stop import Notice

# Torch looks for a step of the optimizer in this process; the one before the interruption it cannot see.
pytestmark = pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step")

MEASURED = Every(minutes=1e-9, background=False)
"""A save, and with it a measured cost, at every seam."""


def wished(number: signal.Signals, ago: float = 0.0) -> Wish:
    wish = Wish()
    wish.signal, wish.at = number, time.monotonic() - ago
    return wish


@pytest.mark.parametrize(
    "options", [{"hours": 0}, {"hours": -1}, {"hours": float("nan")}, {"grace": -1}, {"grace": 1e10}]
)
def test_a_limit_that_is_none_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(Misuse, match=r"Stop\(.*\): hours is more than 0, grace \(seconds\) at least 0"):
        Stop(**options)


def test_by_default_only_a_signal_stops_a_run() -> None:
    wish = Wish()
    notice = Notice(wish, Stop())
    assert not notice.given(Cost(1e9, 1e9))
    wish.signal, wish.at = signal.SIGTERM, time.monotonic()
    assert notice.given(None)
    assert (notice.name, notice.code, notice.left()) == ("SIGTERM", 143, None)


def test_a_save_has_to_fit_in_before_the_hours_end() -> None:
    """Twice its cost, since the next one may take longer."""
    assert not Notice(Wish(), Stop(hours=1)).given(None)
    assert not Notice(Wish(), Stop(hours=1)).given(Cost(1.0, 1700.0))
    notice = Notice(Wish(), Stop(hours=1))
    assert notice.given(Cost(1.0, 1900.0))
    assert (notice.name, notice.code) == ("the end of its 1 hours", 75)


def test_a_file_that_is_there_stops_also_when_it_is_a_link_to_nowhere(tmp_path: Path) -> None:
    path = tmp_path / "leave"
    assert not Notice(Wish(), Stop(file=str(path))).given(None)
    path.symlink_to("nowhere")
    notice = Notice(Wish(), Stop(file=str(path)))
    assert notice.given(None)
    assert (notice.name, notice.code) == (f"the file {path}", 75)


def test_the_file_is_looked_for_once_in_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks, exists = list[object](), os.path.lexists
    monkeypatch.setattr(os.path, "lexists", lambda path: (looks.append(path), exists(path))[1])
    monkeypatch.setattr(stop, "LOOK", 3600.0)
    notice = Notice(Wish(), Stop(file=str(tmp_path / "leave")))
    notice._looked = -3600.0  # a machine may have been started a moment ago
    assert not any(notice.given(None) for _ in range(5))
    assert len(looks) == 1


def test_a_signal_counts_before_the_file_and_the_hours(tmp_path: Path) -> None:
    notice = Notice(wished(signal.SIGUSR1), Stop(file=str(tmp_path), hours=1e-9))
    assert notice.given(None)
    assert (notice.name, notice.code) == ("SIGUSR1", 138)


def test_what_was_noted_first_stays(tmp_path: Path) -> None:
    wish = Wish()
    notice = Notice(wish, Stop(file=str(tmp_path)))
    assert notice.given(None)
    wish.signal, wish.at = signal.SIGTERM, time.monotonic()
    assert notice.given(None)
    assert notice.code == 75


def test_the_grace_counts_from_the_moment_the_signal_came_and_not_from_the_seam() -> None:
    notice = Notice(wished(signal.SIGTERM, ago=3600), Stop(grace=4000))
    notice.given(None)
    left = notice.left()
    assert left is not None
    assert 0 < left <= 400


# ---- whole runs


@pytest.fixture(autouse=True)
def looked_for_at_every_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stop, "LOOK", 0.0)


def stopped(folder: Path, **options: Any) -> int | str | None:
    with pytest.raises(Stopped) as left:
        tiny.train(folder, epochs=3, **options)
    return left.value.code


def test_a_run_that_a_file_stops_is_saved_says_so_and_goes_on_when_the_file_has_gone(
    done: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    notice = tmp_path / "leave"
    limits = Stop(file=str(notice))
    assert stopped(tmp_path / "run", stop=limits, inside=tiny.at(6, notice.touch)) == 75
    where = f"1 epochs and 2 of 5 batches are done, saved in {tmp_path}/run/checkpoint.pt; the same command goes on"
    assert f"Stopped by the file {notice}: {where}" in capsys.readouterr().out
    with pytest.raises(Misuse, match="leave is there, which would stop the run at once"):
        tiny.train(tmp_path / "run", epochs=3, stop=limits)
    notice.unlink()
    tiny.train(tmp_path / "run", epochs=3, stop=limits)
    assert testing.difference(str(tmp_path / "run" / "checkpoint.pt"), str(done / "checkpoint.pt")) is None
    assert testing.records(str(tmp_path / "run")) == testing.records(str(done))


def test_a_run_whose_hours_end_leaves_at_the_next_seam(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert stopped(tmp_path, stop=Stop(hours=1e-9)) == 75
    assert load(str(tmp_path / "checkpoint.pt"))["step"] == 0
    assert (
        "Stopped by the end of its 1e-09 hours: 0 epochs and 0 of 5 batches are done, saved" in capsys.readouterr().out
    )


def test_the_last_batch_of_a_run_is_the_end_of_it_and_no_stop(tmp_path: Path) -> None:
    notice = tmp_path / "leave"
    tiny.train(tmp_path / "run", epochs=1, stop=Stop(file=str(notice)), after=lambda epoch: notice.touch())
    assert load(str(tmp_path / "run" / "checkpoint.pt"))["epoch"] == 1


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGUSR1, 138)]
)  # fmt: skip
def test_a_save_that_does_not_fit_into_the_grace_is_not_begun_and_the_last_durable_state_is_named(
    number: int, code: int, done: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    signalled = tiny.at(6, lambda: os.kill(os.getpid(), number))
    assert stopped(tmp_path / "run", save=MEASURED, stop=Stop(grace=0), inside=signalled) == code
    assert load(str(tmp_path / "run" / "checkpoint.pt"))["step"] == 6
    assert (
        f"Stopped by {signal.Signals(number).name}: 1 epochs and 2 of 5 batches are done, but there was no time to "
        f"save them: {tmp_path}/run/checkpoint.pt holds 1 epochs and 1 batches, from where the same command goes on\n"
    ) in capsys.readouterr().out
    tiny.train(tmp_path / "run", epochs=3)
    assert testing.difference(str(tmp_path / "run" / "checkpoint.pt"), str(done / "checkpoint.pt")) is None


def test_a_save_that_fits_into_the_grace_is_made(tmp_path: Path) -> None:
    signalled = tiny.at(6, lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert stopped(tmp_path, save=MEASURED, stop=Stop(grace=3600), inside=signalled) == 143
    assert load(str(tmp_path / "checkpoint.pt"))["step"] == 7


def test_whoever_handled_signals_before_handles_them_after_any_stop(tmp_path: Path) -> None:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
    before = [signal.getsignal(number) for number in numbers]
    assert stopped(tmp_path / "a", stop=Stop(hours=1e-9)) == 75
    notice = tmp_path / "leave"
    assert stopped(tmp_path / "b", stop=Stop(file=str(notice)), inside=tiny.at(2, notice.touch)) == 75
    assert [signal.getsignal(number) for number in numbers] == before
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set()
