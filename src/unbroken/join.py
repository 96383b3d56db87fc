"""One file from a sharded state, and a sharded state from one file; no other process is needed

Joining takes as much memory as the state has, splitting as much as its largest slice: the file is mapped, not read.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from typing import Any

import torch

from . import checkpoint, listing, shards
from .disk import sync_folder
from .errors import Misuse
from .manifest import Absent, At, walked
from .shelf import Shelf, put
from .slices import Slice, begins

SMALL = 1024  # bytes; a tensor below that is not worth a shard
PARTS = ("state_dict", "optimizer", "scheduler", "kept")


def join(options: argparse.Namespace) -> int:
    """Make one file of a state in shards. Raises Misuse, and what checkpoint.whole raises."""
    source = listing.newest(options.state)
    if os.path.lexists(options.file):
        raise Misuse(f"{options.file} is there already: name a new file")
    put(checkpoint.whole(source), options.file)
    print(f"{options.file} holds {source} as one process saves it: {os.path.getsize(options.file):,} bytes")
    return 0


def split(options: argparse.Namespace) -> int:
    """Make a work dir with a state in shards of one file. Raises Misuse, and what checkpoint.read raises."""
    source, shelf = listing.newest(options.state), Shelf(options.folder)
    if options.parts < 1 or shelf.states() or os.path.lexists(shelf.journal):
        raise Misuse(f"{shelf.folder} holds a run already, or parts are less than 1: name a new folder")
    tree = checkpoint.read(source)
    if "shards" in tree:
        raise Misuse(f"{source} lies in shards already")
    tree["shards"] = _written(tree, shelf.folder, options.parts)
    put(_without(tree), shelf.checkpoint)
    journal = os.path.join(os.path.dirname(source), os.path.basename(shelf.journal))
    if os.path.exists(journal):
        shelf.copy(journal, shelf.journal)
    print(f"{shelf.checkpoint} holds {source} in {options.parts} parts: {listing.entry(shelf.checkpoint).size:,} bytes")
    return 0


def _written(tree: dict[str, Any], work_dir: str, parts: int) -> dict[str, Any]:
    """Write the tensors of a state in so many parts; what the state then says of them."""
    name = f"shards/{tree['step']:08d}-{os.urandom(6).hex()}"
    folder, large = os.path.join(work_dir, name), list(_large(tree))
    absent = {whole.name: whole for whole, _ in large}
    if len(absent) < len(large):
        raise Misuse("two tensors of the state have one name: it cannot be split")
    receipts = [shards.write(folder, rank, dict(_cut(large, rank, parts))) for rank in range(parts)]
    files = shards.commit(folder, absent, receipts)
    for place in (folder, os.path.dirname(folder), work_dir):
        sync_folder(place)
    listed = {name: list(told) for name, told in files.items()}
    return {"folder": name, "files": listed, "tensors": {name: whole.told() for name, whole in absent.items()}}


def _large(tree: dict[str, Any]) -> Iterator[tuple[Absent, torch.Tensor]]:
    """The tensors of parts that are worth a shard."""
    found: list[tuple[Absent, torch.Tensor]] = []

    def leaf(value: Any, at: At) -> None:
        if isinstance(value, torch.Tensor) and value.ndim and value.nbytes >= SMALL:
            dtype = str(value.dtype).removeprefix("torch.")
            found.append((Absent(".".join(map(str, at)), at, dtype, tuple(value.shape), 0), value))

    walked({key: tree[key] for key in PARTS if key in tree}, leaf)
    return iter(found)


def _cut(large: list[tuple[Absent, torch.Tensor]], rank: int, parts: int) -> Iterator[tuple[str, Slice]]:
    for whole, tensor in large:
        begin, end = (begins(len(tensor), r, parts) for r in (rank, rank + 1))
        yield whole.name, Slice(whole, (begin, *(0 for _ in whole.shape[1:])), tensor[begin:end])


def _without(tree: dict[str, Any]) -> dict[str, Any]:
    """A state without the tensors that lie in its shards, nor the words of its file."""
    gone = {tuple(told["at"]) for told in tree["shards"]["tensors"].values()}
    left = {key: value for key, value in tree.items() if key not in ("format", "digest", "saved")}
    return walked(left, lambda value, at: None if at in gone else value)
