"""What a run tells while it goes: running means, records, lines, progress

Everything here is a view of the same numbers: the journal keeps them, TensorBoard and the console mirror them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any, cast

from . import records
from .best import Best
from .console import Console, Pace, brief, duration
from .errors import Misuse
from .journal import Journal, Mark
from .keep import Keep
from .means import Means, Number
from .mirror import Mirror
from .position import Position
from .ranks import World
from .spent import Spent, born

OWN = {"at", "epoch", "step", "train", "time"}
"""What a record says of itself."""


class Story:
    """The metrics of the epoch under way and the sinks that they go to.

    world: the processes whose numbers count together; whoever does not lead it says and writes nothing.
    """

    world = World()

    def __init__(
        self, folder: str, epochs: int, batches: int, log_every: int, summaries: bool, *, keep: Keep | None = None
    ) -> None:
        self.means, self.best, self.better = Means(), Best(keep or Keep()), False
        self.journal = Journal(os.path.join(folder, "journal.jsonl"))
        self._folder, self._epochs, self._batches, self._log_every = folder, epochs, batches, log_every
        self._console, self._pace = Console(), Pace(0.0)
        self._mirrored = summaries
        self._summaries: Mirror | None = None
        self._born, self._first, self.spent = born(), 0, Spent()
        self._said: list[str] = []  # what was said before the work dir was this run's
        self._opened = False

    def open(self, mark: Mark | None, position: Position) -> None:
        """Begin to write, after the records that the mark vouches for."""
        self._pace, self._first = Pace(self._done(position)), position.step
        if mark is not None:
            self.spent.last = time.monotonic()  # a kill would go back to here
        self._console.open(os.path.join(self._folder, "train.log"))
        self.journal.open(mark)
        self._opened = True
        if self._mirrored:
            kept = records.tail(self.journal.path, position.step)
            self._summaries = Mirror(os.path.join(self._folder, "summaries"), position.step, kept)

    def close(self) -> None:
        if self._summaries:
            self._summaries.close()
        self.journal.close()
        self._console.close()

    def state_dict(self) -> dict[str, Any]:
        """What of the story is part of a state: the means so far, and the best epoch."""
        return {"means": self.means.state_dict(), **self.best.state_dict()}

    def load_state_dict(self, tree: Mapping[str, Any]) -> None:
        """Go on with the story of a state."""
        self.means.load_state_dict(tree["means"])
        self.best.load_state_dict(tree)

    def say(self, line: str) -> None:
        """Print a line, and write it to train.log."""
        if self.world.lead:
            self._console.say(line)
            if not self._opened:
                self._said.append(line)

    def log(self, values: Mapping[str, Number], named: Mapping[str, Any]) -> None:
        """Take what the loop measured. Raises Misuse for a name that a record uses itself."""
        if taken := OWN & named.keys():
            raise Misuse(f"log({', '.join(sorted(taken))}=…): a record uses this name itself; take another")
        self.means.add(values)
        for name, value in named.items():
            self.means.put(name, value)

    def batch_done(self, position: Position, samples: int) -> None:
        """Count a batch; samples are those of an epoch."""
        told = position.step % self._log_every == 0
        if self.means.batch_done() or told:
            self.take_in()
        if told:
            self._write("step", position, self.means.batch(), {})
        if self.world.lead and self._console.due:
            self._console.progress(self._progress(position, samples))

    def take_in(self) -> None:
        """Count what every process logged; to be called at the same seam in all of them."""
        self.means.take_in(self.world.gather)

    def epoch_done(self, position: Position, seconds: float) -> None:
        """Record a committed epoch, and start the next one's means."""
        self.means.batch_done()  # what was logged after the last one
        self.take_in()
        record = self.means.epoch()
        self.means = Means()
        self.better = self.best.offer(record, position.epoch)
        self._write("epoch", position, record, {"seconds": seconds})
        self._console.wipe()
        shown, best = {**_headline(record), **self.best.shown(record)}, "  best" if self.better else ""
        self.say(f"epoch {position.epoch}/{self._epochs}  {brief(shown)}{best}  {seconds:.1f} s")
        for warning in self.best.warnings():
            self.say(warning)

    def mark(self) -> Mark:
        """What a checkpoint stores to vouch for all that was told. Raises OSError when the disk does not take it."""
        if self._summaries and self._summaries.failure:
            self.say(f"Warning: the TensorBoard mirror ends here ({self._summaries.failure}); the journal goes on")
            self._summaries = None
        return self.journal.mark()

    def settle(self) -> None:
        """Everything that marks vouch for is safe on disk from here on; also beside the loop. Raises OSError."""
        self.journal.sync()
        if (mirror := self._summaries) is not None:  # the loop may give it up meanwhile
            mirror.flush()

    def opening(self, lines: list[str], position: Position) -> dict[str, Any]:
        """What run.json tells of this session beside its state: what it is to do, what was said before it and by now
        with these lines, what the journal threw away, and when."""
        goal = {"epochs": self._epochs, "batches": self._batches, "said": [*self._said, *lines]}
        return {**goal, "cut": self.journal.cut, "time": self.clock(position)}

    def clock(self, position: Position) -> dict[str, float]:
        """The time, and what this session has spent by now."""
        return {"unix": time.time(), **self.spent.told(time.monotonic() - self._born, position.step - self._first)}

    def _write(self, at: str, position: Position, values: dict[str, Any], times: dict[str, float]) -> None:
        if not self.world.lead:
            return
        place = {"at": at, "epoch": position.epoch, "step": position.step}
        clock = self.clock(position)
        self.journal.write({**place, **values, "time": {"unix": clock["unix"], **times, **clock}})
        if self._summaries:
            self._summaries.write({**place, **values, "time": {"unix": clock["unix"], **times}})

    def _progress(self, position: Position, samples: int) -> str:
        """What matters most stands first: a narrow terminal cuts the end off."""
        self._pace.tick(self._done(position))
        speed = self._pace.speed
        left = duration((self._epochs - self._done(position)) / speed) if speed else "?"
        # Not "saved ... ago": of a run that went on, what a kill would cost counts from there.
        unsaved = "" if self.spent.last is None else f"{duration(time.monotonic() - self.spent.last)} unsaved"
        first, more = _parted(self.means.glance())
        told = (
            f"epoch {position.epoch + 1}/{self._epochs}", f"batch {position.batch}/{self._batches}", f"{left} left",
            brief(first, 3), f"{speed * samples:.0f} samples/s", unsaved, brief(more, 3),
        )  # fmt: skip
        return "  ".join(words for words in told if words)

    def _done(self, position: Position) -> float:
        return position.epoch + position.batch / self._batches


def _headline(record: Mapping[str, Any]) -> dict[str, float]:
    """The first number of each group and every number that stands alone: what fits on a line."""
    shown: dict[str, float] = {}
    for name, value in record.items():
        group = cast(dict[str, float], value) if isinstance(value, dict) else {"": value}
        for inner, number in list(group.items())[:1]:
            shown[f"{name} {inner}".rstrip()] = number
    return shown


def _parted(batch: dict[str, Any]) -> tuple[dict[str, float], dict[str, float]]:
    """A batch's first value and every number that stands alone; and three values more."""
    train = list(batch["train"].items())
    alone = {name: value for name, value in batch.items() if name != "train"}
    return {**dict(train[:1]), **alone}, dict(train[1:4])
