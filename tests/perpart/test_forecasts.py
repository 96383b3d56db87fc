from dataclasses import replace

import numpy as np
import pytest

from perpart.scores.calibration import BINS
from perpart.scores.forecasts import Chances, Sets
from perpart.scores.tallies import ALL
from tests.perpart.invented import changed, invented
from tests.perpart.test_tallies import told


def test_draws_that_are_the_real_grasps_are_calibrated():
    one = invented()
    exact = told(Chances, [changed(one, expected=one.real.mean(0), touch=(one.real >= 0.5).mean(0))])
    assert exact["draws", "ece", None, ALL].value == pytest.approx(0.0, abs=1e-9)
    assert exact["draws", "brier", None, ALL].value < told(Chances, [one])["draws", "brier", None, ALL].value
    assert exact["draws", "rate", None, ALL].value == pytest.approx(one.real.mean())


def test_the_reliability_curve_has_every_bin_of_every_part():
    figures = told(Chances, [invented()])
    curve = [f for (_, measure, _, part), f in figures.items() if measure == "share" and part == ALL]
    assert [f.at for f in curve] == [i / BINS for i in range(BINS)]
    assert sum(f.value for f in curve) == pytest.approx(1.0)


def test_real_grasps_are_the_ceiling_and_a_collapsed_model_is_seen():
    things = [invented(i, grasps=12) for i in range(6)]
    same = [changed(thing, drawn=np.repeat(thing.drawn[:1], 16, axis=0)) for thing in things]
    figures = told(Sets, same)
    assert figures["draws", "diversity", None, ALL].value == 0.0
    assert figures["draws", "energy", None, ALL].low > figures["real *", "energy", None, ALL].high
    assert figures["draws", "1-nna", None, ALL].value > figures["real *", "1-nna", None, ALL].value + 0.2
    assert figures["real *", "energy", None, ALL].value == pytest.approx(0.0, abs=0.05)


def test_draws_of_the_same_kind_reach_the_ceiling():
    things = [changed(invented(i, grasps=16), drawn=invented(100 + i, grasps=16).real) for i in range(8)]
    figures = told(Sets, things)
    for measure, near in (("mmd", 0.05), ("coverage", 0.1), ("1-nna", 0.1), ("energy", 0.05)):
        draws, real = (figures[name, measure, None, ALL].value for name in ("draws", "real *"))
        assert draws == pytest.approx(real, abs=near)


def test_draws_are_held_against_floor_and_ceiling_object_by_object():
    things = [invented(i, grasps=12) for i in range(6)]
    figures = told(Sets, things)
    for other in ("nearest", "rebuilt", "real *"):
        for measure in Sets.MEASURES:
            more, draws, theirs = (
                figures[name, measure, None, ALL].value for name in (f"draws - {other}", "draws", other)
            )
            assert more == pytest.approx(draws - theirs)
    same = told(Sets, [changed(thing, nearest=thing.drawn) for thing in things])
    for measure in Sets.MEASURES:
        even = same["draws - nearest", measure, None, ALL]
        assert (even.value, even.low, even.high) == (0.0, 0.0, 0.0), "objects differ, draws and nearest do not"


def test_rebuilt_maps_are_held_against_the_other_half_of_the_real_ones():
    things = [invented(i, grasps=12) for i in range(6)]
    exact = told(Sets, [changed(thing, rebuilt=thing.real) for thing in things])
    for measure in Sets.MEASURES:
        assert exact["rebuilt", measure, None, ALL] == replace(exact["real *", measure, None, ALL], guess="rebuilt")
    empty = told(Sets, [changed(thing, rebuilt=np.zeros_like(thing.rebuilt)) for thing in things])
    assert empty["rebuilt", "mmd", None, ALL].value == 1.0


def test_the_share_of_a_pools_maps_that_are_grasps_is_told():
    one = invented(grasps=12)
    none = told(Sets, [changed(one, drawn=np.zeros_like(one.drawn))])
    assert none["draws", "grasps", None, ALL].value == 0.0
    some = np.zeros_like(one.drawn)
    some[:2, :7] = np.eye(7, 16)  # palm, thumb and index, each part at a point
    found = told(Sets, [changed(one, drawn=some)])
    assert found["draws", "grasps", None, ALL].value == 2 / len(some)


def test_objects_with_too_few_grasps_and_categories_without_training_are_left_out():
    figures = told(Sets, [invented(0, grasps=3), invented(1, grasps=4)])
    assert figures["draws", "objects", None, ALL].value == 1
    assert not [key for key in figures if key[0] == "category"]
    assert told(Sets, [invented(0, grasps=3)]) == {}
