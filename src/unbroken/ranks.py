"""Which process of how many this is, and what they tell each other; the one owner of process groups

Started by torchrun, a run is trained by a world of processes. Process 0 leads: it alone reads and writes the work dir
and speaks. Whatever all must know goes from it to the others; alone, every word here costs nothing.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from typing import Any, NamedTuple, TypeVar, cast

import torch
from torch import distributed
from torch.distributed.rendezvous import rendezvous  # pyright: ignore[reportUnknownVariableType]

from . import meeting, telling
from .errors import Error, Misuse, Stopped

T = TypeVar("T")
dist: Any = distributed  # most of it is not typed
_places: list[Any] = []  # the store where processes meet, once for all runs: its port cannot be taken twice
TOGETHER = 1 << 20  # bytes from which on a tensor travels by itself
LETTING_GO = 0.1  # seconds
LOST = 10.0  # seconds that a process waits for another one when it leaves with an error
FAILED = 2  # the exit code of an error that a person can mend


class World:
    """The processes that train one run together; every one calls the same words in the same order."""

    def __init__(self, rank: int = 0, size: int = 1, patience: float = 600.0) -> None:
        self.patience = patience  # seconds
        self.lost = False  # this process leaves with an error: another one may well be gone
        self.rank, self.size, self.lead = rank, size, rank == 0

    @property
    def device(self) -> torch.device:
        """Where this process computes: its own GPU where the machine has any, else the processor.

        Raises Misuse for more processes than GPUs: two in one GPU cannot talk to each other.
        """
        if not torch.cuda.is_available():
            return torch.device("cpu")
        here, gpus = int(os.environ.get("LOCAL_WORLD_SIZE") or 1), torch.cuda.device_count()
        if here > gpus:
            raise Misuse(
                f"{here} processes on a machine with {gpus} GPUs: start at most {gpus} there, or hide the GPUs "
                "(CUDA_VISIBLE_DEVICES=) to train on its processors"
            )
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK") or 0))

    def led(self, act: Callable[[], T]) -> T:
        """What the lead makes of it, told to all. Where it fails, all leave: the lead with its error, the others in
        silence."""
        if self.size == 1:
            return act()
        if not self.lead:
            while isinstance(told := telling.heard(), _Errand):
                self.gather(told.part(self.rank, self.size))
            return told
        try:
            value = act()
        except BaseException as error:
            telling.tell(None, _code(error))
            raise
        telling.tell(value, None)
        return value

    def shared(self, part: Callable[[int, int], T]) -> list[T]:
        """In the lead, while it is led: what every process makes of its part of a work, given its number and how many
        there are. The work is told to them, so it can be pickled."""
        if self.size > 1:
            telling.tell(_Errand(part), None)
        return self.gather(part(self.rank, self.size))

    def each(self, act: Callable[[], T]) -> T:
        """What each makes of it for itself. Where one fails, all leave: the first that failed with its error."""
        if self.size == 1:
            return act()
        try:
            value, error = act(), None
        except Exception as reason:
            value, error = None, reason
        codes = self.gather(_code(error) if error else None)
        failed = [code for code in codes if code is not None]
        if error and failed and codes.index(failed[0]) == self.rank:
            raise error
        if failed:
            raise Stopped(failed[0])
        return cast(T, value)

    def gather(self, value: T) -> list[T]:
        """What every process says, in their order: small things that can be pickled."""
        if self.size == 1:
            return [value]
        told: list[Any] = [None] * self.size
        dist.all_gather_object(told, value)
        return told

    def exchange(self, sent: torch.Tensor, taken: Sequence[int]) -> torch.Tensor:
        """Block r of what is sent goes to process r, from which so many rows are taken: [size, k, n] -> [taken, n]."""
        _, mine, n = sent.shape
        received = sent.new_empty(sum(taken), n)
        width = n * sent.element_size()
        counts = ([width * rows for rows in taken], [width * mine] * self.size)
        dist.all_to_all_single(telling.flat(received), telling.flat(sent.contiguous()), *counts)
        return received

    def rows(self, mine: torch.Tensor) -> torch.Tensor:
        """Everybody's row, in the order of processes: [n] -> [size, n]."""
        every = mine.new_empty(self.size, len(mine))
        dist.all_gather(list(every), mine)
        return every

    def most(self, numbers: Sequence[int]) -> list[int]:
        """Of each number the largest that any process says; the cheapest of all exchanges."""
        told: Any = torch.tensor(numbers)
        dist.all_reduce(told, dist.ReduceOp.MAX)
        return told.tolist()

    def follow(self, tensors: Sequence[torch.Tensor], of: int = 0) -> None:
        """Give these tensors the content that they have in the lead, or in another process."""
        if self.size == 1:
            return
        small = [t.data for t in tensors if t.numel() * t.element_size() < TOGETHER]
        for kind in dict.fromkeys((t.dtype, t.device) for t in small):  # those of one kind travel together
            alike = [t for t in small if (t.dtype, t.device) == kind]
            whole = torch.cat([t.reshape(-1) for t in alike])
            dist.broadcast(whole, of)
            for tensor in alike:
                content, whole = whole[: tensor.numel()], whole[tensor.numel() :]
                tensor.copy_(content.view(tensor.shape))
        for tensor in tensors:
            if tensor.numel() * tensor.element_size() >= TOGETHER:
                dist.broadcast(tensor.data, of)

    def rest(self) -> None:
        """Before an end or a fork: let the group's threads come to rest. They want python's lock to let go of what they
        sent last. An interpreter that ends gives them none, and they would take the process, which was done, down with
        them; a child that is forked meanwhile waits forever, under python 3.11, for another lock that they held
        (gh-112275)."""
        time.sleep(LETTING_GO)

    @cached_property
    def mesh(self) -> Any:
        """All processes in a row, as torch's sharding wants them."""
        from torch.distributed.device_mesh import init_device_mesh  # noqa: PLC0415 (takes long, and few need it)

        return init_device_mesh(self.device.type, (self.size,))

    def note(self, name: str, text: str) -> None:
        """Leave a note for the lead under a name of its own; from any thread."""
        _store().set(name, text)

    def notes(self, names: Sequence[str]) -> list[str]:
        """What others left under these names, once all of it is there; from any thread. Raises TimeoutError."""
        store, began = _store(), time.monotonic()
        while not store.check(list(names)):
            if time.monotonic() - began > (min(self.patience, LOST) if self.lost else self.patience):
                raise TimeoutError("another process said nothing of its part of the state: is it alive?")
            time.sleep(0.005)
        found = [store.get(name).decode() for name in names]
        for name in names:
            store.delete_key(name)
        return found

    def alike(self, value: object, what: str) -> None:
        """Refuse processes that would train another run than the lead. Raises Misuse, in the first that differs."""
        leading = self.gather(value)[0]

        def compare() -> None:
            if value != leading:
                whom = f"process {self.rank} was started with {what} than process 0"
                raise Misuse(f"{whom}: give all the same command, and one work dir")

        self.each(compare)


