"""Hypothesis without a clock or a dice: machines are shared, and what fails here must fail there"""

import os
import signal
from collections.abc import Generator

# Tests run side by side, and two threads that wait for each other on a busy core are many times slower than one. Told
# before torch is imported, to this process and to all that it starts.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# A shell starts what it puts in the background with SIGINT ignored, and that is handed down: here, processes are
# interrupted on purpose.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

import pytest
import torch
from hypothesis import settings

from tests import forks

settings.register_profile("here", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("here")


@pytest.fixture(autouse=True)
def own_threads() -> Generator[None]:
    """Torch's threads as they were: a benchmark that is run here sets them, and a run that finds others stops."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A folder of the tests' own for what the main job keeps with the user."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("xdg"))
    forks.begin()  # with this environment
