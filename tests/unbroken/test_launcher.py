"""The torchrun that started a process, played by a process that forks another"""

import os
import subprocess
import time
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from tests.unbroken import children
from unbroken import Stop, launcher
from unbroken.errors import Occupied
from unbroken.shelf import Shelf
from unbroken.signals import Wish
from unbroken.stop import Notice


def orphaned(function: Callable[..., Generator[None]], *arguments: object) -> None:
    """Be a torchrun that dies as soon as its process, which calls a generator function, has yielded once."""
    os.environ["TORCHELASTIC_RUN_ID"] = "none"
    begun, begin = os.pipe()
    if os.fork():
        os.read(begun, 1)
        os._exit(0)
    steps, parent = function(*arguments), os.getppid()
    next(steps)
    os.write(begin, b"x")
    while os.getppid() == parent:
        time.sleep(0.01)
    next(steps, None)


def asked() -> Generator[None]:
    notice = Notice(Wish(), Stop())
    print(notice.given(None), flush=True)
    yield
    print(notice.given(None), notice.name, notice.code, flush=True)


def test_the_death_of_torchrun_is_a_notice_to_stop() -> None:
    ended = children.run(orphaned, asked)
    assert ended.out == "False\nTrue the death of its torchrun 75\n"


def test_the_death_of_any_other_parent_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A job goes on when the shell that started it has gone."""
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    assert launcher.pid() == 0
    assert launcher.age() == 0.0


def test_hours_begin_with_torchrun_and_not_anew_with_its_restarts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    age = launcher.age()  # of this test's parent, which may be as old as the machine
    assert 0.0 < age < time.clock_gettime(time.CLOCK_BOOTTIME)
    assert launcher.age() >= age
    assert Notice(Wish(), Stop(hours=age / 7200)).given(None)
    assert not Notice(Wish(), Stop(hours=age / 3600 + 1)).given(None)


def holding(folder: str, seconds: float) -> Generator[None]:
    with Shelf(folder).locked(print):
        print("held", flush=True)
        yield
        time.sleep(seconds)


def test_a_trainer_whose_torchrun_is_gone_is_waited_for(tmp_path: Path) -> None:
    said = list[str]()
    with children.Child(orphaned, holding, str(tmp_path), 1.0) as gone:
        gone.until("held")
        gone.process.join()
        with Shelf(str(tmp_path)).locked(said.append):
            pass
    assert len(said) == 1
    assert said[0].startswith("waiting for pid ")
    assert said[0].endswith("its torchrun is gone, so it saves and leaves")


def test_a_trainer_whose_torchrun_is_there_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    shelf = Shelf(str(tmp_path))
    with shelf.locked(print), pytest.raises(Occupied), Shelf(shelf.folder).locked(print):
        pass


def test_a_process_is_as_old_as_it_is_and_one_that_is_not_there_has_no_age() -> None:
    began = time.monotonic()
    with subprocess.Popen(["sleep", "9"]) as child:
        age = launcher.age_of(child.pid)
        assert age is not None
        assert age <= time.monotonic() - began + 0.02  # the system counts in hundredths
        child.kill()
    assert launcher.age_of(child.pid) is None
