"""A run: the loop belongs to the reader, what happens between two batches belongs to it

    with unbroken.Run(work_dir, feed, epochs=100, seed=0) as run:
        run.keep(model=model, optimizer=optimizer, scheduler=scheduler)
        for epoch in run:                  # the past is loaded here
            for batch in epoch:            # every turn passes the seam
                ...
                run.log(losses)
            run.log(valid=evaluate(model)) # belongs to the epoch, is committed with it

Three laws. Before the inner loop only prepare: it runs again when an epoch is entered in the middle. What follows the
inner loop belongs to the epoch: it runs again unless the epoch was committed. What must survive is kept.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from types import TracebackType
from typing import Any

from . import checkpoint, drift, history, ranks, seeds, signals, state
from .epoch import Epoch
from .errors import Misuse, Stopped, Unwritable
from .every import Every
from .feed import Feed
from .means import Number
from .position import Position
from .record import Record
from .shelf import Found, Shelf
from .story import Story
from .writer import Writer

UNSAVED = 74  # the exit code of a run whose last state could not be written (EX_IOERR of sysexits.h)


class Run:
    """A training run that goes on where it stopped.

    work_dir: where all files go. feed: the data. epochs: how many in all. seed: decides order and randomness.
    resume: begin the history at this file instead of the newest state. settings: plain values recorded at birth and
    compared on resume; those named in `free` may differ in silence, those named in `allow` may differ and are told.
    save: when. snapshot_every: epochs between two snapshots kept for good. log_every: steps between two step records
    in the journal. summaries: mirror the journal to TensorBoard.

    Entering, and beginning the loop, raise the errors of `unbroken.errors` before a state in the work dir is touched.
    """

    def __init__(
        self,
        work_dir: str,
        feed: Feed,
        *,
        epochs: int,
        seed: int = 0,
        resume: str | None = None,
        settings: Mapping[str, Any] | None = None,
        free: Collection[str] = (),
        allow: Collection[str] = (),
        save: Every | None = None,
        snapshot_every: int = 1000,
        log_every: int = 50,
        summaries: bool = False,
    ) -> None:
        _check(epochs=epochs, snapshot_every=snapshot_every, log_every=log_every, seed=seed + 1)
        self.shelf, self.feed, self.epochs, self.seed = Shelf(work_dir), feed, epochs, seed
        self.settings = drift.plain({"seed": seed, **feed.facts(), **(settings or {})})
        self.position = Position()
        self._resume, self._free, self._allow = resume, free, allow
        self._story = Story(work_dir, epochs, feed.batches, log_every, summaries)
        self._writer = Writer(self.shelf, save or Every(), snapshot_every, self.say)
        self._parts: dict[str, state.Stateful] = {}
        self._found: Found | None = None
        self._epoch: Epoch | None = None
        self._batches: Generator[Any] = (batch for batch in ())
        self._entered, self._begun, self._stack = False, False, ExitStack()

    # ---- the reader's words

    def __enter__(self) -> Run:
        ranks.alone()
        if self._resume is not None:
            checkpoint.read(self._resume)  # before the lock: a wrong path leaves no trace
        with ExitStack() as stack:
            stack.enter_context(self.shelf.locked())
            self._record = Record(self.shelf)
            self._found = history.choose(self.shelf, self._resume, self._record.sessions, self.say)
            self._compare()
            self._wish = stack.enter_context(signals.heeded())
            stack.enter_context(seeds.borrowed())
            stack.enter_context(seeds.pinned())
            self._stack = stack.pop_all()
        seeds.sow(self.seed, seeds.For.BIRTH)
        self._entered = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._stack:
            try:
                if error is None and self._epoch is not None:
                    self._leave(self._epoch)
            except BaseException as late:
                error = late
                raise
            finally:
                self._close(error)

    def keep(self, **parts: object) -> None:
        """Name what must survive: model, optimizer, scheduler, and whatever else has a state_dict.

        Raises Misuse for a part without one, for a name that is taken, and once the loop has begun.
        """
        for name, part in parts.items():
            if name in checkpoint.RESERVED or name in self._parts or self._begun:
                raise Misuse(f"keep({name}=…): the name is taken, or the loop has already begun")
            self._parts[name] = state.check(name, part)

    def __iter__(self) -> Iterator[Epoch]:
        if not self._entered or self._begun:
            raise Misuse("a run is looped over once, and inside its with block")
        if not self.finished:
            self._begin()
        return self

    def __next__(self) -> Epoch:
        if self._epoch is not None:
            self._commit(self._epoch)
        if self.finished:
            self._end()
            raise StopIteration
        self.say("--- starting Epoch # %03d" % self.position.epoch)  # noqa: UP031 (the field's own format)
        self._sow(seeds.For.BEFORE, self.position)
        after = partial(self._sow, seeds.For.AFTER)
        self._epoch = Epoch(self.position, self.feed.batches, self._seam, self._fetch, after)
        return self._epoch

    def log(self, values: Mapping[str, Number] | None = None, **named: Any) -> None:
        """Record what was measured: a mapping of this batch's values is averaged over the epoch; a named number or a
        named group (`valid={...}`) counts with its latest value. Tensors are scalars; no call waits for a GPU."""
        self._story.log(values or {}, named)

    def say(self, line: str) -> None:
        """Print a line, and write it to train.log."""
        self._story.say(line)

    @property
    def finished(self) -> bool:
        """Whether every epoch is done."""
        return (self._found.tree["epoch"] if self._found else self.position.epoch) >= self.epochs

    # ---- the past

    def _compare(self) -> None:
        """Refuse to go on as another run."""
        if (found := self._found) is not None:
            history.allow(found, self.epochs)
            notes = drift.compare(found.tree["settings"], self.settings, self._free, self._allow)
            drift.inside(found.tree, {"seed": self.seed, **self.feed.facts()}, found.path)
            for line in [*notes, *drift.moved(found.tree["environment"], drift.environment())]:
                self.say(line)

    def _begin(self) -> None:
        """Load the past, then take possession of the work dir; what does not fit changes nothing there."""
        found = self._found
        lines = self._restore(found) if found else []
        try:
            self._possess(found)
        except OSError as reason:
            raise Unwritable(f"the work dir {self.shelf.folder} cannot be written: {reason}") from reason
        self._begun, self._found = True, None  # what was found is as large as the model: not kept beside it
        for line in lines:
            self.say(line)
        self._batches = self.feed.stream(self.seed, self.position, self.epochs)

    def _possess(self, found: Found | None) -> None:
        """Make the folder this run's: set aside, leave behind, cut the journal back, save."""
        mark = None
        if found is None:
            history.anew(self.shelf, self._story.journal, self._record.sessions, self.say)
        else:
            self.shelf.set_aside(found, self.say)
            if self._resume is not None:
                history.branch(self.shelf, self._story.journal, found, self.say)
            mark = history.settle(self.shelf, self._story.journal, found, self.say)
        self._story.open(mark, self.position)
        if found is None or found.path != self.shelf.checkpoint or found.tree["settings"] != self.settings:
            self._writer.first(self._tree())
        self._record.begin(self._resume, found, {"settings": self.settings, "environment": drift.environment()})

    def _restore(self, found: Found) -> list[str]:
        """Give every kept part its state; the lines that say of each what is true."""
        tree, kept = found.tree, checkpoint.parts(found.tree)
        lines = ["Resuming from epoch %d" % tree["epoch"]]  # noqa: UP031
        for name, part in sorted(self._parts.items(), key=lambda item: item[0] == "model"):
            if name in kept:
                state.restore(name, part, kept[name])
                lines.append(f"Load model from {found.path}" if name == "model" else f"Loaded {name} state")
            else:
                lines.append(f"Warning: {found.path} holds no {name} state: the {name} starts fresh")
        for name in sorted(kept.keys() - self._parts.keys()):
            lines.append(f"Warning: {found.path} holds {name} state, which this program does not keep: it ends here")
        self._story.means.load_state_dict(tree["means"])
        self.position = Position(tree["epoch"], tree["batch"], tree["step"])
        return lines

    def _tree(self) -> dict[str, Any]:
        """The whole state, copied: true at the seam and unchanged by what follows."""
        parts = checkpoint.layout({name: part.state_dict() for name, part in self._parts.items()})
        told = {"means": self._story.means.state_dict(), "journal": self._story.mark()}
        facts = {"seed": self.seed, "settings": self.settings, "environment": drift.environment()}
        return state.snapshot({**asdict(self.position), **parts, **told, **facts})

    # ---- the seam

    def _seam(self, position: Position) -> None:
        """Between two batches, where the whole state is true at once; saving and stopping happen here and only here."""
        if position != self.position:
            self.position = position
            self._story.batch_done(position, self.feed.epoch_size)
        if self._wish.signal is not None:
            self._stop()
        elif self._writer.overdue():
            self._writer.save(position, self._tree)

    def _fetch(self, position: Position) -> Any:
        """The batch that belongs to a position, its randomness sown."""
        batch = next(self._batches)
        self._sow(seeds.For.STEP, position)  # after the fetch, which has sown for its samples
        return batch

    def _commit(self, epoch: Epoch) -> None:
        """The epoch is done with all that followed its batches: record it, save it."""
        if epoch.settle():  # left by a break, with a batch in hand
            self._story.batch_done(epoch.position, self.feed.epoch_size)
        self.position, self._epoch = epoch.position.after_epoch(), None
        if not epoch.exhausted:  # what was fetched ahead belongs to the batches that were given up
            self._batches = self.feed.stream(self.seed, self.position, self.epochs)
        self._story.epoch_done(self.position, epoch.seconds)
        self._writer.commit(self.position, self._tree, last=self.finished)
        if self._wish.signal is not None and not self.finished:
            self._stop()

    def _stop(self) -> None:
        """Obey the wish: save, say where the run stands and how to go on, leave."""
        self._writer.save(self.position, self._tree)
        where = f"{self.position.epoch} epochs and {self.position.batch} of {self.feed.batches} batches are done"
        if self._writer.failed:
            self.say(f"Stopped by {self._wish.name}: {where}, but they could not be saved")
            raise Stopped(UNSAVED)
        self.say(f"Stopped by {self._wish.name}: {where}, saved in {self.shelf.checkpoint}; the same command goes on")
        raise Stopped(self._wish.code)

    # ---- the end

    def _leave(self, epoch: Epoch) -> None:
        """The reader left the loop early and in peace: what is done counts."""
        if epoch.exhausted:
            self._commit(epoch)
        else:
            epoch.settle()
            self._seam(epoch.position)
            self._writer.save(self.position, self._tree)
        if self._writer.failed:
            raise Stopped(UNSAVED)

    def _end(self) -> None:
        if not self._begun:
            return history.finished(self._found, self.epochs, self.say)
        self._writer.save(self.position, self._tree)  # tries once more, if the last one failed
        if self._writer.failed:
            raise Stopped(UNSAVED)
        self.say(f"Finished: all {self.epochs} epochs are done, saved in {self.shelf.checkpoint}")

    def _close(self, error: BaseException | None) -> None:
        self._batches.close()  # ends the data workers
        try:
            self._record.end(self._how(error), self.position)
        except OSError as reason:
            self.say(f"Warning: {self.shelf.record} could not be written ({reason}); the states do not need it")
        self._story.close()

    def _how(self, error: BaseException | None) -> str:
        if isinstance(error, Stopped):
            return f"stopped by {self._wish.name}"
        if error is not None:
            return f"{type(error).__name__}: {error}"
        return "finished" if self.finished else "left"

    def _sow(self, purpose: seeds.For, position: Position) -> None:
        seeds.sow(self.seed, purpose, position.epoch, position.batch, ranks.rank())


def _check(**numbers: int) -> None:
    for name, number in numbers.items():
        if number < 1:
            raise Misuse(f"{name} is {number}: it is at least 1" if name != "seed" else "a seed is at least 0")
