from contextlib import suppress

import torch

from perpart.threads import single_threaded


def test_threads_are_lent_and_given_back_even_after_an_error():
    before = torch.get_num_threads()
    with suppress(RuntimeError), single_threaded() as workers:
        assert (workers, torch.get_num_threads()) == (before, 1)
        raise RuntimeError("in the way")
    assert torch.get_num_threads() == before
