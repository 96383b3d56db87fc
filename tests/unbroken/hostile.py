"""Files that somebody made to do harm: each pretends to be a checkpoint, and each must cost a reader one line"""

import functools
import io
import os
import pickle
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tests.unbroken.test_checkpoint import tree
from unbroken import container

WRONG: list[tuple[str, Any]] = [  # types under right keys
    ("epoch", "2"), ("epoch", True), ("epoch", 2.0), ("epoch", -1), ("step", None), ("seed", [0]),
    ("batch", torch.tensor(3)), ("settings", []), ("kept", None), ("journal", "x"), ("means", (1,)),
    ("environment", 1), ("parameters", []), ("format", 1 << 2000), ("format", True), ("digest", torch.ones(3)),
    ("digest", None), ("state_dict", torch.ones(1).expand(1 << 40)),
]  # fmt: skip


class Shell:
    """Touches a file when it is unpickled."""

    def __init__(self, mark: str) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.mark}",)


@dataclass
class Record:
    """A record of a zip, and what its header or the table says of it instead of the truth."""

    name: str
    content: bytes
    size: int | None = None  # as the table tells it
    method: int = 0
    flags: int = 0x0808
    outer: int = 0  # attributes in the table
    wide: bool = False  # numbers of 64 bits in the table, which is no lie
    after: bytes = b""  # bytes that belong to nothing
    other: str | None = None  # name in the header
    at: int | None = None  # where the table says that it begins


def archive(records: list[Record], count: int | None = None) -> bytes:
    """A zip as torch.save lays it out: stored, end to end, contents at multiples of 64, then the table."""
    out, table = bytearray(), bytearray()
    for record in records:
        name, inner = f"archive/{record.name}".encode(), f"archive/{record.other or record.name}".encode()
        size, crc, at = len(record.content), zlib.crc32(record.content), len(out)
        padding = -(at + 34 + len(inner)) % 64
        out += struct.pack(
            "<4s5H3L2H", b"PK\3\4", 0, record.flags, record.method, 0, 0, 0, 0, 0, len(inner), 4 + padding
        )
        out += inner + struct.pack("<2H", 0x4246, padding) + b"Z" * padding + record.content
        out += (struct.pack("<4s3L", b"PK\7\x08", crc, size, size) if size else b"") + record.after
        told, place = size if record.size is None else record.size, at if record.at is None else record.at
        more, mask = struct.pack("<2H3Q", 1, 24, told, told, place), 0xFFFFFFFF
        more, told, place = (more, mask, mask) if record.wide or told > mask else (b"", told, place)
        table += struct.pack("<4s6H3L", b"PK\1\2", 0, 0, record.flags, record.method, 0, 0, crc, told, told)
        table += struct.pack("<5H2L", len(name), len(more), 0, 0, 0, record.outer, place) + name + more
    number = len(records) if count is None else count
    few, end = min(number, 0xFFFF), b""
    if number > few:
        end = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 0, 0, 0, 0, number, number, len(table), len(out))
        end += struct.pack("<4sLQL", b"PK\6\7", 0, len(out) + len(table), 1)
    end += struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, few, few, len(table), len(out), 0)
    return bytes(out + table + end)


def parts(content: bytes) -> list[Record]:
    """The records of an honest file."""
    path = Path("/proc/self/fd") / str(os.memfd_create("honest"))
    path.write_bytes(content)
    found = container.read(str(path))
    records = [Record(name, content[r.start : r.start + r.size]) for name, r in found.records.items()]
    os.close(int(path.name))
    return records


def saved(state: Any, protocol: int = 2) -> bytes:
    """What torch.save makes of a tree, with no digest that would be right."""
    file = io.BytesIO()
    torch.save(state, file, pickle_protocol=protocol)
    return file.getvalue()


def honest(**more: Any) -> dict[str, Any]:
    return {"format": 1, **tree(), "saved": 0.0, "digest": "0" * 64, **more}


def pickled(body: bytes) -> bytes:
    """A file whose pickle is this."""
    records = [record for record in parts(saved(honest())) if not record.name.startswith("data")]
    return archive([Record("data.pkl", b"\x80\x02" + body + b"."), *records])


def changed(**twists: dict[str, Any]) -> bytes:
    """An honest file, with records (a dot in their name is written as `_`) that lie about themselves."""
    records = parts(saved(honest()))
    for record in records:
        for field, value in twists.get(record.name.replace(".", "_").replace("/", "_"), {}).items():
            setattr(record, field, value)
    return archive(records)


def nested(depth: int) -> Any:
    return functools.reduce(lambda inner, _: {"a": inner}, range(depth - 1), {})


@functools.cache
def bomb() -> bytes:
    """A hundred million bytes, packed into a hundred thousand."""
    return zlib.compress(bytes(100_000_000))[2:-4]


