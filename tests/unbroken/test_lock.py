"""The lock on a work dir, held and lost by real processes"""

import errno
import fcntl
import json
import multiprocessing
import os
import platform
import re
import signal
import socket
import tempfile
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from threading import Timer

import pytest

from tests.forks import SERVER
from tests.unbroken import children, tiny
from unbroken import Position, lock
from unbroken.errors import Occupied, Unwritable
from unbroken.lock import Holder
from unbroken.shelf import Shelf


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(str(tmp_path))


def hold(folder: str, workers: int) -> None:
    shelf = Shelf(folder)
    with shelf.locked(print):
        batches = tiny.feed(workers=workers).stream(0, Position(), 1000)
        next(batches)
        print("held", *(worker.pid for worker in multiprocessing.active_children()), "\n", flush=True)
        time.sleep(60)


def test_a_second_holder_is_told_who_holds(shelf: Shelf) -> None:
    with children.Child(hold, shelf.folder, 0) as holder:
        holder.until("held")
        words = f"is held by another trainer: pid {holder.pid} on {socket.gethostname()}, since 20"
        with pytest.raises(Occupied, match=words), shelf.locked(print):
            pass


def elsewhere(folder: str) -> None:
    platform.node = lambda: "elsewhere"
    hold(folder, 0)


def test_a_holder_on_another_host_is_waited_for_and_taken_over_from_once_it_ends(shelf: Shelf) -> None:
    said: list[str] = []
    with children.Child(elsewhere, shelf.folder) as holder:
        holder.until("held")
        dying = Timer(0.5, holder.process.kill)
        dying.start()
        with shelf.locked(said.append, patience=30.0):
            pass
        dying.join()
    waited, taken = said
    assert re.fullmatch(rf".* is held by pid {holder.pid} on elsewhere, .*: waiting at most 30 s for its end", waited)
    assert re.fullmatch(r"took over from pid .* on elsewhere, .*, which is gone \(its lock is free\)", taken)


def test_under_torchrun_a_run_waits_for_the_lead_of_a_host_that_was_lost(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "run")
    with children.Child(elsewhere, shelf.folder) as holder:
        holder.until("held")
        dying = Timer(0.5, holder.process.kill)
        dying.start()
        tiny.train(Path(shelf.folder), epochs=1, patience=60)
        dying.join()
    assert "on elsewhere" in capsys.readouterr().out


def test_a_holder_on_another_host_that_stays_is_told_once_the_patience_is_over(shelf: Shelf) -> None:
    with children.Child(elsewhere, shelf.folder) as holder:
        holder.until("held")
        with pytest.raises(Occupied, match="on elsewhere"), shelf.locked(print, patience=0.5):
            pass


def test_a_holder_on_this_host_is_not_waited_for(shelf: Shelf) -> None:
    with children.Child(hold, shelf.folder, 0) as holder:
        holder.until("held")
        began = time.monotonic()
        with pytest.raises(Occupied), shelf.locked(print, patience=30.0):
            pass
        assert time.monotonic() - began < 15.0


@pytest.mark.parametrize("workers", [0, 2])
def test_a_killed_holders_lock_is_free_at_once_also_while_its_workers_live(shelf: Shelf, workers: int) -> None:
    with children.Child(hold, shelf.folder, workers) as holder:
        holder.until("\n")
        alive = [int(pid) for pid in holder.out.split()[1:]]
        holder.process.kill()
        while Path(f"/proc/{holder.pid}").exists():
            time.sleep(0.001)
        with shelf.locked(print):
            assert len(alive) == workers
        for pid in alive:
            os.kill(pid, signal.SIGKILL)  # they were still there; left alone they look for their trainer every 5 s


def test_two_in_one_process_exclude_each_other_too(shelf: Shelf) -> None:
    with shelf.locked(print), pytest.raises(Occupied), Shelf(shelf.folder).locked(print):
        pass
    with shelf.locked(print):
        pass


# ---- who it is


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "run.lock")


@pytest.fixture
def me(path: str) -> Holder:
    """This very process, as it writes itself down."""
    with lock.held(path, print):
        holder = lock.holder(path)
    assert holder is not None
    return holder


def left(path: str, holder: Holder) -> None:
    """A holder that has gone without a word."""
    Path(path).write_text(json.dumps(asdict(holder)) + "\n")


