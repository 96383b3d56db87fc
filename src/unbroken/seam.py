"""The seam: between two batches, where all processes save and stop together, and nowhere else"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from . import checkpoint, optimizers, slurm
from .errors import Stopped
from .position import Position
from .state import Stateful
from .stop import Notice
from .story import Story
from .team import Agreed, Team
from .writer import Writer

if TYPE_CHECKING:
    from .convoy import Convoy

T = TypeVar("T")
UNSAVED = 74  # the exit code of a run whose last state could not be written (EX_IOERR of sysexits.h)


class Seam:
    """What becomes of a run where its whole state is true at once. Every process passes it with the same position; the
    lead alone writes.

    parts: what is kept. facts: what a state says of its run beside them.
    """

    def __init__(
        self, team: Team, story: Story, writer: Writer, notice: Notice, *, parts: Mapping[str, Stateful],
        facts: Mapping[str, Any],
    ) -> None:  # fmt: skip
        self._team, self._world, self._story, self._writer, self._notice = team, team.world, story, writer, notice
        self._parts, self._facts = parts, facts
        story.spent = writer.spent  # records tell what saves have cost
        self._convoy: Convoy | None = None  # of a run whose states are sharded

    def led(self, act: Callable[[], T]) -> T:
        """What the lead makes of it, told to all; where it takes a state, each takes its part."""
        if not self._team.sharded:
            return self._world.led(act)
        if self._convoy is None:
            from .convoy import Convoy  # noqa: PLC0415 (takes long, and few need it)

            self._convoy = Convoy(self._world, self._writer.folder)
            self._writer.complete = self._convoy.settle
        return self._convoy.led(act, self._kept, self._writer)

    def begin(self, position: Position, epochs: int, there: bool) -> None:
        """In the lead: begin with this state, which is on the disk already or is put there. Raises Unwritable."""
        self._writer.first(position, self._tree(position, there), there)
        self._writer.foresee(position.epoch, epochs)

    def passed(self, position: Position) -> None:
        """Save where that is due, and stop where that was wished for. Raises Stopped."""
        stop, save = self._agreed(self._writer.overdue)
        if save:
            self._gather()
            self._take(partial(self._writer.save, position, self._tree(position)))
        if stop:
            self._stop(position)

    def commit(self, position: Position, *, last: bool) -> None:
        """An epoch is done with all that followed its batches: save it. Raises Stopped, and Misuse for processes that
        have drifted apart."""
        self._team.alike(self._parts)
        self._gather()
        self._take(partial(self._writer.commit, position, self._tree(position), last, self._story.better))
        if self._agreed(lambda: False, soon=True).stop and not last:
            self._stop(position)

    def finish(self, position: Position) -> None:
        """Leave with the newest state on the disk, or with the exit code that says it is not; tries once more."""
        self._gather()
        if self.led(partial(self._finished, position)):
            raise Stopped(UNSAVED)

    def how(self, error: BaseException | None, finished: bool) -> str:
        """How a session ended that left with this error, or in peace."""
        if isinstance(error, Stopped):
            return f"stopped by {self._notice.name or 'a disk that did not take the last state'}"
        if error is not None:
            return f"{type(error).__name__}: {error}"
        return "finished" if finished else "left"

    def _agreed(self, save: Callable[[], bool], soon: bool = False) -> Agreed:
        return self._team.agree(self._notice, self._notice.given(self._writer.cost), save, soon)

    def _gather(self) -> None:
        """Before a state is taken: what other processes know of it goes to the lead."""
        self._story.take_in()
        self._team.same(self._parts.values())

    def _take(self, save: Callable[[], None]) -> None:
        """Let the lead save, who asks the others for their part where states are sharded."""
        if self._team.sharded:
            self.led(save)
        elif self._world.lead:
            save()

    def _stop(self, position: Position) -> NoReturn:
        """Obey the notice: save, say where the run stands and how to go on, leave."""
        self._gather()
        lost = self.led(partial(self._stand, position))
        raise Stopped(UNSAVED if lost else self._notice.code)

    def _stand(self, position: Position) -> bool:
        """Save while there is time, and say where the run stands; whether its last state is lost."""
        self._writer.finish(position, self._tree(position), within=self._notice.left())
        self._story.say(f"Stopped by {self._notice.name}: {self._writer.standing(position, self._team.batches)}")
        if self._notice.name == "SIGUSR1":
            slurm.requeue(self._story.say)
        return self._writer.failed

    def _finished(self, position: Position) -> bool:
        self._writer.finish(position, self._tree(position))
        return self._writer.failed

    def _kept(self) -> dict[str, Any]:
        return checkpoint.layout({name: part.state_dict() for name, part in self._parts.items()})

    def _tree(self, position: Position, there: bool = False) -> Callable[[], dict[str, Any]]:
        """Takes the whole state as it stands in the live parts: true at the seam alone."""

        def tree() -> dict[str, Any]:
            told = {**self._story.state_dict(), "journal": self._story.mark()}
            return {
                **asdict(position),
                **self._kept(),
                "parameters": optimizers.described(self._parts),
                **told,
                **self._facts,
            }

        return self._convoy.tree(tree, write=not there) if self._convoy else tree
