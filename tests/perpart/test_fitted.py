"""Fitted grasps as figures"""

from dataclasses import replace

import numpy as np
import pytest

from perpart.data import graspset
from perpart.data.graspset import GraspSet
from perpart.fits import aims, solve
from perpart.fits.solve import Round
from perpart.scores.fitted import MEASURES, REAL, TRUE, Grasps
from perpart.scores.intervals import resamplings
from perpart.scores.judged import Judged
from perpart.scores.table import TABLES, Shelf, grasps
from perpart.scores.tallies import MODEL, NEAREST, REBUILT
from tests.perpart.invented import changed, invented

SHORT = (Round(2, 64, 6, 1.0, aims.Weights()), Round(1, 64, 6, 0.5, aims.Weights()))


@pytest.fixture(scope="module")
def shipped() -> GraspSet:
    return graspset.load()


def on(shipped: GraspSet, category: str) -> Judged:
    """Invented maps on the points of the first object of a category, but for the real ones, of its last grasps."""
    thing = next(i for i, (name, _) in enumerate(shipped.objects) if name == category)
    cloud, grasps = shipped.cloud(thing, 128), np.flatnonzero(shipped.object_of == thing)[-5:]
    real, _, _ = shipped.label(grasps, cloud[None], np.zeros(5, np.int64))
    real = real.astype(np.float32) / 255
    return replace(changed(invented(0, points=128), cloud=cloud, grasps=grasps, real=real), thing=thing)


def test_draws_nearest_rebuilt_and_real_are_fitted_and_real_hands_are_the_ceiling(shipped, monkeypatch):
    monkeypatch.setattr(solve, "ROUNDS", SHORT)
    monkeypatch.setattr(solve, "LAID", 4)
    tally = Grasps(2, shipped, 2, seed=0)
    for row, category in enumerate(("apple", "toothpaste")):
        tally.add(on(shipped, category), row)
    figures = list(tally.figures(resamplings(2, 50)))
    found = {(figure.guess, figure.measure): figure for figure in figures}
    assert {name for name, _ in found} == {MODEL, NEAREST, REBUILT, REAL, TRUE}
    assert {measure for _, measure in found} == {*MEASURES, "entropy", "cluster size", "hands"}
    assert found[TRUE, "holds"].value == found[TRUE, "touches"].value == 1
    assert found[TRUE, "depth"].high < 0.002
    assert found[TRUE, "f1"].value > 0.99
    assert found[MODEL, "hands"].value == 4
    assert np.isnan(found[MODEL, "entropy"].value)  # of four hands nobody knows
    said = grasps(Shelf(figures)).splitlines()
    assert [line.split("  ")[0] for line in said] == ["grasps, per object", MODEL, NEAREST, REBUILT, REAL, TRUE]
    assert "grasps" in TABLES
    assert "100 [100, 100]" in said[-1]
