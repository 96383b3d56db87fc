import numpy as np
import torch

from perpart.chances import Chances
from perpart.scores.platt import Platt


def test_unfitted_chances_are_the_maps():
    logits = torch.randn(5, 16)
    for chance in Chances()(logits):
        assert torch.equal(chance, logits.sigmoid())


def test_chances_are_fitted_per_part_and_kept_with_the_weights():
    rng, seen, chances = np.random.default_rng(0), Platt(), Chances()
    logits = rng.normal(-2, 2, (400, 16))
    seen.add(logits, (rng.random((400, 16)) < 0.05).astype(float))
    chances.fit(seen, Platt())
    expected, touch = chances(torch.from_numpy(logits).float())
    assert expected.mean() < 0.5 * touch.mean()
    assert torch.equal(touch, torch.from_numpy(logits).float().sigmoid())
    again = Chances()
    again.load_state_dict(chances.state_dict())
    assert torch.equal(again.scale, chances.scale)
