"""A real checkpoint.pt, damaged as disks and copies damage files: never a wrong value, never no state"""

import os
import random
import shutil
from pathlib import Path

import pytest

from tests.unbroken.test_checkpoint import flipped
from unbroken import checkpoint, state
from unbroken.shelf import Shelf

FLIPS, CUTS = 1_000, 200


def damaged(content: bytes) -> dict[str, list[bytes]]:
    """The same damages in every run."""
    draw = random.Random(3)
    return {
        "flipped": [flipped(content, draw.randrange(8 * len(content))) for _ in range(FLIPS)],
        "cut": [content[: draw.randrange(len(content))] for _ in range(CUTS)],
    }


@pytest.mark.parametrize("damage", ["flipped", "cut"])
def test_a_damaged_checkpoint_is_never_a_wrong_value_and_resume_ends_in_the_last_good_state(
    damage: str, run: Path
) -> None:
    shelf, before = Shelf(str(run)), checkpoint.load(str(run / "checkpoint.prev.pt"))
    newest, content = checkpoint.load(shelf.checkpoint), Path(shelf.checkpoint).read_bytes()
    assert newest["step"] > before["step"]
    shutil.rmtree(shelf.snapshots)  # or the last one of them would be the last good state
    used = 0
    for number, changed in enumerate(damaged(content)[damage]):
        shelf.checkpoint = os.path.join(run, f"{number}.pt")  # a file of its own: what is read is mapped
        Path(shelf.checkpoint).write_bytes(changed)
        found = shelf.newest()
        assert found is not None
        assert state.difference(found.tree, before if found.rejected else newest) is None
        assert all(path == shelf.checkpoint and one_line(path, reason) for path, reason in found.rejected.items())
        used += not found.rejected
        os.remove(shelf.checkpoint)
    # A bit that is flipped in what fills the gaps between records changes nothing.
    assert 0 < used < FLIPS // 2 if damage == "flipped" else used == 0


def one_line(path: str, reason: str) -> bool:
    return reason.startswith(path) and "\n" not in reason
