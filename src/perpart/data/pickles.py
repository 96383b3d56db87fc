"""Arrays from a foreign pickle: what its classes hold is taken out of it, and none of them is ever made

A pickle is a program, and other people's data come as one. Each class that it may name is answered by a stand-in of
this file, which takes what it is given and keeps it; any other name ends the reading. So nothing is imported, nothing
of numpy's or scipy's own unpickling runs, and arrays are made here from their bytes.

Known are numpy's arrays and numbers, scipy's compressed sparse columns, and what an old library left in MANO's files:
`chumpy.ch.Ch`, whose array is its `x` (mattloper/chumpy, ch.py). MANO's shape basis is a `chumpy.reordering.Select`
of one: such a thing may be in a file, and is passed over.
"""

import io
import pickle
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from perpart.errors import Mistake


def read(path: Path, names: Collection[str]) -> dict[str, Any]:
    """What a pickle of Python 2 or 3, a dict, holds under these names: texts, numbers, arrays, dicts and lists.

    A name that it does not hold is left out. Raises Mistake when the file is missing, asks for a class that is not
    known here, or is no whole pickle of a dict.
    """
    held = _loaded(path, _bytes(path))
    if not isinstance(held, dict):
        raise Mistake(f"{path}: holds no dict but a {type(held).__name__}")
    return _plain(path, {name: held[name] for name in names if name in held})


def read_npy(path: Path) -> Any:
    """The one object that an `.npy` file of numpy holds as a pickle. Raises Mistake as `read` does."""
    raw = io.BytesIO(_bytes(path))
    try:
        np.lib.format.read_magic(raw)
        shape, _, dtype = np.lib.format.read_array_header_1_0(raw)
    except (ValueError, EOFError) as broken:
        raise Mistake(f"{path}: is no .npy file ({_line(broken)})") from None
    if shape != () or dtype.kind != "O":
        raise Mistake(f"{path}: holds an array of the shape {shape} and type {dtype}; expected a single dict")
    return _plain(path, _loaded(path, raw.read()))


class Held:
    """A stand-in for a class of another program: keeps what it is called with and what it is filled with.

    Each has `__setstate__`, so a file that tries to fill the class itself fails instead of changing it.
    """

    given: tuple = ()
    state: Any = None

    def __init__(self, *given: Any):
        self.given = given

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def plain(self, done: "Done") -> Any:
        """What is held, in plain values and arrays."""
        raise ValueError(f"a {type(self).__name__} holds no value")


Done = dict[int, tuple[Any, Any]]
"""By identity, what was made plain and what came of it: a value in many places is made once."""


class Array(Held):
    """numpy's array: filled with (version,) shape, type, whether columns come first, and its bytes."""

    def plain(self, done: Done) -> Any:
        shape, dtype, columns_first, data = self.state[-4:]
        dtype = _plained(dtype, done)
        if dtype.kind == "O":  # as numpy saves what is no array, so it has one value and no axes
            (value,) = data
            return _plained(value, done)
        array = np.frombuffer(_latin(data), dtype)
        return array.reshape(shape, order="F" if columns_first else "C")


class Kind(Held):
    """numpy's dtype: called with its code, filled with its byte order. Plain numbers, texts and objects alone."""

    def plain(self, done: Done) -> np.dtype:
        code, order = str(self.given[0]), self.state[1] if self.state else "|"
        if not re.fullmatch("[biufSUO][0-9]{0,4}", code) or order not in ("<", ">", "|", "="):
            raise ValueError(f"one of its arrays is of the type {code[:20]!r}")
        return np.dtype(code).newbyteorder(order if order in "<>" else "=")


class Scalar(Held):
    """A number of numpy's: called with its type and its bytes."""

    def plain(self, done: Done) -> Any:
        return np.frombuffer(_latin(self.given[1]), _plained(self.given[0], done))[0].item()


