"""Processes that work off a list, and that never outlive who started them"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection
from typing import Any

import torch

from perpart.errors import Mistake
from perpart.threads import single_threaded


def each(work: Callable[..., Any], calls: Sequence[tuple], jobs: int) -> Generator[tuple[int, Any]]:
    """Do `work(*call)` for every call, in `jobs` processes (in this one if it is one): the place of each call and its
    result, as they get done. All in one thread each, so that sums come out the same."""
    if jobs > 1:
        yield from _together(work, calls, min(jobs, len(calls)))
        return
    with single_threaded():
        for place, call in enumerate(calls):
            yield place, work(*call)


def _together(work: Callable[..., Any], calls: Sequence[tuple], jobs: int) -> Generator[tuple[int, Any]]:
    # Processes are spawned, not forked: torch's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    line, mine = context.Pipe(duplex=False)
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_enlist, initargs=(line,)) as pool:
        try:
            waiting = _submit(pool, work, calls)
            for done in as_completed(waiting):
                yield waiting[done], done.result()
        except BrokenProcessPool:
            raise Mistake("a process was killed, as when memory runs out; the same command continues") from None
        finally:
            mine.close()  # hangs up on whoever still works
    line.close()


def _submit(pool: ProcessPoolExecutor, work: Callable[..., Any], calls: Sequence[tuple]) -> dict[Future, int]:
    """Hand in all calls. Processes start here and inherit that Ctrl+C is held back: it is for the parent alone."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return {pool.submit(work, *call): place for place, call in enumerate(calls)}
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _enlist(line: Connection) -> None:
    """In each process, first: one thread for torch, and leave when the parent hangs up, even if it was killed."""
    torch.set_num_threads(1)
    threading.Thread(target=_leave_with, args=(line,), daemon=True).start()


def _leave_with(line: Connection) -> None:
    line.poll(None)
    os._exit(1)
