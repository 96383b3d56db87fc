"""The zip that a checkpoint is, read only in the one shape that torch.save gives it

Two readers of one zip may see two different things in it: records that overlap, that are named twice, that only one
of two tables lists. So the file is taken only in the one shape that torch.save gives it: stored records with names that
are known, end to end from the first byte on, then one table of them, then the end. Nothing is inflated, so no record is
larger than the file. Imports no torch.
"""

from __future__ import annotations

import os
import re
import struct
import zlib
from collections.abc import Iterator
from typing import IO, NamedTuple

from .errors import Damaged, Foreign, Hostile, Missing, Unreadable

SMALL = {  # records in which torch looks something up, and what they may say
    "version": re.compile(rb"\d{1,3}\n?"),
    "byteorder": re.compile(rb"little|big"),
    ".format_version": re.compile(rb"\d{1,3}"),
    ".storage_alignment": re.compile(rb"\d{1,9}"),
    ".data/serialization_id": re.compile(rb"\d{1,80}"),
}
LARGE = re.compile(r"data\.pkl|data/\d{1,9}")
DESCRIBED = 0x0008  # the flag that sizes follow the content
PLAIN = DESCRIBED | 0x0800  # and that names are UTF-8
DESCRIPTORS = (0, 16, 24)  # bytes that may follow a record's content; torch writes none after an empty one
ENTRY = struct.Struct("<4s6H3L5H2L")
CRC_IN_TABLE, CRC_BEHIND = 16, 4  # where the CRC32 stands in an entry, and in what follows a content
HEADER = struct.Struct("<4s5H3L2H")
END = struct.Struct("<4s4H2LH")
END64 = struct.Struct("<4sQ2H2L4Q")
LOCATOR = struct.Struct("<4sLQL")
MANY = 1 << 17  # records that any file may have; a larger one may have more, but not of a few bytes each
WIDE = 0xFFFFFFFF  # says that the number is in an extra field, with 64 bits


class Record(NamedTuple):
    """Where the content of a record lies in the file, in bytes, and its CRC32."""

    start: int
    size: int
    crc: int


class Container(NamedTuple):
    """A verified zip: its size in bytes, its records by name, without the archive's own name before it, and the content
    of all but the storages."""

    path: str
    size: int
    records: dict[str, Record]
    contents: dict[str, bytes]

    def content(self, name: str) -> bytes:
        """A record's bytes. Raises Damaged where there is none."""
        if name not in self.contents:
            raise Damaged(f"{self.path} is cut short or damaged: it has no {name}")
        return self.contents[name]


def read(path: str) -> Container:
    """The container that a path names, all of it from one file: a save may replace it meanwhile.

    Raises Missing, Unreadable, Foreign, Damaged, or Hostile for a bare pickle; each one line that says what was found.
    """
    _there(path)
    try:
        with open(path, "rb") as file:
            _mark(path, file.read(4))
            size = os.fstat(file.fileno()).st_size
            records = _records(path, file, size)
            small = {name: record for name, record in records.items() if not name.startswith("data/")}
            found = Container(path, size, records, {name: _content(file, name, small[name]) for name in small})
    except OSError as reason:
        raise Unreadable(f"{path} cannot be read: {reason.strerror}") from reason
    except struct.error as reason:
        raise Damaged(f"{path} is cut short or damaged: it ends too early") from reason
    except ValueError as reason:
        raise Damaged(f"{path} is cut short or damaged: {reason}") from reason
    if found.content("byteorder") == b"big":
        raise Foreign(f"{path} was written on a machine with another order of bytes: it cannot be read in place here")
    return found


def amended(path: str, old: bytes, new: bytes) -> list[tuple[int, bytes]]:
    """What to write where, so that data.pkl says something of the same length in another's place: those bytes, and the
    record's CRC32 behind its content and in the table, of which torch.save makes it the first. Raises Damaged."""
    try:
        with open(path, "rb") as file:
            _, place, length = _table(file, os.fstat(file.fileno()).st_size)
            name, at, size, _ = next(_entries(_bytes(file, place, length), 1))
            start = at + HEADER.size + _header(file, at, name)
            content = _bytes(file, start, size)
        where = start + content.index(old)
    except (ValueError, struct.error) as reason:
        raise Damaged(f"{path} was not written as torch.save writes: {reason}") from reason
    crc = struct.pack("<L", zlib.crc32(content.replace(old, new)))
    return [(where, new), (start + size + CRC_BEHIND, crc), (place + CRC_IN_TABLE, crc)]


def _content(file: IO[bytes], name: str, record: Record) -> bytes:
    """The bytes of a record that is no storage, when they are those that were written, and what they may be."""
    found = _bytes(file, record.start, record.size)
    if zlib.crc32(found) != record.crc:
        raise ValueError(f"the bytes of {name} do not match their CRC32")
    if name in SMALL and not SMALL[name].fullmatch(found):
        raise ValueError(f"its {name} is not as torch.save writes it")
    return found


def _there(path: str) -> None:
    if os.path.islink(path) and not os.path.exists(path):
        raise Unreadable(f"{path} is a link to {os.readlink(path)}, which is not there: is its disk mounted?")
    if not os.path.exists(path):
        raise Missing(f"{path}: there is no such file{_neighbours(path)}")
    if not os.path.isfile(path):
        raise Foreign(f"{path} is not a file; name the file itself, such as {os.path.join(path, 'checkpoint.pt')}")


