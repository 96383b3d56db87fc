"""Dies by a real SIGKILL at a moment named in the environment: REAP="kind count"

Kinds are whatever a job calls `passing` with, and "file": the n-th time the process opens, renames, links or removes
something in the folder REAP_FOLDER, which lies inside a save nearly always.
"""

import os
import signal
import sys
from collections import Counter
from typing import Any

EVENTS = {"open", "os.rename", "os.link", "os.remove", "os.truncate", "os.mkdir"}
_seen: Counter[str] = Counter()


def passing(kind: str) -> None:
    """A moment passes; perhaps the last one."""
    _seen[kind] += 1
    if os.environ.get("REAP") == f"{kind} {_seen[kind]}":
        os.kill(os.getpid(), signal.SIGKILL)


def watch_files() -> None:
    """Count what happens to files, from the audit events that the interpreter raises itself."""
    folder = os.environ.get("REAP_FOLDER")

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in EVENTS and folder and str(arguments[0]).startswith(folder):
            passing("file")

    sys.addaudithook(hook)
