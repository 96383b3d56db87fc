"""run.json: the settings a run was born with, and how each of its sessions began and ended"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from .position import Position
from .shelf import Found, Shelf


class Record:
    """The story of a run, for people and for other tools; what training needs is in the checkpoint."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._open = False  # a session of this process is under way
        self._content: dict[str, Any] = shelf.read_record() or {"born": _now(), "sessions": []}

    @property
    def sessions(self) -> list[dict[str, Any]]:
        return self._content["sessions"]

    def begin(self, resume: str | None, found: Found | None, facts: dict[str, Any], **more: Any) -> None:
        """A session begins: facts are the settings and the environment it runs with; more is what else is told of it
        alone (sessions.py says what)."""
        state = found.tree if found else None
        session = {
            "began": _now(),
            "host": platform.node(),
            "pid": os.getpid(),
            "command": sys.argv,
            "resume": os.path.realpath(resume) if resume else None,
            "from": found.path if found else None,
            "wished": found is not None and found.wished,
            "state": state["digest"] if state else None,
            "position": {k: state[k] for k in ("epoch", "batch", "step")} if state else None,
            "environment": facts.get("environment"),
            **more,
            "ended": None,  # stays None in a session that was killed
        }
        self._content = {**self._content, **facts, "git": _commit(), "sessions": [*self.sessions, session]}
        self._shelf.write_record(self._content)
        self._open = True

    def end(self, how: str, position: Position, say: Callable[[str], None], **more: Any) -> None:
        """The session ends, and is told how; nothing where none began. A failure is said: no state needs this file."""
        if not self._open or self.sessions[-1]["pid"] != os.getpid():  # a forked child ends nothing
            return
        self._open = False
        self.sessions[-1]["ended"] = {"at": _now(), "how": how, **asdict(position), **more}
        try:
            self._shelf.write_record(self._content)
        except OSError as reason:
            say(f"Warning: {self._shelf.record} could not be written ({reason}); the states do not need it")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _commit() -> str | None:
    """The commit of the checkout that the program was started in, if it is one."""
    try:
        found = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    except OSError:
        return None  # no git on this machine
    return found.stdout.strip() or None