class _Errand(NamedTuple):
    """Told to the others in place of what the lead makes: they have something to do before."""

    part: Callable[[int, int], Any]


@contextmanager
def joined(patience: float) -> Generator[World]:
    """Join the processes that torchrun started; alone where it started none. A group that is there already is used,
    and left as it is. patience: seconds that processes wait for one of them before they take it for lost.

    Raises Misuse where a launcher did not say enough.
    """
    given = dist.is_available() and dist.is_initialized()
    if not given and (os.environ.get("WORLD_SIZE") or "1") == "1":
        yield World()
        return
    if not given:
        _join(patience)
    world = World(dist.get_rank(), dist.get_world_size(), patience)
    try:
        yield world
    finally:
        world.rest()
        if not given:
            dist.destroy_process_group()


def forbearance(patience: float) -> float:
    """Seconds for which a lead may wait for the last one, on a host that was lost or cut off, to leave the work dir.
    Half the patience: the others wait for the lead meanwhile. None where no torchrun would start a world anew."""
    return patience / 2 if os.environ.get("TORCHELASTIC_RUN_ID") else 0.0


def _join(patience: float) -> None:
    needed = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
    if missing := [name for name in needed if not os.environ.get(name)]:
        raise Misuse(
            f"WORLD_SIZE is {os.environ['WORLD_SIZE']}, but {', '.join(missing)} is not set: start it with torchrun"
        )
    backend, device = "gloo", World().device
    if device.type == "cuda":
        torch.cuda.set_device(device)
        backend = "cpu:gloo,cuda:nccl"
    wait = timedelta(seconds=patience)
    if not _places:
        _places.append(next(rendezvous("env://", timeout=wait)))
    store, rank, size = _places[0]
    store.set_timeout(wait)
    fresh = dist.PrefixStore(meeting.name(store, rank, size, patience), store)
    dist.init_process_group(backend, store=fresh, rank=rank, world_size=size, timeout=wait)
    # Nobody lets go of a group: a model in DDP, or the interpreter at its end, that did so last would wait, with
    # python's lock in hand, for a thread that wants the lock to let go of a tensor.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(dist.group.WORLD))


def _store() -> Any:
    """Where the processes met."""
    return dist.distributed_c10d._get_default_store()


def _code(error: BaseException) -> int:
    if isinstance(error, SystemExit) and isinstance(error.code, int):
        return error.code
    return FAILED if isinstance(error, Error) else 1
