"""The shards of a state as DCP keeps them: each process writes its own, one says where all lie

Files by torch.distributed.checkpoint, which its own tools read, too. No collective is needed to write or to read them:
where a slice lies follows from the process's number, and what each has written it tells in a receipt.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import torch
from torch.distributed.checkpoint.default_planner import DefaultLoadPlanner, create_default_global_save_plan
from torch.distributed.checkpoint.filesystem import (
    FileSystemReader,
    FileSystemWriter,
    _StorageInfo,  # pyright: ignore[reportPrivateUsage]
)
from torch.distributed.checkpoint.metadata import ChunkStorageMetadata, MetadataIndex, TensorProperties
from torch.distributed.checkpoint.planner import SavePlan, TensorWriteData, WriteItem, WriteItemType
from torch.distributed.checkpoint.storage import WriteResult

from . import metadata, state
from .errors import Damaged, Error
from .manifest import METADATA, Absent, Manifest, hashed
from .slices import Slice


class Entry(NamedTuple):
    """A slice of a tensor: where in the whole it begins, its sizes, and which bytes of which file it is."""

    name: str
    offsets: list[int]
    sizes: list[int]
    file: str
    start: int
    length: int


class Receipt(NamedTuple):
    """What a process has written: slices, and bytes and SHA-256 of its file; none where it had nothing to write."""

    entries: list[Entry]
    files: dict[str, tuple[int, str]]

    def text(self) -> str:
        """The receipt as a note to another process."""
        return json.dumps(self)

    @staticmethod
    def of(text: str) -> Receipt:
        """The receipt that a note is."""
        entries, files = json.loads(text)
        return Receipt([Entry(*entry) for entry in entries], {name: tuple(told) for name, told in files.items()})


def write(folder: str, rank: int, slices: Mapping[str, Slice]) -> Receipt:
    """Write a process's slices to a new file, sync it and read it back.

    Raises OSError when the disk says no, Damaged when what was read is not what was written.
    """
    full = {name: slice for name, slice in slices.items() if slice.values.numel()}
    os.makedirs(folder, exist_ok=True)
    if not full:
        return Receipt([], {})
    writer = FileSystemWriter(folder)
    writer.set_up_storage_writer(rank == 0, rank=rank, use_collectives=False)
    plan = writer.prepare_local_plan(SavePlan([_item(name, slice) for name, slice in full.items()]))
    results = writer.write_data(plan, cast(Any, _Values(full))).wait()
    entries = sorted((_entry(full[r.index.fqn], r) for r in results), key=lambda entry: entry.start)
    return Receipt(entries, _read_back(folder, entries, full))


def commit(folder: str, absent: Mapping[str, Absent], receipts: Sequence[Receipt]) -> dict[str, tuple[int, str]]:
    """Write down where all processes' slices lie, once they are there; all files with their bytes and SHA-256.

    Raises OSError, or Damaged when the slices do not make up the tensors.
    """
    for name, (size, _) in ((name, told) for receipt in receipts for name, told in receipt.files.items()):
        path = os.path.join(folder, name)
        if not os.path.exists(path) or os.path.getsize(path) != size:
            raise Damaged(f"{path} is not as its process wrote it: do all processes see one work dir?")
    entries = [entry for receipt in receipts for entry in receipt.entries]
    _complete(folder, absent, entries)
    plans = [
        SavePlan([_described(absent[e.name], e.offsets, e.sizes) for e in receipt.entries]) for receipt in receipts
    ]
    _, described = create_default_global_save_plan(plans)
    results = [
        WriteResult(MetadataIndex(e.name, e.offsets), e.length, _StorageInfo(e.file, e.start, e.length))
        for e in entries
    ]
    _Metadata(folder).finish(described, [results])
    files = {name: told for receipt in receipts for name, told in receipt.files.items()}
    return {**files, METADATA: hashed(os.path.join(folder, METADATA))}


def read(folder: str, manifest: Manifest, wanted: dict[str, torch.Tensor]) -> None:
    """Fill tensors, by name, from shards that any number of processes wrote; of sharded ones this process's slices.

    Raises Unreadable, Damaged or Hostile, one line each; never runs code.
    """
    if not wanted:
        return
    source = os.path.join(folder, METADATA)
    described = metadata.read(source)
    foreign = {where.relative_path for where in described.storage_data.values()} - manifest.files.keys()
    if foreign:
        raise Damaged(f"{source} is damaged: it names {str(min(foreign))[:80]}, which is none of the shards")
    try:
        reader, planner = FileSystemReader(folder), cast(Any, DefaultLoadPlanner(False, False))
        planner.set_up_planner(wanted, described, True)
        reader.set_up_storage_reader(described, True)
        reader.read_data(planner.create_local_plan(), planner).wait()
    except Error:
        raise
    except Exception as reason:  # DCP raises what it stumbles over, of any kind
        raise Damaged(
            f"the shards in {folder} do not hold what is wanted: {str(reason).splitlines()[0]:.200}"
        ) from reason


class _Metadata(FileSystemWriter):
    """Writes .metadata without notes about a session, which would make two equal states differ."""

    def storage_meta(self) -> None:
        return None


class _Values:
    """Hands DCP the values that it writes."""

    def __init__(self, slices: Mapping[str, Slice]) -> None:
        self._slices = slices

    def resolve_data(self, write_item: WriteItem) -> torch.Tensor:
        return self._slices[write_item.index.fqn].values


def _item(name: str, slice: Slice) -> WriteItem:
    return _described(slice.whole, slice.offsets, slice.values.shape)


def _described(whole: Absent, offsets: Sequence[int], sizes: Sequence[int]) -> WriteItem:
    chunk = ChunkStorageMetadata(torch.Size(offsets), torch.Size(sizes))
    data = TensorWriteData(chunk, TensorProperties(getattr(torch, whole.dtype)), torch.Size(whole.shape))
    return WriteItem(MetadataIndex(whole.name, offsets), WriteItemType.SHARD, tensor_data=data)


def _entry(slice: Slice, result: WriteResult) -> Entry:
    where = result.storage_data
    sizes = list(slice.values.shape)
    return Entry(slice.whole.name, list(slice.offsets), sizes, where.relative_path, where.offset, where.length)


def _read_back(folder: str, entries: list[Entry], slices: Mapping[str, Slice]) -> dict[str, tuple[int, str]]:
    """The file's bytes and SHA-256, once every slice in it was read and found to be what was written."""
    name, total, end = entries[0].file, hashlib.sha256(), 0
    path = os.path.join(folder, name)
    with open(path, "rb") as file:
        for entry in entries:
            content = file.read(entry.length)
            total.update(content)
            values = torch.load(io.BytesIO(content), weights_only=True)
            if entry.start != end or not state.same(values, slices[entry.name].values):
                raise Damaged(f"{path} read back differently from what was written: the disk or the memory is failing")
            end += entry.length
        if file.read(1):
            raise Damaged(f"{path} is longer than what was written")
    return {name: (end, total.hexdigest())}


def _complete(folder: str, absent: Mapping[str, Absent], entries: list[Entry]) -> None:
    """Refuse slices that do not make up their tensors. Raises Damaged."""
    there = dict.fromkeys(absent, 0)
    for entry in entries:
        there[entry.name] += torch.Size(entry.sizes).numel()
    for name, count in there.items():
        if count != torch.Size(absent[name].shape).numel():
            raise Damaged(f"the shards in {folder} hold {count} of the values of {name}, which has another number")