def repickled(old: bytes, new: bytes) -> bytes:
    """An honest file with other bytes in its pickle, where a pattern is found in it."""
    records = parts(saved(honest()))
    records[0].content, found = re.subn(old, lambda _: new, records[0].content, count=1, flags=re.DOTALL)
    assert found, old
    return archive(records)


def more(*records: Record) -> bytes:
    return archive([*parts(saved(honest())), *records])


def shifted() -> bytes:
    """An honest file whose storage begins at an odd byte."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as file:
        for record in parts(saved(honest())):
            name = f"archive/{record.name}"
            info = zipfile.ZipInfo(name)
            padding = (out.tell() + 30 + len(name)) % 2
            info.extra = struct.pack("<2H", 0x4246, 1 - padding) + b"Z" * (1 - padding)
            file.writestr(info, record.content)
    return out.getvalue()


def payloads(mark: str) -> dict[str, Callable[[], bytes]]:
    """Code in every place of a file that a pickle reaches; it would touch `mark`."""
    command = f"touch {mark}".encode()
    text = b"X" + struct.pack("<I", len(command)) + command
    called = b"cposix\nsystem\n" + text + b"\x85R"
    fields = {f"code as {name}": (lambda name=name: saved(honest(**{name: Shell(mark)}))) for name in honest()}
    return {
        **fields,
        "code alone": lambda: saved(Shell(mark)),
        "code as a weight": lambda: saved(honest(state_dict={"w": Shell(mark)})),
        "code deep in a list": lambda: saved(honest(kept={"mine": [1, (2, {"three": [Shell(mark)]})]})),
        "code as a key": lambda: saved(honest(kept={Shell(mark): 1})),
        "code before the state": lambda: repickled(b"\x80\x02", b"\x80\x02" + called + b"0"),
        "code in a storage's key": lambda: repickled(b"X\x01\x00\x00\x000", called),
        "code in a tensor's hooks": lambda: repickled(rb"ccollections\nOrderedDict\nq.\)R", called),
        "code in a tensor's shape": lambda: repickled(b"K\x06\x85", called),
        "code by INST": lambda: pickled(b"(" + text + b"ios\nsystem\n"),
        "code by OBJ": lambda: pickled(b"(cos\nsystem\n" + text + b"o"),
        "code by NEWOBJ": lambda: pickled(b"csubprocess\nPopen\n" + text + b"\x85\x81"),
        "code by STACK_GLOBAL": lambda: pickled(b"X\2\0\0\0osX\6\0\0\0system\x93" + text + b"\x85R"),
        "code by BUILD": lambda: pickled(b"ctorch\nFloatStorage\n" + text + b"b"),
        "code by an extension": lambda: pickled(b"\x82\x01" + text + b"\x85R"),
        "code by a persistent id": lambda: pickled(b"Pos.system\n"),
        "code by calling a type": lambda: pickled(b"ctorch\nFloatStorage\nK\x05\x85R"),
        "code of torch's own": lambda: pickled(b"ctorch\nload\n" + text + b"\x85R"),
        "code under protocol 4": lambda: saved(honest(kept={"mine": Shell(mark)}), 4),
        "code without a container": lambda: pickle.dumps(Shell(mark)),
    }  # fmt: skip


def values() -> dict[str, Callable[[], bytes]]:
    """Pickles that hold no code but swell, nest, refer to themselves or lie."""
    twice = range(50)
    return {
        "a list in every byte": lambda: pickled(b"]" * 1_500_000),
        "a mark in every byte": lambda: pickled(b"(" * 1_000_000),
        "tuples without end": lambda: pickled(b")" + b"\x85" * 50_000),
        "lists without end": lambda: pickled(b"]" * 5_000 + b"a" * 4_999),
        "dicts a little too deep": lambda: saved(honest(kept=nested(101))),
        "a list that holds itself": lambda: pickled(b"]q\x00h\x00a"),
        "a dict that holds itself": lambda: pickled(b"}q\x00K\x00h\x00s"),
        "tuples that double": lambda: pickled(b")\x85q\0" + b"".join(b"h%ch%c\x86q%c" % (n, n, n + 1) for n in twice)),
        "a memo of four thousand million": lambda: pickled(b"Nr\xff\xff\xff\x7f"),
        "a string of four thousand million": lambda: pickled(b"X\xff\xff\xff\xffshort"),
        "a number of two thousand million bytes": lambda: pickled(b"\x8b\xff\xff\xff\x7f1"),
        "bytes that no state holds": lambda: pickled(b"\x8e" + struct.pack("<Q", 1 << 40)),
        "half a character": lambda: pickled(b"X\x03\x00\x00\x00\xed\xa0\x80"),
        "more values taken than made": lambda: pickled(b"K\x01\x87"),
        "a mark that nobody made": lambda: pickled(b"t"),
        "no end": lambda: pickled(b"}")[:-1].replace(b"\x80\x02}.", b"\x80\x02}}"),
        "two values": lambda: pickled(b"}}"),
        "a key that cannot be one": lambda: pickled(b"}]K\x01s"),
        "a type as a value": lambda: saved(honest(kept={"mine": torch.float32})),
        "a storage as a value": lambda: saved(honest(kept={"mine": torch.ones(2).untyped_storage()})),
        **{
            f"{name} as {value!r:.20}": (lambda name=name, value=value: saved(honest(**{name: value})))
            for name, value in WRONG
        },
    }  # fmt: skip


def tensors() -> dict[str, Callable[[], bytes]]:
    """Tensors that are not what their storage is."""
    one, shape = torch.ones(1000), b"K\x06\x85"
    (storage,) = (record for record in parts(saved(honest())) if record.name == "data/0")
    return {
        "a tensor longer than its storage": lambda: repickled(shape, b"K\x07\x85"),
        "a tensor of 2 to the 62": lambda: repickled(shape, b"\x8a\x08\0\0\0\0\0\0\0\x40\x85"),
        "a tensor of fewer than none": lambda: repickled(shape, b"J\xff\xff\xff\xff\x85"),
        "a tensor of ten thousand dimensions": lambda: repickled(shape, b"(" + b"K\x01" * 10_000 + b"t"),
        "a tensor whose one number is shared": lambda: saved(honest(state_dict={"w": one[:1].expand(1 << 40)})),
        "a tensor that begins behind its storage": lambda: repickled(b"K\x00" + shape, b"K\x09" + shape),
        "a tensor that begins before its storage": lambda: repickled(b"K\x00" + shape, b"J\xff\xff\xff\xff" + shape),
        "a thousand tensors of one storage": lambda: saved(honest(kept={i: one[i % 2 :] for i in range(1000)})),
        "a storage longer than its record": lambda: repickled(rb"K\x06t", b"K\x07t"),
        "a storage shorter than its record": lambda: changed(data_0={"content": storage.content + b"more"}),
        "a storage that is not there": lambda: repickled(b"X\x01\x00\x00\x000", b"X\x01\x00\x00\x009"),
        "a storage that begins at an odd byte": shifted,
        "a storage of another folder": lambda: repickled(b"X\x01\x00\x00\x000", b"X\x05\x00\x00\x00../..") ,
        "a record that no tensor lies in": lambda: more(Record("data/7", b"0" * 64)),
    }  # fmt: skip


def containers() -> dict[str, Callable[[], bytes]]:
    """Zips that are read in two ways, or that are larger inside than outside."""
    whole = archive(parts(saved(honest())))
    return {
        "a bomb for a pickle": lambda: changed(data_pkl={"content": bomb(), "method": 8, "size": 100_000_000}),
        "a bomb for a storage": lambda: changed(data_0={"content": bomb(), "method": 8, "size": 100_000_000}),
        "a size of 2 to the 62": lambda: changed(data_0={"size": 1 << 62}),
        "records that overlap": lambda: more(Record("data/1", b"", at=0)),
        "one content for many records": lambda: more(*(Record(f"data/{n}", b"", 24, at=800) for n in range(1, 2000))),
        "a gap between records": lambda: changed(data_0={"after": b"#!/bin/sh"}),
        "a gap before the table": lambda: changed(_data_serialization_id={"after": b"#!/bin/sh"}),
        "a million records of nothing": lambda: archive(parts(saved(honest())), 1_000_000),
        "one name twice": lambda: more(Record("data/0", bytes(24))),
        "one name in two cases": lambda: more(Record("DATA/0", bytes(24))),
        "a name that climbs": lambda: more(Record("../../../tmp/owned", b"x")),
        "a name from the root": lambda: changed(data_0={"name": "/etc/passwd", "other": None}),
        "a name with code": lambda: more(Record("code/__torch__.py", b"import os")),
        "another name in the header": lambda: changed(data_0={"other": "data/1"}),
        "a folder's mark": lambda: changed(data_pkl={"outer": 0x10}),
        "a locked record": lambda: changed(data_pkl={"flags": 0x0809}),
        "more records than there are": lambda: archive(parts(saved(honest())), 60_000),
        "fewer records than there are": lambda: archive(parts(saved(honest())), 3),
        "something before it": lambda: b"PK\3\4" + whole,
        "something after it": lambda: whole + b"#!/bin/sh",
        "a comment": lambda: whole[:-2] + b"\x04\x00note",
        "two in one": lambda: whole + whole,
        "no version": lambda: archive([r for r in parts(saved(honest())) if r.name != "byteorder"]),
        "a version in words": lambda: changed(version={"content": b"three\n"}),
        "an alignment of a thousand digits": lambda: changed(_storage_alignment={"content": b"9" * 1000}),
    }  # fmt: skip


def every(mark: str) -> dict[str, Callable[[], bytes]]:
    """All of them by name."""
    return {**payloads(mark), **values(), **tensors(), **containers()}
