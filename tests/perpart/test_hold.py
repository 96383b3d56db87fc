"""The physical trial"""

import mujoco
import numpy as np
import pytest

from perpart import objects
from perpart.data import graspset
from perpart.grasps import hold
from perpart.hands import Hands


@pytest.fixture(scope="module")
def shipped() -> graspset.GraspSet:
    return graspset.load()


def held(shipped: graspset.GraspSet, category: str) -> tuple[objects.Object, Hands, np.ndarray]:
    """A shipped grasp of a category, with all parts squeezing."""
    which = next(g for g in range(len(shipped)) if shipped.objects[shipped.object_of[g]][0] == category)
    arrays = (array[which][None].astype(np.float64) for array in (shipped.angles, shipped.root, shipped.bones))
    return objects.build(*shipped.objects[shipped.object_of[which]]), Hands.of(*arrays), np.ones(16, bool)


@pytest.mark.parametrize("category", ["apple", "hammer"])
def test_a_shipped_grasp_holds_and_does_so_again(shipped, category):
    thing, one, touching = held(shipped, category)
    bench = hold.Bench(thing)
    first = bench.hold(one, touching)
    assert first.fast
    assert bench.hold(one, touching) == first
    assert hold.Bench(thing).hold(one, touching) == first


def test_without_a_hand_near_it_the_object_falls(shipped):
    thing, one, touching = held(shipped, "apple")
    root = one.root.copy()
    root[:, :3, 3] += 0.5
    fallen = hold.Bench(thing).hold(Hands.of(one.angles, root, one.bones), touching)
    assert not fallen.fast
    assert fallen.shift == pytest.approx(
        0.5 * hold.GRAVITY * (hold.LOOK * hold.STEP) ** 2, rel=0.04
    )  # seen at the first look


def test_a_hand_that_does_not_squeeze_loses_what_a_squeezing_one_holds(shipped):
    thing, one, touching = held(shipped, "hammer")
    assert not hold.Bench(thing).hold(one, ~touching).fast


def test_the_object_weighs_what_it_weighs(shipped):
    thing, _, _ = held(shipped, "hammer")
    model = hold.Bench(thing).model
    assert model.body("object").mass[0] == pytest.approx(thing.mass)
    assert model.ngeom == 21 + len(thing.pieces)


def test_the_bounds_that_contacts_are_looked_for_in_hold_the_capsules(shipped):
    thing, one, touching = held(shipped, "apple")
    bench = hold.Bench(thing)
    bench.hold(one, touching)
    for cone in range(21):
        geom = bench.model.geom(f"cone{cone}").id
        radius, half = bench.model.geom_size[geom, :2]
        assert bench.model.geom_rbound[geom] >= radius + half
        assert (bench.model.geom_aabb[geom, 3:] >= [radius, radius, radius + half]).all()


def test_the_capsules_stand_where_the_cones_do(shipped):
    thing, one, touching = held(shipped, "apple")
    bench = hold.Bench(thing)
    bench.hold(one, touching)
    fresh = mujoco.MjData(bench.model)
    mujoco.mj_forward(bench.model, fresh)
    for cone in range(21):
        middle = (one.posed.a + one.posed.b)[0, cone].numpy() / 2
        np.testing.assert_allclose(fresh.geom(f"cone{cone}").xpos, middle, atol=1e-6)
