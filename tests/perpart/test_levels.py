import numpy as np
import torch

from perpart.scores.levels import STEPS, TOUCH, levels, step, whole


def test_what_the_data_keep_comes_back_as_it_was():
    kept = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(levels(kept.astype(np.float32) / 255), kept)
    assert torch.equal(whole(torch.from_numpy(kept) / 255), torch.arange(256.0))


def test_touch_begins_at_half_contact():
    assert step(TOUCH) == 128
    assert (step(0.0), step(1.0)) == (0, STEPS)
    kept = np.arange(256) / 255
    np.testing.assert_array_equal(levels(kept) >= step(TOUCH), kept >= TOUCH)
