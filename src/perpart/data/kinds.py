"""A data folder of any kind, opened: poses, contact maps or skins, all of them to be trained on"""

from importlib import resources
from pathlib import Path

from perpart.data import folder as files
from perpart.data import things
from perpart.data.defects import refuse
from perpart.data.graspset import GraspSet, posed
from perpart.data.maps import Maps, mapped
from perpart.data.skins import Skins, skinned
from perpart.errors import Mistake

READERS = {"angles": posed, "contact": mapped, "mesh": skinned}


def load(path: str | Path | None = None) -> GraspSet | Maps | Skins:
    """Read a data folder; None: the set shipped with the package.

    Raises Mistake, in one line, for the first thing in it that training should not be done with. What `check` tells
    beyond that costs quality, not truth.
    """
    folder = Path(path) if path is not None else Path(str(resources.files("perpart") / "shipped"))
    content = files.read(folder, refuse)
    found = content and READERS[content.said["kind"]](content, things.place(content, refuse), refuse)
    if found is None:
        raise Mistake(f"{folder}: cannot be used; python -m perpart.data check {folder} tells why")
    return found