def dead() -> int:
    """The pid of a process that has ended."""
    child = SERVER.Process(target=int)
    child.start()
    child.join()
    assert child.pid is not None
    return child.pid


def test_the_holder_writes_down_its_host_its_pid_its_boot_and_since_when(me: Holder) -> None:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert (me.host, me.pid, me.boot) == (socket.gethostname(), os.getpid(), boot)
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", me.since)
    assert str(me) == f"pid {os.getpid()} on {socket.gethostname()}, since {me.since}"


def test_who_leaves_in_peace_leaves_no_name_and_the_next_one_says_nothing(path: str) -> None:
    said: list[str] = []
    for _ in range(2):
        with lock.held(path, said.append):
            pass
        assert lock.holder(path) is None
    assert said == []


def test_a_second_holder_is_told_what_to_do_and_leaves_the_first_ones_name(path: str) -> None:
    with lock.held(path, print):
        before = Path(path).read_bytes()
        with pytest.raises(Occupied) as refused, lock.held(path, print):
            pass
        assert Path(path).read_bytes() == before
    folder = os.path.dirname(path)
    words = f"{folder} is held by another trainer: {Holder(**json.loads(before))}; wait for its end, stop it, or "
    assert str(refused.value) == words + "take another work dir"


def taken(path: str) -> list[str]:
    """What is said when the lock is taken."""
    said: list[str] = []
    with lock.held(path, said.append):
        assert lock.holder(path) is not None
    return said


def test_a_lock_is_taken_over_from_one_that_was_killed_and_that_is_said(path: str, me: Holder) -> None:
    gone = replace(me, pid=dead())
    left(path, gone)
    assert taken(path) == [f"took over from {gone}, which is gone (killed)"]


def test_a_holder_is_alive_while_its_process_is_and_nobody_knows_of_another_host(me: Holder) -> None:
    assert me.alive is True
    assert replace(me, pid=dead()).alive is False
    assert replace(me, boot="of yesterday").alive is False
    assert replace(me, host="another").alive is None


def test_a_process_that_was_given_a_dead_holders_number_is_not_the_holder(me: Holder) -> None:
    assert replace(me, since="2020-01-01T00:00:00+00:00").alive is False


def test_a_lock_is_taken_over_after_the_machine_was_started_again_although_the_pid_lives(path: str, me: Holder) -> None:
    gone = replace(me, boot="of yesterday", pid=os.getppid())
    left(path, gone)
    assert taken(path) == [f"took over from {gone}, which is gone (the machine was started again since)"]


def test_a_lock_is_taken_over_from_another_host_whose_lock_is_free(path: str, me: Holder) -> None:
    gone = replace(me, host="another")
    left(path, gone)
    assert taken(path) == [f"took over from {gone}, which is gone (its lock is free)"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"pid": 1}',
        "\x00\x00",
        "null",
        "7",
        '{"host": "h", "pid": 1, "boot": "", "since": "once"}',
    ],
)
def test_a_name_that_cannot_be_read_is_no_holder(path: str, content: str) -> None:
    Path(path).write_text(content)
    assert lock.holder(path) is None
    assert taken(path) == []


def test_a_killed_trainers_name_is_said_by_the_next(shelf: Shelf) -> None:
    with children.Child(hold, shelf.folder, 0) as holder:
        holder.until("held")
        pid = holder.pid
    said: list[str] = []
    with shelf.locked(said.append):
        pass
    (line,) = said
    assert line.startswith(f"took over from pid {pid} on {socket.gethostname()}, since 20")
    assert line.endswith(", which is gone (killed)")


def starts(folder: str, gun: str) -> None:
    with open(gun):  # opens when all are there
        pass
    try:
        with Shelf(folder).locked(print):
            print("one of us")
            time.sleep(60)
    except Occupied as refused:
        print("refused:", refused)


def test_of_eight_that_start_at_the_same_moment_exactly_one_wins(shelf: Shelf, tmp_path: Path) -> None:
    gun = str(tmp_path / "gun")
    os.mkfifo(gun)
    with ExitStack() as stack:
        all_eight = [stack.enter_context(children.Child(starts, shelf.folder, gun)) for _ in range(8)]
        with open(gun, "w"):  # also waits until the first one reads: the others come meanwhile
            for child in all_eight:
                child.until("\n")
        won = [child for child in all_eight if child.out == "one of us\n"]
        lost = [child.wait() for child in all_eight if child not in won]
    assert len(won) == 1
    assert [ended.code for ended in lost] == [0] * 7
    assert all(ended.out.startswith(f"refused: {shelf.folder} is held by another trainer") for ended in lost)


