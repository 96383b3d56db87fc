"""Power loss: what a run finds after a crash at any point of its saves, in every state that the disk may be in

python -m tests.whole.power [--seeds N]

Records the calls of a run that is begun, left and resumed, and of one that goes back to a snapshot; then looks at each
folder that `tests.whole.disk` says a crash may leave. It does as the next start does: takes the lock, sweeps, and looks
for the newest state.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn
from torch.utils.data import TensorDataset

import unbroken
from tests.whole import calls
from tests.whole.disk import Disk, Event, Folder, Recorder, fingerprint, materialise
from unbroken import checkpoint
from unbroken.errors import Error
from unbroken.journal import Journal
from unbroken.shelf import Shelf

EPOCHS = 3
KEEP = unbroken.Keep(1, latest=2, best="train.loss", lower=True)
MODELS = ("ordered", "strict")
Place = tuple[int, int]  # epochs, batches


def train(work_dir: Path, recorder: Recorder | None = None, batches: int = 99, **options: object) -> None:
    """Three epochs of three batches, with a save at every seam; left after so many batches."""
    feed = unbroken.Feed(TensorDataset(torch.linspace(-1, 1, 6 * 48).reshape(6, 48)), batch_size=2)
    options = {"save": unbroken.Every(minutes=1e-9, background=False), **options}
    with unbroken.Run(str(work_dir), feed, epochs=EPOCHS, log_every=1, snapshots=KEEP, **options) as run:
        model = nn.Sequential(nn.Dropout(0.1), nn.Linear(48, 48))
        optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
        run.keep(model=model, optimizer=optimizer)
        for epoch in run:
            for (x,) in epoch:
                if recorder and run.saved:
                    recorder.saved((run.saved.epoch, run.saved.batch))
                batches -= 1
                loss = nn.functional.mse_loss(model(x), x)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                run.log({"loss": loss})
                if not batches:
                    return


def recorded(work_dir: Path, background: bool = False) -> list[Event]:
    """The trace of a run that is left within its second epoch and resumed."""
    work_dir.mkdir()
    recorder, when = Recorder(work_dir), unbroken.Every(minutes=1e-9, background=background)
    with calls.watched(str(work_dir), recorder):
        train(work_dir, recorder, batches=5, save=when)
        train(work_dir, recorder, save=when)
    return recorder.events


def branched(work_dir: Path) -> list[Event]:
    """The trace of a run that is left, and then goes back to its first snapshot."""
    work_dir.mkdir()
    recorder = Recorder(work_dir)
    with calls.watched(str(work_dir), recorder):
        train(work_dir, recorder, batches=7)
        recorder.saved((1, 0))  # from here on a state as old as that is what was wished for
        train(work_dir, recorder, batches=2, resume=str(work_dir / "checkpoints" / "E001_net.pt"))
    return recorder.events


class Look(NamedTuple):
    """What the next start finds in a folder: the place of the newest state, and what is wrong."""

    place: Place | None
    wrong: str


def look(folder: Path) -> Look:
    shelf = Shelf(str(folder))
    try:
        with shelf.locked(lambda line: None):
            shelf.read_record()
            if os.path.exists(shelf.best):
                checkpoint.read(shelf.best)
            found = shelf.newest()
            if found is None:
                return Look(None, "")
            lost = "" if Journal(shelf.journal).holds(found.tree["journal"]) else f"{found.path} without its records"
            return Look((found.tree["epoch"], found.tree["batch"]), lost)
    except Error as reason:
        return Look(None, f"{type(reason).__name__}: {reason}")


@dataclass
class Promised:
    """What a run's words and its user's wishes promise at a moment: places announced as saved, and the states that a
    branch left behind."""

    announced: list[Place] = field(default_factory=list[Place])
    behind: set[bytes] = field(default_factory=set[bytes])

    def hear(self, place: Place, disk: Disk) -> None:
        """A place was announced; an earlier one than before is a wish to go back, and whatever there is must stay."""
        if self.announced and place < self.announced[-1]:
            self.announced = []
            self.behind = {data for name, data in disk.now().items() if name.endswith(".pt") and data}
        self.announced.append(place)

    def broken(self, found: Look, content: Folder, whole: Whole) -> str:
        """What is wrong with a folder that was found; empty when nothing is."""
        if found.wrong or not self.announced:
            return found.wrong
        if found.place is None or found.place < self.announced[-1]:
            return f"{self.announced[-1]} was announced as saved, but {found.place} is the newest state"
        if len(dict.fromkeys(self.announced)) > 1 and not whole(content.get("checkpoint.prev.pt")):
            return "the state before the newest one is not whole"
        epoch = self.announced[-1][0]
        # A later one will do: of three snapshots the first is dropped.
        if epoch and not any(whole(content.get(f"checkpoints/E{n:03d}_net.pt")) for n in range(epoch, EPOCHS + 1)):
            return f"no snapshot of epoch {epoch} or later is whole"
        return "a state was left behind and lost" if self.behind - set(content.values()) else ""


class Whole:
    """Whether bytes are a whole state; looks at the same ones once."""

    def __init__(self, folder: Path) -> None:
        self._path, self._known = folder / "one.pt", dict[bytes | None, bool]({None: False})

    def __call__(self, content: bytes | None) -> bool:
        if content is not None and content not in self._known:
            self._path.parent.mkdir(exist_ok=True)
            self._path.write_bytes(content)
            try:
                self._known[content] = bool(checkpoint.read(str(self._path)))
            except Error:
                self._known[content] = False
        return self._known[content]


def crashes(events: list[Event], model: str, draw: random.Random) -> Iterator[tuple[int, Promised, Folder]]:
    """Every folder that a crash may leave, with the number of events before it and what was promised until then."""
    disk, promised, seen = Disk(), Promised(), set[bytes]()
    for number, event in enumerate(events, 1):
        disk.apply(event)
        if event.kind == "saved":
            promised.hear(event.subject, disk)
            seen.clear()  # a folder that was good so far may be too old now
        for folder in disk.crashes(model, draw):
            if (mark := fingerprint(folder)) not in seen:
                seen.add(mark)
                yield number, promised, folder


def examine(events: list[Event], folder: Path, seed: int = 0) -> Counter[str]:
    """Look at everything that a crash may leave, in both models; how many folders, and how many different ones.

    Raises AssertionError with the first folder that is not as it must be, which is left in `folder`.
    """
    known, whole, tally = dict[bytes, Look](), Whole(folder.parent / "whole"), Counter[str]()
    for model in MODELS:
        for number, promised, content in crashes(events, model, random.Random(seed)):
            mark = fingerprint(content)
            if mark not in known:
                known[mark] = look(materialise(content, folder))
            if wrong := promised.broken(known[mark], content, whole):
                materialise(content, folder)
                raise AssertionError(f"{model}, crash after event {number} ({events[number - 1][:3]}): {wrong}")
            tally[model] += 1
    return tally + Counter(different=len(known))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10, help="so many draws of torn blocks and combinations")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        traces = {
            "a run, waiting": recorded(folder / "waiting"),
            "a run, in the background": recorded(folder / "background", background=True),
            "a branch": branched(folder / "branch"),
        }
        for what, events in traces.items():
            total: Counter[str] = Counter()
            for seed in range(options.seeds):
                total += examine(events, folder / "crashed", seed)
            print(
                f"{what}: {len(events)} events, {dict(total)}: old or new each time, nothing announced was lost",
                flush=True,
            )


if __name__ == "__main__":
    main()
