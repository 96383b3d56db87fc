"""Hypothesis without a clock or a dice: machines are shared, and what fails here must fail there"""

from collections.abc import Generator

import pytest
import torch
from hypothesis import settings

settings.register_profile("here", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("here")


@pytest.fixture(autouse=True)
def own_threads() -> Generator[None]:
    """Torch's threads as they were: a benchmark that is run here sets them, and a run that finds others stops."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
