"""One trainer at a time in a work dir, and who that is

The lock is the system's (flock): it goes with its holder, however that dies, and with the machine. Who holds it stands
in the file for people to read, and tells the next holder that the last one left without a word.
"""

from __future__ import annotations

import errno
import json
import os
import platform
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import filelock

from . import launcher
from .errors import Occupied, Unwritable

WAIT = 60.0  # seconds for a trainer that is about to leave
CANNOT = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)
TICK = 2.0  # seconds: a holder writes its name after its start, rounded down to a second
POLL = 0.2  # seconds between two tries for a lock that is waited for, and two looks for its holder's name
LOOKS = 10  # how often that name is looked for


@dataclass(frozen=True)
class Holder:
    """A process that holds a work dir: boot is the kernel's name for the time since the machine was started, launcher
    the pid of its torchrun, if it has one."""

    host: str
    pid: int
    boot: str
    since: str
    launcher: int = 0

    def __str__(self) -> str:
        return f"pid {self.pid} on {self.host}, since {self.since}"

    @property
    def gone(self) -> str:
        """Why it can no longer be there; empty when it can."""
        if self.host != platform.node():
            return ""
        if self.boot != _boot():
            return "the machine was started again since"
        return "" if _there(self.pid) else "killed"

    @property
    def alive(self) -> bool | None:
        """Whether it is there, and not another process that was given its number later; None where only its own host
        could tell."""
        if self.host != platform.node():
            return None
        if self.gone:
            return False
        age = launcher.age_of(self.pid)
        return age is None or time.time() - age < datetime.fromisoformat(self.since).timestamp() + TICK

    @property
    def leaving(self) -> bool:
        """Whether its torchrun is gone, so that it saves and leaves at its next seam."""
        return self.host == platform.node() and self.launcher > 0 and not _there(self.launcher)


@contextmanager
def held(path: str, say: Callable[[str], None], patience: float = 0.0) -> Generator[None]:
    """Hold the lock file against a second trainer; say when it was taken over from one that is gone.

    patience: seconds to wait for a holder on another host, which may be cut off from this one and about to notice.
    Raises Occupied with the holder, unless that is leaving; Unwritable when the folder cannot be written. Where the
    file system cannot lock, that is said, and the holder's name in the file is all there is to go by.
    """
    lock = filelock.FileLock(path, blocking=False, fallback_to_soft=False)  # a soft lock outlives a killed holder
    try:
        lock.acquire()
    except filelock.Timeout:
        _outwait(lock, path, say, patience)
    except OSError as reason:
        if reason.errno not in CANNOT:
            raise Unwritable(f"{os.path.dirname(path)} cannot be written: {reason.strerror}") from reason
        _without(path, reason, say)
    owner = os.getpid()
    try:
        _take(path, say)
        yield
    finally:
        if os.getpid() == owner:  # not a child that was forked inside: it would sign off for its parent
            if (last := holder(path)) is not None and last.pid == owner:  # not another's, in a folder put in place
                os.truncate(path, 0)
            lock.release()


def _outwait(lock: filelock.BaseFileLock, path: str, say: Callable[[str], None], patience: float) -> None:
    """Wait for a trainer that is about to leave. Raises Occupied for any other, and when it does not leave; one without
    a name may have left by now."""
    last = _present(path)
    if last is not None and last.leaving:
        say(f"waiting for {last}: its torchrun is gone, so it saves and leaves")
        patience = WAIT
    elif last is not None and last.host != platform.node() and patience:
        say(f"{os.path.dirname(path)} is held by {last}: waiting at most {patience:.0f} s for its end")
    elif last is not None:
        raise _occupied(path, last)
    try:
        lock.acquire(timeout=patience, poll_interval=POLL, blocking=True)
    except filelock.Timeout:
        raise _occupied(path, holder(path)) from None


def _take(path: str, say: Callable[[str], None]) -> None:
    if (last := holder(path)) is not None:
        say(f"took over from {last}, which is gone ({last.gone or 'its lock is free'})")
    me = Holder(platform.node(), os.getpid(), _boot(), datetime.now(UTC).isoformat(timespec="seconds"), launcher.pid())
    with suppress(OSError):  # on a full disk the lock holds all the same, only namelessly
        Path(path).write_text(json.dumps(asdict(me)) + "\n", encoding="utf-8")


def _without(path: str, reason: OSError, say: Callable[[str], None]) -> None:
    """The file system cannot lock: go by the name in the file. Raises Occupied when that holder may be there."""
    last = holder(path)
    if last is not None and not last.gone:
        raise _occupied(path, last)
    say(
        f"Warning: the file system of {os.path.dirname(path)} cannot lock ({reason.strerror}): two trainers that start "
        "there at the same moment would destroy each other's work"
    )


def _present(path: str) -> Holder | None:
    """Who holds the lock: the name is written a moment later, over that of one that is gone."""
    for _ in range(LOOKS):
        if (last := holder(path)) is not None and not last.gone:
            return last
        time.sleep(POLL)
    return holder(path)


def _occupied(path: str, last: Holder | None) -> Occupied:
    return Occupied(
        f"{os.path.dirname(path)} is held by another trainer{f': {last}' if last else ''}; wait for its end, stop it, "
        "or take another work dir"
    )


def holder(path: str) -> Holder | None:
    """Who stands in a lock file; None when nobody does, or when it cannot be read."""
    try:
        told = Holder(**json.loads(Path(path).read_text(encoding="utf-8")))
        datetime.fromisoformat(told.since)
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    return told if type(told.pid) is int and 0 < told.pid < 1 << 31 else None


def _there(pid: int) -> bool:
    """Whether a process of this machine is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        return True
    return True


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""  # not Linux: a dead holder is then known by its pid alone
