"""What a session has spent beside its steps, for `plan`: its age, its saves, their stalls and writes"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

IMPORTED = time.monotonic()


@dataclass
class Spent:
    """Sums over the saves of this session that reached the disk.

    stalled: seconds in which training stood still for them. written: seconds from there until they were durable.
    last: when the last of them was taken, or the session went on from a state, by the monotonic clock: what a kill
    would go back to. None before that.
    """

    saves: int = 0
    stalled: float = 0.0
    written: float = 0.0
    last: float | None = None

    def add(self, stall: float, write: float) -> None:
        """One save more."""
        self.saves, self.stalled, self.written = self.saves + 1, self.stalled + stall, self.written + write
        self.last = time.monotonic() - write

    def told(self, age: float, steps: int) -> dict[str, float]:
        """What a record of the journal says of its session, under `time`: it is outside of what is compared."""
        sums = {"stalled": round(self.stalled, 6), "written": round(self.written, 6)}
        return {"age": round(age, 6), "steps": steps, "saves": self.saves, **sums}


def born() -> float:
    """When this process began, by the monotonic clock; where the system does not tell, when this file was imported."""
    if sys.platform != "linux":
        return IMPORTED
    # Counted from the last bracket: a program's name may hold blanks and brackets.
    ticks = int(Path("/proc/self/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[19])
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    return time.monotonic() - age
