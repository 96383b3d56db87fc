from copy import deepcopy

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


def fitted() -> Chances:
    """Fitted to real maps that are 1.5 times as sharp."""
    seen, logits, chances = Platt(), np.random.default_rng(0).normal(-3, 2, (5000, 16)), Chances()
    seen.add(logits, 1 / (1 + np.exp(-1.5 * logits)))
    chances.fit(seen, Platt())
    return chances


def test_maps_are_as_sharp_as_real_ones_and_touch_where_they_did():
    chances, logits = fitted(), torch.randn(1000, 16)
    assert torch.equal(Chances().sharp(logits), logits.sigmoid())
    torch.testing.assert_close(chances.sharp(logits), (1.5 * logits).sigmoid(), atol=0.01, rtol=0)
    assert torch.equal(chances.sharp(logits) >= 0.5, logits >= 0)


def test_sharpness_is_kept_with_the_weights_and_states_of_a_time_before_it_have_none():
    state, again = fitted().state_dict(), deepcopy(Chances())
    again.load_state_dict(state)
    assert again.sharpness == state["sharpness"] != 1
    older = {name: value for name, value in state.items() if name != "sharpness"}
    again.load_state_dict(older)
    assert again.state_dict().keys() == older.keys()  # a run of that time gives back what it took
    logits = torch.randn(5, 16)
    assert torch.equal(again.sharp(logits), logits.sigmoid())
