import numpy as np
import pytest

from perpart.scores.platt import Platt
from perpart.scores.sharpness import sharpness


def seen(scale: float, middle: float = -3.0) -> Platt:
    """Logits of sparse maps, and real maps that are these, but sharper by `scale`."""
    platt, logits = Platt(), np.random.default_rng(0).normal(middle, 2, (20_000, 16))
    platt.add(logits, 1 / (1 + np.exp(-scale * logits)))
    return platt


@pytest.mark.parametrize("scale", [1.0, 1.25, 1.7])
def test_the_scale_by_which_real_maps_are_sharper_is_found(scale):
    assert sharpness(seen(scale)) == pytest.approx(scale, abs=0.015)


def test_maps_are_never_made_softer_nor_more_than_twice_as_sharp():
    assert sharpness(seen(0.6)) == 1.0
    assert sharpness(seen(4.0)) == 2.0


def test_maps_that_touch_nothing_stay_as_they_are():
    platt, rng = Platt(), np.random.default_rng(0)
    platt.add(rng.normal(-3, 0.3, (20_000, 16)), (rng.random((20_000, 16)) < 0.05).astype(float))
    assert sharpness(platt) == 1.0


def test_without_any_contact_there_is_nothing_to_fit():
    assert sharpness(Platt()) == 1.0
    platt = Platt()
    platt.add(np.zeros((100, 16)), np.zeros((100, 16)))
    assert sharpness(platt) == 1.0
