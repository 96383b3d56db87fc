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

import os
from collections.abc import Collection, Generator, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any

from torch import nn

from . import audit, checkpoint, drift, explain, history, parallel, ranks, resume, seeds, signals, state
from .epoch import Epoch
from .errors import Misuse, Unwritable
from .every import Every
from .feed import Feed
from .keep import Keep
from .means import Number
from .position import Position
from .record import Record
from .seam import Seam
from .shelf import Found, Shelf
from .stop import Notice, Stop
from .story import Story
from .strays import Strays
from .team import Team
from .writer import Writer


class Run:
    """A training run that goes on where it stopped.

    work_dir: where all files go. feed: the data. epochs: how many in all. seed: decides order and randomness.
    resume: begin the history at this file instead of the newest state. init_from: give the model of a new run the
    weights in this file (`unbroken.initialise`), and nothing else. settings: plain values recorded at birth and
    compared on resume; those named in `free` may differ in silence, those named in `allow` may differ and are told.
    save, snapshots, stop: when states are saved, which are kept for good, and when the run stops by itself.
    log_every: steps between two step records in the journal. summaries: mirror the journal to TensorBoard.
    explain: say what a start would do, loop over no epoch, and change nothing in the work dir.
    virtual_ranks: compute every batch as so many pieces, so that no bit depends on the number of processes.
    patience: seconds that the processes of a torchrun wait for one of them before they take it for lost.

    Entering, and beginning the loop, raise the errors of `unbroken.errors` before a state in the work dir is touched.
    """

    def __init__(
        self,
        work_dir: str | os.PathLike[str],
        feed: Feed,
        *,
        epochs: int,
        seed: int = 0,
        resume: str | os.PathLike[str] | None = None,
        init_from: str | None = None,
        settings: Mapping[str, Any] | None = None,
        free: Collection[str] = (),
        allow: Collection[str] = (),
        save: Every | None = None,
        snapshots: Keep | None = None,
        stop: Stop | None = None,
        log_every: int = 50,
        summaries: bool = False,
        explain: bool = False,
        virtual_ranks: int = 0,
        patience: float = 600.0,
    ) -> None:
        numbers = {"epochs": (epochs, 1), "log_every": (log_every, 1), "seed": (seed, 0), "patience": (patience, 1)}
        for name, (number, least) in {**numbers, "virtual_ranks": (virtual_ranks, 0)}.items():
            if not number >= least:
                raise Misuse(f"{name} {number}: at least {least}")
        self.shelf, self.feed, self.epochs, self.seed, self.position = Shelf(work_dir), feed, epochs, seed, Position()
        self._facts = {"seed": seed, **feed.facts(), **({"virtual_ranks": virtual_ranks} if virtual_ranks else {})}
        self.settings = drift.joined(settings or {}, self._facts)
        self.world, self._virtual, self._patience = ranks.World(), virtual_ranks, patience
        self._resume, self._init_from = None if resume is None else os.fspath(resume), init_from
        self._free, self._allow, self._explain, self._stops = free, allow, explain, stop or Stop()
        keep = snapshots or Keep()
        self._story = Story(self.shelf.folder, epochs, feed.batches, log_every, summaries, keep=keep)
        self._writer = Writer(self.shelf, save or Every(), keep, self.say, self._story.settle)
        self._parts: dict[str, state.Stateful] = {}
        self._found: Found | None = None
        self._epoch: Epoch | None = None
        self._batches: Generator[Any] = (batch for batch in ())
        self._entered, self._begun, self._stack = False, False, ExitStack()

    # ---- the reader's words

    def __enter__(self) -> Run:
        with ExitStack() as stack:
            self.world = self._story.world = stack.enter_context(ranks.joined(self._patience))
            self._team = self.world.each(partial(Team, self.world, self.feed, self.seed, self._virtual))
            bound = {name: value for name, value in self.settings.items() if name not in self._free}
            self.world.alike((bound, self.epochs), "other settings or another number of epochs")
            self.shelf.verify = partial(audit.verify, self.world)
            stack.enter_context(seeds.borrowed())
            stack.enter_context(seeds.pinned(threads=1 if self._virtual else None))
            self._told = {"settings": self.settings, "environment": drift.environment(self.world.size)}
            self._found = self.world.led(partial(self._look, stack))
            self.position = self._found.position if self._found else Position()
            notice = Notice(stack.enter_context(signals.heeded(loud=self.world.lead)), self._stops)
            facts = {"seed": self.seed, **self._told}
            self._between = Seam(self._team, self._story, self._writer, notice, parts=self._parts, facts=facts)
            self._stack = stack.pop_all()
        seeds.sow(self.seed, seeds.For.BIRTH)
        self._entered = True
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        with self._stack:
            try:
                if error is None and self._epoch is not None:
                    self._leave(self._epoch)
            except BaseException as late:
                error = late
                raise
            finally:
                self._batches.close()  # ends the data workers
                self.world.lost = error is not None and not isinstance(error, SystemExit)
                self._writer.close()
                if self.world.lead:
                    how, clock = self._between.how(error, self.finished), self._story.clock(self.position)
                    self._record.end(how, self.position, self.say, time=clock)
                self._story.close()

    def keep(self, **parts: object) -> None:
        """Name what must survive: model, optimizer, scheduler, whatever has a state_dict. With `init_from`, the model
        of a new run takes its weights here: copy it (an EMA) after that.

        Raises Misuse for a part without a state_dict, for a name that is taken, and once the loop has begun.
        """
        for name, part in parts.items():
            if name in checkpoint.RESERVED or name in self._parts or self._begun:
                raise Misuse(f"keep({name}=…): the name is taken, or the loop has already begun")
            self._parts[name] = state.check(name, parallel.bare(part))
        if self._found is None and self._init_from is not None and "model" in parts:
            self.say(*self.world.each(partial(resume.begin, self._parts["model"], self._init_from)))

    def parallel(self, model: nn.Module, *, shard: bool = False, **options: Any) -> nn.Module:
        """The model as the loop is to call it: in DistributedDataParallel with these options where several processes
        train, else itself. Its parameters are on their device by now; every process gets the first one's. shard:
        `fully_shard` instead, for what one process cannot hold: a model's blocks first, each by itself, then the whole.
        """
        if not self._entered or self._begun:
            raise Misuse("parallel(model): inside the with block, and before the loop")
        return (self._team.shard if shard else self._team.model)(model, options)

    def pieces(self, batch: Any) -> Iterator[Any]:
        """What to compute of a batch, one after another, each with its own backward pass, before the optimizer's step:
        with `virtual_ranks` the pieces that are this process's, else the batch itself."""
        return self._team.pieces(batch, self._story.means)

    def __iter__(self) -> Iterator[Epoch]:
        if not self._entered or self._begun:
            raise Misuse("a run is looped over once, and inside its with block")
        if self._explain:
            for line in explain.fit(self._parts, self._found, self._init_from, self._changes):
                self.say(line)  # one by one: it may end with an error
            return iter(())
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
        if self.position.batch:
            self.say(f"{self.position.batch} of its {self.feed.batches} batches are done")
        seeds.sow(self.seed, seeds.For.BEFORE, self.position.epoch, 0, 0)  # wherever in it the epoch is entered
        self._epoch = Epoch(self.position, self.feed.batches, self._seam, self._fetch, self._after)
        return self._epoch

    def log(self, values: Mapping[str, Number] | None = None, **named: Any) -> None:
        """Record what was measured: a mapping of this batch's values is averaged over the epoch; a named number or a
        named group (`valid={...}`) counts with its latest value. Tensors are scalars; no call waits for a GPU."""
        self._story.log(values or {}, named)

    def say(self, *lines: str) -> None:
        """Print lines, and write them to train.log."""
        for line in lines:
            self._story.say(line)

    @property
    def finished(self) -> bool:
        """Whether every epoch is done."""
        return self.position.epoch >= self.epochs

    @property
    def saved(self) -> Position | None:
        """The last position that is known to be safe on the disk; known to the process that leads."""
        return self._writer.saved

    # ---- the past

    def _look(self, stack: ExitStack) -> Found | None:
        """The state to go on from, once the work dir is this run's and nothing speaks against it."""
        self._stops.clear()
        if self._resume is not None:
            history.look(self.shelf, self._resume)  # before the lock: a wrong path leaves no trace
        if not self._explain:
            stack.enter_context(self.shelf.locked(self.say, ranks.forbearance(self._patience)))
        self._record = Record(self.shelf)
        self._found = history.choose(self.shelf, self._resume, self._record.sessions, self.say)
        choice = (self.shelf.folder, self._found, self.epochs, self.feed.batches)
        self.say(*(explain.choice(*choice) if self._explain else self._changes()))
        return self._found

    def _changes(self) -> list[str]:
        """What changed since the state was saved, and may. Raises Misuse and Drift for what may not."""
        if (found := self._found) is None:
            return []
        history.allow(found, self.epochs)
        told = drift.compare(found.tree, self.settings, self._told["environment"], self._free, self._allow)
        drift.inside(found.tree, self._facts, found.path)
        return told

    def _begin(self) -> None:
        """Load the past, then take possession of the work dir; what does not fit changes nothing there."""
        self._team.check(self._parts)
        lines = self.world.each(partial(resume.start, self._parts, self._found, self._init_from))
        if self._found is not None:
            self._story.load_state_dict(self._found.tree)
        self._between.led(partial(self._possess, self._found, lines))
        self._begun, self._found = True, None  # what was found is as large as the model: not kept beside it
        self._strays = Strays(self._parts)
        self.say(*lines)
        self._batches = self._team.stream(self.position, self.epochs)

    def _possess(self, found: Found | None, lines: list[str]) -> None:
        """Make the folder this run's: the journal goes on from the state's mark, and a whole state is in the folder."""
        there = found is not None and found.path == self.shelf.checkpoint and self._told.items() <= found.tree.items()
        try:
            mark = history.possess(self.shelf, found, self._resume is not None, self._record.sessions, self.say)
            self._story.open(mark, self.position)
            self._between.begin(self.position, self.epochs, there)
            self._story.best.settle(self.shelf, self.position, self.say)
            self._record.begin(self._resume, found, self._told, **self._story.opening(lines, self.position))
        except OSError as reason:
            raise Unwritable(f"the work dir {self.shelf.folder} cannot be written: {reason}") from reason

    # ---- the seam

    def _seam(self, position: Position) -> None:
        if position is not self.position:
            self.position = position
            self._story.batch_done(position, self.feed.epoch_size)
        self._between.passed(position)

    def _fetch(self, position: Position) -> Any:
        return self._team.fetch(self._batches, position, self._story.means)

    def _after(self, position: Position) -> None:
        """The last batch of an epoch is done, what follows is not."""
        self._team.level()
        seeds.sow(self.seed, seeds.For.AFTER, position.epoch, position.batch, 0)

    def _commit(self, epoch: Epoch) -> None:
        """The epoch is done with all that followed its batches: record it, save it."""
        if epoch.settle():  # left by a break, with a batch in hand
            self._story.batch_done(epoch.position, self.feed.epoch_size)
        self.position, self._epoch = epoch.position.after_epoch(), None
        if not epoch.exhausted:  # what was fetched ahead belongs to the batches that were given up
            self._batches = self._team.stream(self.position, self.epochs)
        self._story.epoch_done(self.position, epoch.seconds)
        self.say(*self._strays.warnings())
        self._between.commit(self.position, last=self.finished)

    # ---- the end

    def _leave(self, epoch: Epoch) -> None:
        """The reader left the loop early and in peace: what is done counts."""
        if epoch.exhausted:
            self._commit(epoch)
        else:
            epoch.settle()
            self._seam(epoch.position)
        self._between.finish(self.position)

    def _end(self) -> None:
        if not self._begun:
            return history.finished(self._found, self.epochs, self.say)
        self._between.finish(self.position)
        self.say(f"Finished: all {self.epochs} epochs are done, saved in {self.shelf.checkpoint}")
