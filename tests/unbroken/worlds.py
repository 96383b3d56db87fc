"""Runs a function in several real processes that form a world, as torchrun would start them, quickly"""

import os
import socket
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import torch

from tests.unbroken.children import Child, Ended


def run(size: int, function: Callable[..., Any], *arguments: Any) -> list[Ended]:
    """Start so many processes, each of which calls `function(*arguments)`; how each ended, in the order of ranks."""
    port = free_port()
    with ExitStack() as stack:
        children = [stack.enter_context(Child(_member, rank, size, port, function, arguments)) for rank in range(size)]
        ended = list[Ended]()
        for late in children:
            try:
                ended.append(late.wait())
            except AssertionError as error:  # whom it waits for is among the others
                others = "\n".join(child.standing() for child in children if child is not late)
                raise AssertionError(f"process {len(ended)}: {error}\nthe others:\n{others}") from None
        return ended


def good(size: int, function: Callable[..., Any], *arguments: Any) -> list[str]:
    """What each of them printed, once all have ended in peace."""
    ended = run(size, function, *arguments)
    assert [each.code for each in ended] == [0] * size, "\n".join(each.out for each in ended)
    return [each.out for each in ended]


def free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return door.getsockname()[1]


def _member(rank: int, size: int, port: int, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    names = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
    values = (rank, rank, size, size, "127.0.0.1", port)
    os.environ.update({name: str(value) for name, value in zip(names, values, strict=True)})
    torch.set_num_threads(1)
    function(*arguments)
