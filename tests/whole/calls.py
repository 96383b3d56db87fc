"""Every call by which this process changes the files of a folder: seen as it is made, and perhaps its last

The functions of `os` are replaced, in all threads, and files that are opened for writing go through python's own
`_pyio`, which writes through them. The mirror for TensorBoard has a thread that writes when it likes; it is left out.
"""

import _pyio
import builtins
import io
import os
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from unbroken import testing

CHANGES = (
    "open", "write", "pwrite", "fsync", "fdatasync", "ftruncate", "truncate", "replace", "rename", "link", "symlink",
    "remove", "unlink", "mkdir", "rmdir",
)  # fmt: skip
LACKING = ("sendfile", "copy_file_range", "writev", "pwritev")  # a system may lack them: callers have another way
MAKES = os.O_CREAT | os.O_TRUNC

Around = Callable[[str, tuple[Any, ...], Callable[..., Any]], Any]
"""Is given a call's name, its arguments and the function, and makes the call or does not."""


@contextmanager
def watched(folder: str, around: Around) -> Generator[None]:
    """Give every call that changes something in a folder to `around`, one at a time; afterwards all is as it was."""
    before = {name: getattr(os, name) for name in (*CHANGES, *LACKING)}
    opened, one_at_a_time = builtins.open, threading.RLock()

    def replaced(name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            if not concerns(name, arguments, folder):
                return before[name](*arguments, **named)
            with one_at_a_time:
                return around(name, arguments, lambda *given: before[name](*(given or arguments), **named))

        return call

    def lacking(*arguments: Any, **named: Any) -> Any:
        raise OSError(38, "Function not implemented")

    def open_(file: Any, mode: str = "r", *more: Any, **named: Any) -> Any:
        ours = set(mode) & set("wax+") and inside(file, folder)
        return (_pyio.open if ours else opened)(file, mode, *more, **named)

    try:
        vars(os).update({name: replaced(name) for name in CHANGES} | dict.fromkeys(LACKING, lacking))
        builtins.open = io.open = open_  # type: ignore[assignment]
        yield
    finally:
        vars(os).update(before)
        builtins.open = io.open = opened


def concerns(name: str, arguments: tuple[Any, ...], folder: str) -> bool:
    """Whether a call changes something in the folder."""
    if name == "open" and not arguments[1] & MAKES:
        return False
    return inside(arguments[0], folder)


def inside(file: Any, folder: str) -> bool:
    path = place(file)
    return (path == folder or path.startswith(folder + "/")) and "/summaries" not in path[len(folder) :]


def place(file: Any) -> str:
    """The path of a file that is given by its path or by its number."""
    if isinstance(file, int):
        return os.readlink(f"/proc/self/fd/{file}")
    return os.path.abspath(os.fsdecode(file))


def mortal(name: str, arguments: tuple[Any, ...], do: Callable[..., Any]) -> Any:
    """Lets moments pass before and after each call, and inside each write, which is made in two halves.

    They are named by number, "before call", and by what is done to which file: "after fsync checkpoint.pt".
    """
    file = os.path.basename(place(arguments[0]))
    for moment in (f"before {name} {file}", "before call"):
        testing.passing(moment)
    result = _halves(f"inside write {file}", arguments, do) if name == "write" else do()
    for moment in (f"after {name} {file}", "after call"):
        testing.passing(moment)
    return result


def _halves(moment: str, arguments: tuple[Any, ...], do: Callable[..., Any]) -> int:
    handle, data = arguments[0], memoryview(arguments[1]).cast("B")
    written = do(handle, data[: len(data) // 2])
    testing.passing(moment)
    return written + do(handle, data[written:])
