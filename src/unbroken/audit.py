"""The shards of a state compared with its word: every process reads a part of the files"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from . import manifest
from .errors import Error
from .manifest import Manifest
from .ranks import World


def verify(world: World, path: str, tree: dict[str, Any]) -> None:
    """In the lead, while it is led: compare the shards of a state, where it has any, with what it says of them.

    Raises Damaged or Unreadable, whoever found it.
    """
    found = manifest.of(tree)
    if found is not None and (wrong := next(filter(None, world.shared(_Audit(path, found))), None)):
        raise wrong


@dataclass(frozen=True)
class _Audit:
    path: str
    manifest: Manifest

    def __call__(self, rank: int, size: int) -> Error | None:
        """What is wrong with a process's part of the files."""
        try:
            manifest.check(self.path, self.manifest, sorted(self.manifest.files)[rank::size])
        except Error as wrong:
            return wrong
        return None
