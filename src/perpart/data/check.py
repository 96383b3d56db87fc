"""All that is wrong with a data folder, not only the first: the readers' refusals, and what they let pass"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from perpart.data import faults, order, poses, things
from perpart.data import folder as files
from perpart.data.defects import Defect
from perpart.data.folder import Content
from perpart.data.graspset import GraspSet
from perpart.data.kinds import READERS
from perpart.data.maps import Maps
from perpart.data.skins import Skins
from perpart.data.things import SPLITS, Placed


@dataclass(frozen=True)
class Report:
    """What was found in a folder: its defects in the order of reading, and what could be read of it."""

    folder: Path
    defects: tuple[Defect, ...]
    placed: Placed | None
    found: GraspSet | Maps | Skins | None

    @property
    def usable(self) -> bool:
        """Whether labels mean anything."""
        return self.found is not None and not any(defect.fatal for defect in self.defects)

    @property
    def summary(self) -> str:
        """One line on all of it."""
        fatal = sum(defect.fatal for defect in self.defects)
        verdict = (
            f"{len(self.defects)} defect{'s' * (len(self.defects) > 1)}, {fatal} of which forbid training"
            if self.defects
            else "no defects"
        )
        if self.found is None:
            return f"{self.folder}: cannot be used: {verdict}"
        count = Counter(self.found.split[i] for i in self.found.object_of)
        shares = ", ".join(f"{count[split]} {split}" for split in SPLITS)
        return f"{self.folder}: {len(self.found)} grasps on {len(self.found.objects)} objects ({shares}): {verdict}"


def check(folder: Path) -> Report:
    """Read a folder as far as possible and collect what is wrong with it."""
    told: list[Defect] = []
    content = files.read(folder, told.append)
    if content is None:
        return Report(folder, tuple(told), None, None)
    placed = things.place(content, told.append)
    found = READERS[content.said["kind"]](content, placed, told.append)
    told += _meshes(content, placed)
    if found is not None:
        told += [*_shares(content, found), *_hands(content, found)]
    return Report(folder, tuple(told), placed, found)


def _meshes(content: Content, placed: Placed) -> Iterator[Defect]:
    for i, file in placed.files.items():
        where = str(content.folder / content.said["objects"][i]["mesh"])
        for fault in faults.faults(file):
            yield Defect(where, *fault, fatal=False)


def _shares(content: Content, found: GraspSet | Maps | Skins) -> Iterator[Defect]:
    """Training wants grasps to train on and grasps to validate on."""
    for split in ("train", "valid"):
        if not len(found.of(split)):
            yield Defect(content.words, f"no grasp is of the split {split!r}", "give some objects to it")


def _hands(content: Content, found: GraspSet | Maps | Skins) -> Iterator[Defect]:
    """What is wrong with the hands; a hand that a folder of maps does not have still leaves its touches."""
    if isinstance(found, GraspSet):
        yield from (Defect(content.numbers, *said, fatal=False) for said in poses.beyond(found))
    if not isinstance(found, Maps):
        yield from (Defect(content.numbers, *said, fatal=False) for said in poses.deep(found))
        return
    seems = order.of_maps({i: points[:, :3] for i, points in found.points.items()}, found.contact)
    if seems != order.OURS and not order.stated(content.said):
        yield Defect(content.numbers, *order.said(seems), fatal=False)
