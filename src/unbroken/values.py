"""Plain values from a pickle: its instructions are followed one by one, and none can run code

A pickle is a program. Known here are those of its instructions that torch.save writes for plain values and tensors.
What a file names is looked up in a list and never imported; what it calls is answered by two functions that the reader
is given. Words alone may be used twice, so no value holds itself and none swells. Imports no torch.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Collection
from typing import Any, cast

from .errors import Foreign, Hostile

DEPTH = 100  # containers in one another
COSTS = {  # bytes of memory that an instruction's result takes, roughly
    "EMPTY_DICT": 240, "EMPTY_LIST": 80, "TUPLE": 64, "TUPLE1": 64, "TUPLE2": 64, "TUPLE3": 64, "BININT": 32,
    "BININT2": 32, "LONG1": 64, "BINFLOAT": 32, "BINUNICODE": 64, "GLOBAL": 160, "BINPERSID": 160, "REDUCE": 320,
}  # fmt: skip
REFERENCE = 16  # bytes that any other instruction takes
ITSELF = ("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE")  # makes the value that it carries


class Name(str):
    """What a file calls something of a program by: a word of the file, never the thing itself."""


class Values:
    """The value that a pickle makes.

    room: the bytes of memory that it may take. names: those it may mention. storage: answers a persistent id. call:
    answers a name called with arguments. Those two raise ValueError to refuse.
    """

    def __init__(
        self,
        path: str,
        room: int,
        names: Collection[str],
        storage: Callable[[Any], Any],
        call: Callable[[Any, Any], Any],
    ) -> None:
        self._path, self._room, self._names, self._storage, self._call = path, room, names, storage, call
        self._stack: list[Any] = []
        self._below: list[list[Any]] = []  # what lies under each mark
        self._memo: list[str | None] = []
        self._acts: dict[str, Callable[[Any], None]] = {
            "PROTO": self._protocol,
            "NONE": lambda _: self._push(None),
            "NEWTRUE": lambda _: self._push(True),
            "NEWFALSE": lambda _: self._push(False),
            **dict.fromkeys(ITSELF, self._push),
            "EMPTY_DICT": lambda _: self._push({}),
            "EMPTY_LIST": lambda _: self._push([]),
            "EMPTY_TUPLE": lambda _: self._push(()),
            "MARK": self._mark,
            "TUPLE": lambda _: self._push(tuple(self._since_mark())),
            "TUPLE1": lambda _: self._push(tuple(self._last(1))),
            "TUPLE2": lambda _: self._push(tuple(self._last(2))),
            "TUPLE3": lambda _: self._push(tuple(self._last(3))),
            "APPEND": lambda _: self._append(self._last(1)),
            "APPENDS": lambda _: self._append(self._since_mark()),
            "SETITEM": lambda _: self._set(self._last(2)),
            "SETITEMS": lambda _: self._set(self._since_mark()),
            "BINPUT": self._put,
            "LONG_BINPUT": self._put,
            "BINGET": self._get,
            "LONG_BINGET": self._get,
            "GLOBAL": self._name,
            "BINPERSID": lambda _: self._push(self._storage(self._last(1)[0])),
            "REDUCE": self._reduce,
            "BUILD": self._build,
        }

    def read(self, data: bytes) -> Any:
        """Follow the instructions to their end. Raises ValueError, Foreign or Hostile."""
        try:
            for instruction, argument, _ in pickletools.genops(data):
                self._follow(instruction.name, argument)
        except IndexError as reason:
            raise ValueError("its pickle takes more values than it made") from reason
        if self._below or len(self._stack) != 1:
            raise ValueError("its pickle ends before it is done")
        return self._stack[0]

    def _follow(self, name: str, argument: Any) -> None:
        self._pay(name, argument)
        if name in self._acts:
            self._acts[name](argument)
        elif name != "STOP":  # the last one: nothing is read after it
            raise Hostile(f"{self._path} would run code when loaded (its pickle has {name}): refused")

    def _pay(self, name: str, argument: Any) -> None:
        """Refuse before the memory is taken: an instruction of one byte makes a list of eighty."""
        self._room -= COSTS.get(name, REFERENCE)
        if isinstance(argument, str):
            argument.encode()  # half of a surrogate pair is no text
            self._room -= len(argument) * (1 if argument.isascii() else 4)
        if self._room < 0:
            raise ValueError("its plain values take more memory than the whole file; large data belongs in tensors")

    # ---- instructions

    def _protocol(self, number: int) -> None:
        if number != 2:
            raise Foreign(f"{self._path} is of another program: its pickle has protocol {number}, not 2")

    def _mark(self, _: Any) -> None:
        if len(self._below) > 2 * DEPTH:
            raise ValueError("its values are nested too deeply")
        self._below.append(self._stack)
        self._stack = []

    def _since_mark(self) -> list[Any]:
        items, self._stack = self._stack, self._below.pop()
        return items

    def _last(self, count: int) -> list[Any]:
        if len(self._stack) < count:
            raise ValueError("its pickle takes more values than it made")
        items = self._stack[-count:]
        del self._stack[-count:]
        return items

    def _push(self, value: Any) -> None:
        self._stack.append(value)

    def _append(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if type(target) is not list:
            raise ValueError("it appends to what is no list")
        cast(list[Any], target).extend(items)

    def _set(self, items: list[Any]) -> None:
        target, keys = self._stack[-1], items[::2]
        if type(target) is not dict or not all(type(key) in (str, int) for key in keys):
            raise ValueError("it has a key that is no string and no integer")
        cast(dict[Any, Any], target).update(zip(keys, items[1::2], strict=True))

    def _put(self, place: int) -> None:
        if place != len(self._memo):
            raise ValueError("it numbers its values out of turn")
        value = self._stack[-1]
        self._memo.append(value if isinstance(value, str) else None)

    def _get(self, place: int) -> None:
        word = self._memo[place]
        if word is None:
            raise Foreign(f"{self._path} holds one value in two places, which no state of this trainer does")
        self._stack.append(word)

    def _name(self, words: str) -> None:
        name = Name(words.replace(" ", "."))
        if name not in self._names:
            raise Hostile(f"{self._path} would run code when loaded (it asks for {name[:80]}): refused")
        self._stack.append(name)

    def _reduce(self, _: Any) -> None:
        function, arguments = self._last(2)
        if not isinstance(function, Name) or type(arguments) is not tuple:
            raise Hostile(f"{self._path} would run code when loaded (it calls what is no name): refused")
        self._stack.append(self._call(function, arguments))

    def _build(self, _: Any) -> None:
        """Notes that torch leaves on the dict of a module's weights, and that are no part of them."""
        target, notes = self._last(2)
        if type(target) is not dict or type(notes) is not dict:
            raise Hostile(f"{self._path} would run code when loaded (it fills an object): refused")
        self._stack.append(target)
