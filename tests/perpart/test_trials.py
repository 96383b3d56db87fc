"""What hands are worth"""

from dataclasses import replace

import numpy as np
import pytest
import trimesh

from perpart.anatomy import MEAN_BONES
from perpart.errors import Mistake
from perpart.fits import trials
from perpart.fits.trials import Place, own
from perpart.grasps import filters
from perpart.hands import Hands


def test_a_shipped_grasp_is_shallow_touches_holds_and_does_as_asked(toothpaste):
    worth = toothpaste.place.worth(toothpaste.hands, toothpaste.maps)
    assert (worth.depth <= filters.DEPTH).all()
    assert (worth.volume <= filters.VOLUME).all()
    assert worth.touches.tolist() == worth.holds.tolist() == [1, 1]
    assert (worth.f1 > 0.995).all()  # maps are kept in 255 steps
    assert (worth.shift < 0.02).all()


def test_the_volume_is_that_of_the_data_s_own_filter(toothpaste):
    one, far = toothpaste.hands[:1], toothpaste.thing.field
    theirs = filters.overlap(filters.skin(far), far, one)
    assert trials.overlap(far, one, np.ones(21, bool)) == pytest.approx(theirs, abs=3e-9)


def test_a_hand_in_a_block_shares_its_own_volume():
    block = Place(own(trimesh.creation.box((0.4, 0.4, 0.4)), None))
    one = Hands.of(np.zeros((1, 21)), np.eye(4)[None], MEAN_BONES[None])
    whole = trials.overlap(block.far, one, np.ones(21, bool))
    assert 1.9e-4 < whole < 2.4e-4  # m³: without its wrist, a hand is about a fifth of a litre
    assert trials.overlap(block.far, one, np.zeros(21, bool)) == 0


def test_a_hand_far_away_does_nothing(toothpaste):
    root = toothpaste.hands.root.copy()
    root[:, :3, 3] += 0.5
    away = Hands.of(toothpaste.hands.angles, root, toothpaste.hands.bones)
    worth = toothpaste.place.worth(away, toothpaste.maps)
    for figure in (worth.depth, worth.volume, worth.touches, worth.holds, worth.f1):
        assert not figure.any()


def test_points_alone_tell_touch_and_f1_only(toothpaste):
    worth = Place(None).worth(toothpaste.hands, toothpaste.maps)
    assert worth.touches.tolist() == [1, 1]
    assert (worth.f1 > 0.995).all()
    for figure in (worth.depth, worth.volume, worth.shift, worth.turn, worth.holds):
        assert np.isnan(figure).all()


def test_nothing_asked_and_nothing_done_agree(toothpaste):
    nothing = replace(toothpaste.maps, contact=np.zeros_like(toothpaste.maps.contact))
    root = toothpaste.hands.root.copy()
    root[:, :3, 3] += 0.5
    away = Hands.of(toothpaste.hands.angles, root, toothpaste.hands.bones)
    assert np.isnan(Place(None).worth(away, nothing).f1).all(), "nothing is asked, and nothing touches"


def test_a_person_s_mesh_weighs_what_they_say_or_what_its_volume_makes():
    box = trimesh.creation.box((0.1, 0.1, 0.1))
    box.apply_translation([1, 2, 3])
    assert own(box, 0.25).mass == pytest.approx(0.25)
    assert own(box, None).mass == pytest.approx(trials.DENSITY * 1e-3)
    assert own(box, None).mesh.bounds.mean(0) == pytest.approx([0, 0, 0])


def test_an_open_mesh_has_no_inside():
    with pytest.raises(Mistake, match="open"):
        own(trimesh.Trimesh([[0, 0, 0], [0.1, 0, 0], [0, 0.1, 0]], [[0, 1, 2]]), None)