def _neighbours(path: str) -> str:
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        return f", nor a folder {folder}"
    found = sorted(name for name in os.listdir(folder) if name.endswith(".pt"))
    return f"; {folder} holds {', '.join(found[-5:])}" if found else f"; {folder} holds no .pt file"


def _mark(path: str, head: bytes) -> None:
    if head[:1] == b"\x80":
        raise Hostile(f"{path} is a bare pickle, which can run code when loaded: refused")
    if head != b"PK\x03\x04":
        raise Foreign(f"{path} is not a checkpoint: it starts with {head!r}, not with a zip's mark")


def _records(path: str, file: IO[bytes], size: int) -> dict[str, Record]:
    """The records, each beginning where the one before it ends, the first at the first byte."""
    count, place, length = _table(file, size)
    table = _bytes(file, place, length)
    if b"/data.pkl" not in table:
        raise Foreign(f"{path} is a zip, but torch.save did not write it: it has no data.pkl")
    records: dict[str, Record] = {}
    archive, end = b"", 0
    for name, at, record_size, crc in _entries(table, count):
        archive = archive or name.partition(b"/")[0] + b"/"
        short = name.removeprefix(archive).decode("ascii", "replace")
        if not name.startswith(archive) or not (short in SMALL or LARGE.fullmatch(short)):
            raise ValueError(f"its table has {_told(name)}, which torch.save does not write")
        if short in records:
            raise ValueError(f"its table has {_told(name)} twice")
        if at - end not in DESCRIPTORS:
            raise ValueError(f"{short} does not begin where the record before it ends")
        start = at + HEADER.size + _header(file, at, name)
        records[short], end = Record(start, record_size, crc), start + record_size
    if place - end not in DESCRIPTORS:
        raise ValueError("its table does not begin where its records end")
    return records


def _table(file: IO[bytes], size: int) -> tuple[int, int, int]:
    """The number of records, and the first byte and the length of their table, which only the end's marks follow."""
    end = size - END.size
    told = END.unpack(_bytes(file, end, END.size))
    table, place = told[4:7], end - LOCATOR.size
    if place >= 0 and (located := LOCATOR.unpack(_bytes(file, place, LOCATOR.size)))[0] == b"PK\x06\x07":
        end = located[2]
        wide = END64.unpack(_bytes(file, place - END64.size, END64.size))
        table = wide[7:10]
        if (end, located) != (place - END64.size, (b"PK\x06\x07", 0, end, 1)) or wide[:2] != (b"PK\x06\x06", 44):
            raise ValueError("its end is not where it says")
        if wide[4:7] != (0, 0, table[0]):
            raise ValueError("its end tells two numbers of records")
    count, length, start = table
    few = (min(count, 0xFFFF), min(count, 0xFFFF), min(length, WIDE), min(start, WIDE))
    if told != (b"PK\x05\x06", 0, 0, *few, 0) or start + length != end:
        raise ValueError("it does not end as a zip does")
    if count > MANY + size // 1024:
        raise ValueError(f"its table has {count} records, too many for its size")
    return count, start, length


def _entries(table: bytes, count: int) -> Iterator[tuple[bytes, int, int, int]]:
    """Each record's full name, where its header begins, its size and its CRC32."""
    at = 0
    for _ in range(count):
        entry = ENTRY.unpack_from(table, at)
        mark, _, _, flags, method, _, _, crc, packed, size = entry[:10]
        name_size, extra_size, comment, disk, inner, outer, place = entry[10:]
        # The outer attributes' low half is of DOS: torch finds nothing in a record that has a folder's mark there.
        if mark != b"PK\x01\x02" or flags & ~PLAIN or comment or disk or inner or outer & 0xFFFF:
            raise ValueError("its table is not as torch.save writes it")
        middle = at + ENTRY.size + name_size
        name, at = table[at + ENTRY.size : middle], middle + extra_size
        size, packed, place = _wide(table[middle:at], size, packed, place)
        if method or packed != size:
            raise ValueError(f"{_told(name)} is packed, and torch.save packs nothing")
        yield name, place, size, crc
    if at != len(table):
        raise ValueError("its table has more than its records")


def _wide(extra: bytes, *numbers: int) -> list[int]:
    """The numbers, those that did not fit taken from the extra field that holds them in 64 bits, in their order."""
    wide: list[int] = []
    while extra:
        kind, length = struct.unpack_from("<2H", extra)
        if kind == 1:
            wide = [number for (number,) in struct.iter_unpack("<Q", extra[4 : 4 + length])]
        extra = extra[4 + length :]
    if len(wide) < numbers.count(WIDE):
        raise ValueError("a number of its table is missing")
    return [wide.pop(0) if number == WIDE else number for number in numbers]


def _header(file: IO[bytes], at: int, name: bytes) -> int:
    """The length of what stands between a record's header and its content: its name again, and padding."""
    mark, _, flags, method, *_, name_size, extra_size = HEADER.unpack(_bytes(file, at, HEADER.size))
    same = file.read(name_size) == name
    if mark != b"PK\x03\x04" or flags & ~PLAIN or method or not same:
        raise ValueError(f"the header of {_told(name)} says something else than the table")
    return name_size + extra_size


def _bytes(file: IO[bytes], start: int, length: int) -> bytes:
    if start < 0:
        raise ValueError("it is too short")
    file.seek(start)
    return file.read(length)


def _told(name: bytes) -> str:
    return repr(name[:60].decode("utf-8", "backslashreplace"))
