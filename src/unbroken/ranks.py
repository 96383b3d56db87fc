"""Which process of how many this is: a world of one for now, and anything else is refused"""

from __future__ import annotations

import os

from .errors import Misuse


def rank() -> int:
    """This process's number; part of the seed of every step."""
    return 0


def alone() -> None:
    """Refuse a world of several: each of its processes would take itself for the only one.

    Raises Misuse under torchrun with more than one process.
    """
    world = os.environ.get("WORLD_SIZE") or "1"
    if world != "1":
        raise Misuse(f"WORLD_SIZE is {world}, but this version trains in one process: start it without torchrun")
