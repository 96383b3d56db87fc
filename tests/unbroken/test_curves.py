"""Every number of a journal as a curve"""

import json
import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from unbroken.curves import LEAST, ROOM, Curve, curves, plain, thinned


def record(at: str, step: int, **values: Any) -> dict[str, Any]:
    return {"at": at, "epoch": step // 5, "step": step, **values, "time": {"unix": 1.0, "age": 2.0, "seconds": 3.0}}


def test_each_number_of_training_and_of_validation_is_a_curve() -> None:
    journal = [
        record("step", 1, train={"loss": 1.0, "parts": {"palm": 3.0}}, lr=0.1),
        record("step", 2, train={"loss": 0.5}, lr=0.1),
        record("epoch", 2, train={"loss": 0.75}, valid={"iou": 0.2}, lr=0.1, best=0.2),
    ]
    found = {curve.name: (curve.steps, curve.values) for curve in curves(journal)}
    assert found == {
        "step/train/loss": ((1, 2), (1.0, 0.5)),
        "step/train/parts/palm": ((1,), (3.0,)),
        "step/lr": ((1, 2), (0.1, 0.1)),
        "epoch/train/loss": ((2,), (0.75,)),
        "epoch/valid/iou": ((2,), (0.2,)),
        "epoch/best": ((2,), (0.2,)),
    }


def test_a_number_that_is_not_finite_is_a_gap_and_is_counted() -> None:
    journal = [record("step", i, train={"loss": value}) for i, value in enumerate([2.0, math.nan, 1.0, math.inf])]
    (curve,) = curves(journal)
    assert curve.values == (2.0, None, 1.0, None)
    assert curve.summary() == {
        "points": 4, "not_finite": 2, "first": 2.0, "last": 1.0, "last_step": 2, "min": 1.0, "min_step": 2, "max": 2.0,
        "max_step": 0,
    }  # fmt: skip
    json.dumps(plain({"run": [curve]}), allow_nan=False)
    assert Curve("step", "x", (1,), (None,)).summary() == {"points": 1, "not_finite": 1}


@given(st.lists(st.one_of(st.none(), st.floats(-9, 9)), max_size=300), st.integers(LEAST, 60))
def test_thinned_it_keeps_its_ends_its_peaks_and_its_gaps(values: list[float | None], most: int) -> None:
    kept = list(thinned(tuple(values), most))
    assert kept == sorted(set(kept))
    assert len(kept) <= most
    known = [value for value in values if value is not None]
    shown = [value for i in kept if (value := values[i]) is not None]
    if known:
        assert (min(shown), max(shown)) == (min(known), max(known))
    if len(known) < len(values):
        assert len(shown) < len(kept)
    if values:
        assert (kept[0], kept[-1]) == (0, len(values) - 1)


def test_a_long_run_with_many_curves_fits_in_a_page() -> None:
    steps, values = tuple(range(0, 3_000_000, 100)), tuple(math.sin(i) * 1e-5 for i in range(30_000))
    found = plain({str(run): [Curve("step", f"train/{i}", steps, values) for i in range(20)] for run in range(3)})
    points = sum(len(curve["x"]) for each in found.values() for curve in each)
    assert ROOM / 2 < points <= ROOM
    assert len(json.dumps(found, separators=(",", ":"))) < 1.9e6
