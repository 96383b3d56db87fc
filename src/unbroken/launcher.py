"""The torchrun that started this process: whether it is still there, and since when

A torchrun that is killed leaves its processes behind, each in a session of its own, training on and holding the work
dir; and one that has restarts left starts again whatever ends with another code than 0.
"""

from __future__ import annotations

import os
import time
from pathlib import Path


def pid() -> int:
    """The parent, where that is torchrun; 0 where a process was started by hand. It is another one once torchrun is
    gone: the system hands orphans on."""
    return os.getppid() if os.environ.get("TORCHELASTIC_RUN_ID") else 0


def age() -> float:
    """Seconds since torchrun was started, all its restarts included; 0.0 without one, or where no system tells."""
    return (age_of(pid()) or 0.0) if pid() else 0.0


def age_of(process: int) -> float | None:
    """Seconds since a process was started; None where there is none, or where no system tells."""
    try:
        words = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None  # not Linux
    return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - int(words[19]) / os.sysconf("SC_CLK_TCK"))
