"""Where output is to go: refused before the work is done where it cannot be written"""

import os
from pathlib import Path

from perpart.errors import Mistake


def folder(name: str) -> Path:
    """The folder to write to, which need not be there yet. Raises Mistake where it cannot be made or written to."""
    if not name:
        raise Mistake("--out is empty: name a folder to write to")
    path = here = Path(name)
    while not here.exists() and here != here.parent:
        here = here.parent
    if not here.is_dir():
        raise Mistake(f"--out {path}: {here} is a file; name a folder to write to")
    if not os.access(here, os.W_OK | os.X_OK):
        raise Mistake(f"--out {path}: {here} cannot be written to; name another folder")
    return path
