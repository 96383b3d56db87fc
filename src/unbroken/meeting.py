"""Where the processes of one start meet, apart from what an earlier start left behind

A torchrun that starts its processes again gives them the store that the ones before have used, and whoever comes first
would read there the addresses of the dead. Its count of restarts tells no starts apart either: it is one number on each
machine, and a machine that joins is not counted at all. So the first process makes up a name for this start and gives
it to those who answer now; all that is agreed on afterwards is kept under that name.
"""

from __future__ import annotations

import time
import uuid
from typing import Any

LOOK = 0.01  # seconds between two looks of the first process
Store = Any
"""torch's: set, get (which waits until it is set, or raises), check."""


def name(store: Store, rank: int, size: int, patience: float) -> str:
    """The name of this start, the same in all its processes. Raises TimeoutError, or what the store raises, when one
    of them has not come within so many seconds."""
    if rank:
        return _asked(store, rank)
    return _given(store, size, time.monotonic() + patience)


def _asked(store: Store, rank: int) -> str:
    """A question that nobody has asked before has no answer that is older than it."""
    question = uuid.uuid4().hex
    store.set(f"unbroken/question/{rank}", question)
    told = store.get(f"unbroken/answer/{question}").decode()
    store.set(f"unbroken/{told}/{rank}", "here")
    return told


def _given(store: Store, size: int, end: float) -> str:
    """Answer whatever is asked, the questions of the dead too, until all the others are here."""
    told, missing = uuid.uuid4().hex, list(range(1, size))
    while missing := [rank for rank in missing if not store.check([f"unbroken/{told}/{rank}"])]:
        if time.monotonic() > end:
            raise TimeoutError(f"processes {missing} of {size} have not come")
        for rank in missing:
            if store.check([f"unbroken/question/{rank}"]):
                store.set(f"unbroken/answer/{store.get(f'unbroken/question/{rank}').decode()}", told)
        time.sleep(LOOK)
    return told
