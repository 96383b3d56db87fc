"""A run of many epochs holds no more memory than one of few; `benchmarks.memory` says it of two hundred"""

import statistics
from pathlib import Path

from benchmarks.memory import SETTLED, watched
from tests.whole.fixtures import few_grasps

LEEWAY = 12 << 20
"""Bytes: what the allocator's habits cost."""


def test_after_the_first_twenty_epochs_memory_is_flat(tmp_path: Path) -> None:
    resident = watched("tiny", 50, str(few_grasps(tmp_path / "data", each=20)))
    assert statistics.median(resident[-SETTLED:]) < max(resident[: SETTLED + 1]) + LEEWAY
