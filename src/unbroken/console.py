"""What a person sees: lines on the console and in train.log, and one live line of progress

Lines said before the work dir is known to be good are held back from train.log, so that a refused start leaves the
folder as it was.
"""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from typing import cast

from rich.console import Console as Terminal
from rich.live import Live
from rich.text import Text

from .lines import Lines

OFTEN = 0.25  # seconds between two drawings of the live line
SELDOM = 10.0  # seconds between two progress lines where there is no terminal


class Console:
    """Says lines, draws progress."""

    def __init__(self) -> None:
        self._terminal = _Terminal(soft_wrap=True, highlight=False, markup=False)
        self._live: Live | None = None
        self._log = Lines()
        self._next = 0.0  # when progress is shown again

    def open(self, path: str) -> None:
        """From here on lines go to this file too, those already said first."""
        self._log.file = open(path, "ab", buffering=0)  # noqa: SIM115 (closed by close)
        self._log.drain()
        if self._terminal.is_terminal:
            # No refreshing thread: data workers are forked from this process.
            self._live = Live(console=self._terminal, auto_refresh=False, transient=True)
            self._live.start()

    def say(self, line: str) -> None:
        """Print a line exactly as it is, and log it."""
        self._print(line)
        self._log.append(line)

    @property
    def due(self) -> bool:
        """Whether it is time for another line of progress, whose numbers may have to come from a GPU."""
        return time.monotonic() >= self._next

    def progress(self, line: str) -> None:
        """Draw the live line, or print it where nothing can be redrawn; to be called when it is due. Never logged."""
        self._next = time.monotonic() + (OFTEN if self._live else SELDOM)
        if self._live:
            told = Text(line, no_wrap=True)
            # Room for the "^C" that terminals print: past the edge it would push this line up, out of reach.
            told.truncate(max(1, self._terminal.width - len("^C") - 1), overflow="ellipsis")
            self._draw(told.plain)
        else:
            self._print(line)

    def wipe(self) -> None:
        """Take the live line away: what it tells of is over."""
        if self._live:
            self._draw("")

    def close(self) -> None:
        if self._live:
            with suppress(OSError):
                self._live.stop()
        self._live = None
        self._log.close()

    def _draw(self, line: str) -> None:
        with suppress(OSError):  # nor is a terminal that was closed
            cast(Live, self._live).update(self._known(line), refresh=True)

    def _print(self, line: str) -> None:
        with suppress(OSError):  # `> out.txt` on a full disk is no reason to end training
            self._terminal.print(self._known(line), soft_wrap=True)

    def _known(self, line: str) -> Text:
        """The line in letters that the terminal has; which it lacks become question marks."""
        return Text(line.encode(self._terminal.encoding, "replace").decode(self._terminal.encoding))


class _Terminal(Terminal):
    def show_cursor(self, show: bool = True) -> bool:
        """Leave it as it is: after SIGKILL nobody would bring back what was hidden."""
        del show
        return False

    def on_broken_pipe(self) -> None:
        """Nobody reads on (`| head`): go on in silence, where rich would leave the program. train.log has it all."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Pace:
    """How fast this session goes, over about the last minute."""

    def __init__(self, done: float) -> None:
        self._last = (time.monotonic(), done)
        self._ticks = deque([self._last])

    def tick(self, done: float) -> None:
        """Note how much is done by now, in epochs."""
        self._last = now, _ = time.monotonic(), done
        if now - self._ticks[-1][0] >= OFTEN:  # not every batch: some take microseconds
            self._ticks.append(self._last)
        while now - self._ticks[0][0] > 60.0:
            self._ticks.popleft()

    @property
    def speed(self) -> float:
        """Epochs a second; 0.0 as long as it is not known."""
        (then, before), (now, done) = self._ticks[0], self._last
        return (done - before) / (now - then) if now > then else 0.0


def duration(seconds: float) -> str:
    """Hours, minutes and seconds, such as 4:05:09."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"


def brief(values: Mapping[str, float], digits: int = 4) -> str:
    """Numbers as a person reads them: `loss 0.1234  lr 8e-04`."""
    return "  ".join(f"{name} {value:.{digits}g}" for name, value in values.items())
