"""When a run stops by itself; and the notice to stop: a signal, a file, the clock, a dead torchrun"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from . import launcher
from .errors import Misuse
from .every import Cost
from .signals import Wish, name_of

UNFINISHED = 75  # the exit code of a run that no signal stopped: try again later (EX_TEMPFAIL of sysexits.h)
WEEK = 7 * 24 * 3600.0
LOOK = 1.0  # seconds between two looks for the file


@dataclass(frozen=True)
class Stop:
    """file: stop once this file is there (for schedulers that give notice by one). hours: stop in time before so many
    hours have passed since the run was entered, or since torchrun was started, whose restarts do not begin them anew.
    grace: seconds between a notice and the end of the process; a save that
    does not fit in is not begun, and the last durable state counts.
    """

    file: str | None = None
    hours: float | None = None
    grace: float | None = None

    def __post_init__(self) -> None:
        if (self.hours is not None and not self.hours > 0) or (self.grace is not None and not 0 <= self.grace <= WEEK):
            raise Misuse(f"{self}: hours is more than 0, grace (seconds) at least 0 and at most a week")

    def clear(self) -> Stop:
        """Itself, where its file is not there yet: a run that is started again and again would get nowhere."""
        if self.file is not None and os.path.lexists(self.file):
            raise Misuse(f"the file {self.file} is there, which would stop the run at once: remove it first")
        return self


class Notice:
    """What stops the run, once something does: its name, the exit code, and the seconds that are left to save."""

    def __init__(self, wish: Wish, stop: Stop) -> None:
        self.name, self.code = "", 0
        self._wish, self._stop = wish, stop
        self._began, self._looked, self._came = time.monotonic() - launcher.age(), 0.0, 0.0
        self._launcher = launcher.pid()

    def given(self, cost: Cost | None) -> bool:
        """Whether to stop now; asked at every seam. cost: of a save, which has to fit in before the hours end."""
        if self.code:
            return True
        now = time.monotonic()
        if self._wish.signal is not None:
            self._note(self._wish.name, self._wish.code, self._wish.at)
        elif self._launcher and launcher.pid() != self._launcher:
            self._note("the death of its torchrun", UNFINISHED, now)
        elif self._stop.hours is not None and now + 2 * (cost.total if cost else 0.0) >= self._end:
            self._note(f"the end of its {self._stop.hours:g} hours", UNFINISHED, now)
        elif self._stop.file is not None and now >= self._looked + LOOK:
            self._looked = now
            if os.path.lexists(self._stop.file):
                self._note(f"the file {self._stop.file}", UNFINISHED, now)
        return self.code != 0

    def heed(self, code: int, ago: int) -> None:
        """Take the notice that another process was given, so many milliseconds ago, for one's own."""
        if not self.code:
            name = "the notice of another process" if code == UNFINISHED else name_of(code)
            self._note(name, code, time.monotonic() - ago / 1000)

    @property
    def ago(self) -> int:
        """Milliseconds since it came."""
        return int(1000 * (time.monotonic() - self._came)) if self.code else 0

    def left(self) -> float | None:
        """Seconds until the process may be gone; None when nobody has said."""
        return None if self._stop.grace is None else self._came + self._stop.grace - time.monotonic()

    @property
    def _end(self) -> float:
        return self._began + 3600.0 * (self._stop.hours or 0.0)

    def _note(self, name: str, code: int, came: float) -> None:
        self.name, self.code, self._came = name, code, came
