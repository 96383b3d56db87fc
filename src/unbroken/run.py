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
from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from typing import Any

import torch
from torch import nn

from . import checkpoint, drift, explain, history, optimizers, parallel, ranks, resume, seeds, signals, slurm, state
from .epoch import Epoch
from .errors import Misuse, Stopped, Unwritable
from .every import Every
from .feed import Feed
from .keep import Keep
from .means import Number
from .position import Position
from .record import Record
from .shelf import Found, Shelf
from .stop import Notice, Stop
from .story import Story
from .strays import Strays
from .team import Team
from .writer import Writer

UNSAVED = 74  # the exit code of a run whose last state could not be written (EX_IOERR of sysexits.h)


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
        if min(epochs, log_every, seed + 1, virtual_ranks + 1) < 1 or not patience > 0:
            given = f"epochs {epochs}, log_every {log_every}, seed {seed}, virtual_ranks {virtual_ranks}"
            raise Misuse(f"{given}, patience {patience}: at least 1, 1, 0 and 0, patience more than 0")
        self.shelf, self.feed, self.epochs, self.seed = Shelf(work_dir), feed, epochs, seed
        self._facts = {"seed": seed, **feed.facts(), **({"virtual_ranks": virtual_ranks} if virtual_ranks else {})}
        self.settings = drift.joined(settings or {}, self._facts)
        self.world, self._virtual, self._patience = ranks.World(), virtual_ranks, patience
        self.position = Position()
        self._resume, self._init_from = None if resume is None else os.fspath(resume), init_from
        self._free, self._allow, self._explain, self._stops = free, allow, explain, stop or Stop()
        self._story = Story(self.shelf.folder, epochs, feed.batches, log_every, summaries)
        self._writer = Writer(self.shelf, save or Every(), snapshots or Keep(), self.say, self._story.settle)
        self._parts: dict[str, state.Stateful] = {}
        self._found: Found | None = None
        self._epoch: Epoch | None = None
        self._batches: Generator[Any] = (batch for batch in ())
        self._record: Record | None = None  # the lead's
        self._entered, self._begun, self._stack = False, False, ExitStack()

    # ---- the reader's words

    def __enter__(self) -> Run:
        with ExitStack() as stack:
            self.world = self._story.world = stack.enter_context(ranks.joined(self._patience))
            self._team = Team(self.world, self.feed, self.seed, self._virtual)
            stack.enter_context(seeds.borrowed())
            stack.enter_context(seeds.pinned(threads=1 if self._virtual else None))
            self.environment = {**drift.environment(), "processes": self.world.size}
            self._found = self.world.led(partial(self._look, stack))
            self.position = self._found.position if self._found else Position()
            self._notice = Notice(stack.enter_context(signals.heeded()), self._stops.clear())
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
                self._writer.close()
                if self._record is not None:
                    self._record.end(self._how(error), self.position, self.say)
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

    def parallel(self, model: nn.Module, **options: Any) -> nn.Module:
        """The model as the loop is to call it: in DistributedDataParallel with these options where several processes
        train, else itself. Its parameters are on their device by now; every process gets the first one's."""
        if not self._entered or self._begun:
            raise Misuse("parallel(model): inside the with block, and before the loop")
        return self._team.model(model, options)

    def pieces(self, batch: Any) -> Iterator[Any]:
        """What to compute of a batch, one after another, each with its own backward pass, before the optimizer's step:
        with `virtual_ranks` the pieces that are this process's, else the batch itself."""
        return self._team.pieces(batch, self._story.means)

    def __iter__(self) -> Iterator[Epoch]:
        if not self._entered or self._begun:
            raise Misuse("a run is looped over once, and inside its with block")
        if self._explain:
            for line in explain.fit(self._parts, self._found, self._init_from, self._changes):
                self.say(line)
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
        self._sow(seeds.For.BEFORE, self.position)
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
    def device(self) -> torch.device:
        """Where this process is to compute: its own GPU where the machine has one, else the processor."""
        return self.world.device

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
        if self._resume is not None:
            history.look(self.shelf, self._resume)  # before the lock: a wrong path leaves no trace
        if not self._explain:
            stack.enter_context(self.shelf.locked(self.say))
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
        told = drift.compare(found.tree, self.settings, self.environment, self._free, self._allow)
        drift.inside(found.tree, self._facts, found.path)
        return told

    def _begin(self) -> None:
        """Load the past, then take possession of the work dir; what does not fit changes nothing there."""
        lines = self.world.each(partial(resume.start, self._parts, self._found, self._init_from))
        if self._found is not None:
            self._story.means.load_state_dict(self._found.tree["means"])
        self.world.led(partial(self._possess, self._found))
        self._begun, self._found = True, None  # what was found is as large as the model: not kept beside it
        self._strays = Strays(self._parts)
        self.say(*lines)
        self._batches = self._team.stream(self.position, self.epochs)

    def _possess(self, found: Found | None) -> None:
        """Make the folder this run's, or say why it cannot be."""
        try:
            self._settle(found)
        except OSError as reason:
            raise Unwritable(f"the work dir {self.shelf.folder} cannot be written: {reason}") from reason

    def _settle(self, found: Found | None) -> None:
        """The journal goes on from the state's mark, and a whole state is in the folder."""
        assert self._record is not None  # this process leads
        mark = history.possess(self.shelf, found, self._resume is not None, self._record.sessions, self.say)
        self._story.open(mark, self.position)
        facts = {"settings": self.settings, "environment": self.environment}
        there = found is not None and found.path == self.shelf.checkpoint and facts.items() <= found.tree.items()
        self._writer.first(self.position, self._tree, there)
        self._writer.foresee(self.position.epoch, self.epochs)
        self._record.begin(self._resume, found, facts)

    def _tree(self) -> dict[str, Any]:
        """The whole state, as it stands in the live parts: true at the seam alone."""
        parts = checkpoint.layout({name: part.state_dict() for name, part in self._parts.items()})
        told = {"means": self._story.means.state_dict(), "journal": self._story.mark()}
        facts = {"seed": self.seed, "settings": self.settings, "environment": self.environment}
        return {**asdict(self.position), **parts, "parameters": optimizers.described(self._parts), **told, **facts}

    # ---- the seam

    def _seam(self, position: Position) -> None:
        """Between two batches, where the whole state is true at once; saving and stopping happen here and only here."""
        if position != self.position:
            self.position = position
            self._story.batch_done(position, self.feed.epoch_size)
        if self._agreed(self._writer.overdue):
            self._save()
        if self._notice.code:
            self._stop()

    def _agreed(self, save: Callable[[], bool], soon: bool = False) -> bool:
        """Whether to save here; the notice to stop is heard on the way."""
        return self._team.agree(self._notice, self._notice.given(self._writer.cost), save, soon)

    def _save(self) -> None:
        self._ready()
        if self.world.lead:
            self._writer.save(self.position, self._tree)

    def _ready(self) -> None:
        """Before a state is taken: what other processes know of it goes to the lead."""
        self._story.take_in()
        self._team.same(self._parts.values())

    def _fetch(self, position: Position) -> Any:
        return self._team.fetch(self._batches, position, self._story.means)

    def _after(self, position: Position) -> None:
        """The last batch of an epoch is done, what follows is not."""
        self._team.level()
        self._sow(seeds.For.AFTER, position)

    def _commit(self, epoch: Epoch) -> None:
        """The epoch is done with all that followed its batches: record it, save it."""
        if epoch.settle():  # left by a break, with a batch in hand
            self._story.batch_done(epoch.position, self.feed.epoch_size)
        self.position, self._epoch = epoch.position.after_epoch(), None
        if not epoch.exhausted:  # what was fetched ahead belongs to the batches that were given up
            self._batches = self._team.stream(self.position, self.epochs)
        self._story.epoch_done(self.position, epoch.seconds)
        self.say(*self._strays.warnings())
        self._ready()
        if self.world.lead:
            self._writer.commit(self.position, self._tree, last=self.finished)
        self._agreed(lambda: False, soon=True)
        if self._notice.code and not self.finished:
            self._stop()

    def _stop(self) -> None:
        """Obey the notice: save, say where the run stands and how to go on, leave."""
        self._ready()
        failed = self.world.led(self._stand)
        raise Stopped(UNSAVED if failed else self._notice.code)

    def _stand(self) -> bool:
        """Save while there is time, and say where the run stands; whether its last state is lost."""
        self._writer.finish(self.position, self._tree, within=self._notice.left())
        self.say(f"Stopped by {self._notice.name}: {self._writer.standing(self.position, self.feed.batches)}")
        if self._notice.name == "SIGUSR1":
            slurm.requeue(self.say)
        return self._writer.failed

    # ---- the end

    def _leave(self, epoch: Epoch) -> None:
        """The reader left the loop early and in peace: what is done counts."""
        if epoch.exhausted:
            self._commit(epoch)
        else:
            epoch.settle()
            self._seam(epoch.position)
        self._finish()

    def _end(self) -> None:
        if not self._begun:
            return history.finished(self._found, self.epochs, self.say)
        self._finish()
        self.say(f"Finished: all {self.epochs} epochs are done, saved in {self.shelf.checkpoint}")

    def _finish(self) -> None:
        """Leave with the newest state on the disk, or with the exit code that says it is not; tries once more."""
        self._ready()
        self.world.led(partial(self._writer.finish, self.position, self._tree))
        if self.world.led(lambda: self._writer.failed):
            raise Stopped(UNSAVED)

    def _how(self, error: BaseException | None) -> str:
        if isinstance(error, Stopped):
            return f"stopped by {self._notice.name or 'a disk that did not take the last state'}"
        if error is not None:
            return f"{type(error).__name__}: {error}"
        return "finished" if self.finished else "left"

    def _sow(self, purpose: seeds.For, position: Position) -> None:
        seeds.sow(self.seed, purpose, position.epoch, position.batch, 0)
