"""All processes save one sharded state: each writes its slices beside, the lead commits it

What the lead decides at a seam, to take a state or not, it tells all others there. From then on nobody waits for
anybody: when a process's slices are safe it leaves a note, and with all notes the lead commits the state by the rename
of its small file. Killed before that, the state before is the newest.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from . import shards, slices
from .buffers import Buffers
from .disk import sync_folder
from .errors import Unwritable
from .ranks import World
from .shards import Receipt
from .slices import Slice
from .writer import FAILURES, Tree, Writer

T = TypeVar("T")
NONE, COPY = "", "."  # what the lead tells in place of a folder: no state is taken; one is, but it is on the disk


class Convoy:
    """One process's part in the saves. work_dir: where states lie, the same files for all processes."""

    def __init__(self, world: World, work_dir: str) -> None:
        self._world, self._work_dir = world, work_dir
        self._buffers = Buffers()
        self._folder, self._told, self._mine = NONE, True, dict[str, Slice]()

    def led(self, act: Callable[[], T], tree: Tree, writer: Writer) -> T:
        """What the lead makes of it, told to all; where it takes a state meanwhile, every process takes its slices."""
        if self._world.lead:
            return self._world.led(partial(self._leading, act))
        folder = self._world.led(lambda: NONE)
        if folder:
            writer.wait()
            self._take(slices.parted(tree(), self._world.rank, self._world.size)[1])
            if folder != COPY:
                writer.beside(partial(self._write, folder))
        return self._world.led(act)

    def tree(self, tree: Tree, write: bool = True) -> Tree:
        """In the lead: the same state for the writer, without its sharded tensors, once all others know that it is
        taken."""

        def small() -> dict[str, Any]:
            left, mine = slices.parted(tree(), self._world.rank, self._world.size)
            self._folder = f"shards/{left['step']:08d}-{os.urandom(6).hex()}"
            self._told = bool(self._world.led(lambda: self._folder if write else COPY))
            self._take(mine)
            tensors = {name: slice.whole.told() for name, slice in mine.items()}
            return {**left, "shards": {"folder": self._folder, "files": {}, "tensors": tensors}}

        return small

    def settle(self, tree: dict[str, Any]) -> None:
        """In the lead's background: write its slices, wait for the others', and note all files in the state.

        Raises OSError or Damaged.
        """
        folder = os.path.join(self._work_dir, self._folder)
        try:
            own = shards.write(folder, self._world.rank, self._mine)
        finally:  # the others' notes are taken down in any case
            notes = self._world.notes(self._names(self._folder)[1:])
        if wrong := next((note for note in notes if not note.startswith("[")), None):
            raise Unwritable(wrong)
        whole = {name: slice.whole for name, slice in self._mine.items()}
        files = shards.commit(folder, whole, [own, *map(Receipt.of, notes)])
        sync_folder(folder)
        sync_folder(os.path.dirname(folder))
        tree["shards"]["files"] = {name: list(told) for name, told in files.items()}

    def _leading(self, act: Callable[[], T]) -> T:
        self._told = False
        value = act()
        if not self._told:
            self._world.led(lambda: NONE)
        return value

    def _take(self, found: Mapping[str, Slice]) -> None:
        """Copy this process's slices, so that training cannot change them."""
        copies = self._buffers.copy({name: slice.values for name, slice in found.items()})
        self._mine = {name: Slice(slice.whole, slice.offsets, copies[name]) for name, slice in found.items()}

    def _write(self, folder: str) -> None:
        """In the background of who does not lead: write its slices, and tell the lead what became of that."""
        path = os.path.join(self._work_dir, folder)
        try:
            note = shards.write(path, self._world.rank, self._mine).text()
            sync_folder(path)
        except FAILURES as reason:
            note = f"process {self._world.rank} could not write its shards: {reason}"
        self._world.note(self._names(folder)[self._world.rank], note)

    def _names(self, folder: str) -> list[str]:
        return [f"unbroken/{folder}/{rank}" for rank in range(self._world.size)]
