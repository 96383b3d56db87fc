"""What is finished of a making, on disk: one file per object and turn, and on whose terms it was made

Every file is written beside its place, synced and renamed, so it is there whole or not at all. A piece begins with the
digest of the rest and says what it is a piece of: one that was cut, altered or brought from elsewhere is noticed.
"""

import hashlib
import io
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from perpart.grasps.search import Catch

FIGURES = 5  # of each grasp: depth, volume, epsilon, shift, turn
SINGLE = ("angles", "root", "bones")  # stored in single precision, which is what they are rounded to when found


class Torn(ValueError):
    """A file that is not the piece it should be."""


def write(path: Path, content: bytes) -> None:
    """Put a whole file in its place, on disk, or leave what was there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".part")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    move(beside, path)


def sync(path: Path) -> None:
    """Have a file or folder on disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def move(source: Path, target: Path) -> None:
    """Rename a file that is written, durably."""
    source.replace(target)
    sync(target.parent)


def keep(path: Path, catch: Catch, of: dict[str, Any]) -> None:
    """Store what was found on one object; `of` says which, in which turn of which making."""
    said = {"of": of, "reasons": catch.reasons, "turns": catch.turns}
    arrays = {
        "said": np.frombuffer(json.dumps(said, sort_keys=True).encode(), dtype=np.uint8),
        "kinds": np.array(catch.kinds, dtype=np.int64),
        "quality": np.array(catch.quality, dtype=np.float64).reshape(-1, FIGURES),
        "tried": catch.tried,
        **{name: np.array(getattr(catch, name), dtype=np.float32) for name in SINGLE},
    }
    raw = io.BytesIO()
    np.savez(raw, allow_pickle=False, **arrays)
    content = raw.getvalue()
    write(path, hashlib.sha256(content).hexdigest().encode() + b"\n" + content)


def take(path: Path, of: dict[str, Any]) -> Catch:
    """Read what `keep` stored. Raises Torn when it is something else."""
    digest, _, content = path.read_bytes().partition(b"\n")
    if hashlib.sha256(content).hexdigest().encode() != digest:
        raise Torn("it is damaged")
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    said = json.loads(arrays["said"].tobytes())
    if said["of"] != of:
        raise Torn("it belongs to something else")
    return Catch(
        kinds=arrays["kinds"].tolist(),
        quality=[tuple(row) for row in arrays["quality"].tolist()],
        reasons=Counter(said["reasons"]),
        tried=arrays["tried"],
        turns=[tuple(turn) for turn in said["turns"]],
        **{name: list(arrays[name].astype(np.float64)) for name in SINGLE},
    )
