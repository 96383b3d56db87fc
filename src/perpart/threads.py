"""One thread for torch, and the others lent to the caller: sums then do not depend on how many there are"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def single_threaded() -> Iterator[int]:
    """Lends torch's threads to the caller, as a number of workers: many small jobs side by side are faster than
    each of them cut in pieces, and their sums do not depend on how many there are."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield threads
    finally:
        torch.set_num_threads(threads)