class Columns(Held):
    """scipy's matrix of compressed sparse columns, as a dense array."""

    def plain(self, done: Done) -> np.ndarray:
        state = _plained(self.state, done)
        shape, data, rows, starts = (state[name] for name in ("_shape", "data", "indices", "indptr"))
        dense = np.zeros(shape)
        np.add.at(dense, (rows, np.repeat(np.arange(shape[1]), np.diff(starts))), data)
        return dense


class Leaf(Held):
    """chumpy's Ch: its array is `x`."""

    def plain(self, done: Done) -> np.ndarray:
        return _plained(self.state["x"], done)


class Latin(Held):
    """How Python 3 writes bytes for Python 2: called with a text of one letter per byte."""

    def plain(self, done: Done) -> bytes:
        return _latin(self.given[0])


class Other(Held):
    """What may be in a file and is of no use: a set, the class `object`, a chumpy node that is no array."""


class Remade(Held):
    """How protocols 0 and 1 make an object: called with its class."""

    def __new__(cls, kind: Any = None, *_: Any) -> Any:
        return kind() if isinstance(kind, type) and issubclass(kind, Held) else super().__new__(cls)


_PYTHON = ("__builtin__", "builtins")
_SPARSE = ("scipy.sparse.csc", "scipy.sparse._csc", "scipy.sparse")
_ARRAYS = ("numpy.core.multiarray", "numpy._core.multiarray")
KNOWN: dict[tuple[str, str], type[Held]] = {
    **{(module, "_reconstruct"): Array for module in _ARRAYS},
    **{(module, "scalar"): Scalar for module in _ARRAYS},
    ("numpy", "ndarray"): Array,
    ("numpy", "dtype"): Kind,
    **{(module, "csc_matrix"): Columns for module in _SPARSE},
    ("chumpy.ch", "Ch"): Leaf,
    ("chumpy.reordering", "Select"): Other,
    ("_codecs", "encode"): Latin,
    **{(module, name): Other for module in _PYTHON for name in ("set", "object")},
    ("copy_reg", "_reconstructor"): Remade,
    ("copyreg", "_reconstructor"): Remade,
}
"""What a file may name, and who stands in for it."""


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> type[Held]:
        if (module, name) not in KNOWN:
            raise _Unknown(f"{module}.{name}")
        return KNOWN[module, name]


class _Unknown(Exception):
    """A file names a class that it may not."""


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Mistake(f"{path}: cannot be read ({error.strerror})") from None


def _loaded(path: Path, data: bytes) -> Any:
    try:
        return _Reader(io.BytesIO(data), encoding="latin1", fix_imports=False).load()
    except _Unknown as unknown:
        raise Mistake(f"{path}: names {str(unknown)[:80]}, which such data do not hold; refused, nothing ran") from None
    except Exception as broken:  # a pickle that is cut or is none fails in any way; all of them mean a bad file
        raise Mistake(f"{path}: is not a whole pickle ({_line(broken)})") from None


def _plain(path: Path, value: Any) -> Any:
    try:
        return _plained(value, {})
    except Exception as broken:  # the parts of a stand-in can be anything at all; all of them mean a bad file
        raise Mistake(f"{path}: its values cannot be read ({_line(broken)})") from None


def _plained(value: Any, done: Done) -> Any:
    """The value with the stand-ins in it replaced by what they hold."""
    if not isinstance(value, Held | dict | list | tuple):
        return value
    if id(value) not in done:  # the value is kept along, or its identity could go to another
        done[id(value)] = value, _made(value, done)
    return done[id(value)][1]


def _made(value: Any, done: Done) -> Any:
    if isinstance(value, Held):
        return value.plain(done)
    if isinstance(value, dict):
        return {key: _plained(part, done) for key, part in value.items()}
    return type(value)(_plained(part, done) for part in value)


def _latin(data: Any) -> bytes:
    """Bytes, or those that Python 3 takes for a text where Python 2 wrote them."""
    if isinstance(data, Latin):
        data = data.given[0]
    return data.encode("latin1") if isinstance(data, str) else bytes(data)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