@contextmanager
def locked_and_named_later(path: str, before: str, name: Holder) -> Generator[None]:
    """Another has the lock, and what stood there before is still in the file for half a second."""
    Path(path).write_text(before)
    naming = Timer(0.5, left, (path, name))
    with open(path, "r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        naming.start()
        yield
        naming.join()


def test_one_that_has_the_lock_and_has_not_yet_said_its_name_is_given_a_moment(path: str, me: Holder) -> None:
    words = re.escape(str(me))
    with locked_and_named_later(path, "", me), pytest.raises(Occupied, match=words), lock.held(path, print):
        pass


def test_one_that_has_taken_its_name_back_and_leaves_is_not_told_as_a_holder(path: str) -> None:
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        Timer(0.5, fcntl.flock, (file, fcntl.LOCK_UN)).start()
        assert taken(path) == []


def test_nobody_is_told_that_a_dead_one_holds_while_the_next_one_is_writing_its_name(path: str, me: Holder) -> None:
    gone, words = json.dumps(asdict(replace(me, pid=dead()))), re.escape(str(me))
    with locked_and_named_later(path, gone, me), pytest.raises(Occupied, match=words), lock.held(path, print):
        pass


# ---- where nothing can be locked or written


@pytest.fixture(params=[errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def cannot(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A file system that cannot lock; the system's words for it."""

    def flock(file: int, operation: int) -> None:
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(fcntl, "flock", flock)
    return os.strerror(request.param)


def warning(path: str, words: str) -> str:
    return (
        f"Warning: the file system of {os.path.dirname(path)} cannot lock ({words}): two trainers that start there at "
        "the same moment would destroy each other's work"
    )


def test_a_file_system_that_cannot_lock_is_said_each_time(path: str, cannot: str) -> None:
    for _ in range(2):
        assert taken(path) == [warning(path, cannot)]
        assert os.path.exists(path)


def test_where_nothing_can_be_locked_a_live_holder_still_refuses(path: str, cannot: str) -> None:
    with lock.held(path, print):
        for _ in range(2):
            with pytest.raises(Occupied, match=f"held by another trainer: pid {os.getpid()} on "):
                taken(path)
    assert taken(path) == [warning(path, cannot)]


def test_where_nothing_can_be_locked_another_hosts_holder_still_refuses(path: str, cannot: str) -> None:
    left(path, Holder("another", dead(), "its boot", "2026-01-01T00:00:00+00:00"))
    with pytest.raises(Occupied, match="on another, since 2026-01-01"):
        taken(path)
    assert lock.holder(path) is not None


def test_where_nothing_can_be_locked_a_dead_holder_is_taken_over(path: str, cannot: str) -> None:
    gone = Holder(socket.gethostname(), dead(), lock._boot(), "2026-01-01T00:00:00+00:00")
    left(path, gone)
    assert taken(path) == [warning(path, cannot), f"took over from {gone}, which is gone (killed)"]


def only_looks(folder: str) -> None:
    if os.geteuid() == 0:
        os.setuid(65534)  # nothing is read-only to root
    try:
        with Shelf(folder).locked(print):
            pass
    except Unwritable as refused:
        print("refused:", refused)


def test_a_folder_that_cannot_be_written_is_refused_with_the_systems_reason() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o555)
        assert children.run(only_looks, folder).out == f"refused: {folder} cannot be written: Permission denied\n"
        assert os.listdir(folder) == []


def holds_nameless(path: str) -> None:
    children.disk(0)
    with lock.held(path, print):
        try:
            with lock.held(path, print):
                pass
        except Occupied as refused:
            print("refused:", refused)


def test_on_a_full_disk_the_lock_holds_all_the_same_only_namelessly(path: str) -> None:
    ended = children.run(holds_nameless, path)
    assert ended.code == 0, ended.out
    folder = os.path.dirname(path)
    words = f"refused: {folder} is held by another trainer; wait for its end, stop it, or take another work dir\n"
    assert ended.out == words


def test_a_folder_that_was_removed_is_left_in_peace(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with lock.held(str(tmp_path / "run" / "run.lock"), print):
        os.remove(tmp_path / "run" / "run.lock")
        (tmp_path / "run").rmdir()
    assert not (tmp_path / "run").exists()
