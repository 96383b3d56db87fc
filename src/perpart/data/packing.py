"""Labels of a grasp as one short record: contact that is there, and directions where there is some

Two points in five are touched by nothing, and those that are by three or four of the sixteen parts. A record is 17
counts (how many points each part touches, how many directions follow), the touched points part after part, the
directions, the contacts, the nearest part of every point, and a bit for each point that has a direction.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Int

PARTS = 16
EACH = np.arange(PARTS)
UNIT = 8  # bytes that a record's length is a multiple of, so that all of the next one is aligned


def pack(
    contact: Int[np.ndarray, "grasps points 16"],
    part: Int[np.ndarray, "grasps points"],
    direction: Float[np.ndarray, "grasps points 3"],
) -> Iterator[Int[np.ndarray, "bytes"]]:
    """The record of each grasp, from contact (uint8, 255 is 1), part (uint8) and direction (float16, 0 is unknown)."""
    yield from map(record, contact, part, direction)


def record(contact: np.ndarray, part: np.ndarray, direction: np.ndarray) -> Int[np.ndarray, "bytes"]:
    kind = index(len(part))
    where, points = np.nonzero(contact.T)
    known = contact.any(axis=1) & direction.any(axis=1)
    counts = np.append(np.bincount(where, minlength=PARTS), known.sum())
    fields = [counts.astype(kind), points.astype(kind), direction[known], contact[points, where], part,
              np.packbits(known)]  # fmt: skip
    content = b"".join(field.tobytes() for field in fields)
    return np.frombuffer(content + bytes(-len(content) % UNIT), np.uint8)


def unpack(
    record: Int[np.ndarray, "bytes"], pool: int, rows: Int[np.ndarray, "points"]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Contact [points, 16] (uint8), part (uint8) and direction [points, 3] (float16) of these points of the pool."""
    kind = index(pool)
    head = (PARTS + 1) * kind.itemsize
    *counts, directions = record[:head].view(kind).tolist()
    touches = sum(counts)
    points, turns, values, part, bits = _cut(
        record[head:], touches * kind.itemsize, directions * 6, touches, pool, (pool + 7) // 8
    )
    contact = np.zeros(pool * PARTS, np.uint8)
    contact[points.view(kind) * np.intp(PARTS) + EACH.repeat(counts)] = values
    place = np.full(pool, directions)
    place[np.unpackbits(bits, count=pool).view(bool).nonzero()[0]] = np.arange(directions)
    direction = np.zeros((directions + 1, 3), np.float16)
    direction[:directions].ravel()[:] = turns.view(np.float16)
    return (
        contact.reshape(pool, PARTS).take(rows, axis=0),
        part.take(rows),
        direction.take(place.take(rows), axis=0),
    )


def _cut(content: np.ndarray, *lengths: int) -> Iterator[np.ndarray]:
    start = 0
    for length in lengths:
        yield content[start : start + length]
        start += length


def index(pool: int) -> np.dtype:
    """The smallest kind of number that counts a pool's points."""
    return np.dtype(np.uint16 if pool < 1 << 16 else np.uint32)
