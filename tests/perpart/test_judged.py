from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch

from perpart.data.dataset import Contacts
from perpart.model import ContactCVAE
from perpart.scores.judged import judged
from perpart.scores.training import Training


@pytest.fixture(scope="module")
def model() -> ContactCVAE:
    torch.default_generator.manual_seed(0)
    return ContactCVAE(8, 64, 6)


KINDS = ["apple", "mug", "pen"]


def test_all_maps_of_an_object_are_on_its_points(graspset, model):
    data = Contacts(graspset, "valid", 64, augment=False)
    (one,) = judged(model, data, KINDS, Training(graspset, KINDS, 4), draws=7)
    assert one.thing == 1
    assert one.real.shape == one.rebuilt.shape == (5, 64, 16)
    assert one.drawn.shape == (7, 64, 16)
    assert one.nearest.shape == (4, 64, 16)
    assert one.kin.shape == (0, 64, 16)
    np.testing.assert_array_equal(one.real[2], data[2]["contact"].numpy())
    labels, _, _ = graspset.label(one.grasps, one.cloud[None], np.zeros(5, int))
    np.testing.assert_array_equal(one.real, labels.astype(np.float32) / 255)
    assert model.training


def test_an_object_is_judged_the_same_whatever_is_judged_beside_it(graspset, model):
    kinds = ["apple", "pen", "pen"]
    training = Training(graspset, kinds, 4)
    apple, pen = judged(model, Contacts(graspset, "train", 64, augment=False), kinds, training, draws=3)
    alone = replace(graspset, split=("train", "train", "valid"))
    (again,) = judged(model, Contacts(alone, "valid", 64, augment=False), kinds, training, draws=3)
    np.testing.assert_array_equal(pen.drawn, again.drawn)
    np.testing.assert_array_equal(pen.rebuilt, again.rebuilt)
    assert not np.array_equal(apple.drawn, pen.drawn)
    assert len(pen.kin) == 4


def test_kin_are_the_training_grasps_of_what_the_judged_object_is_whatever_training_has_in_its_place(graspset, model):
    data, training = Contacts(graspset, "valid", 64, augment=False), Training(graspset, KINDS, 4)
    (one,) = judged(model, data, ["mug", "pen", "mug"], training, draws=2)
    np.testing.assert_array_equal(one.kin, training.carried(training.kin("pen"), one.cloud))
    assert len(one.kin) == 4


def test_another_seed_draws_otherwise(graspset, model):
    data, training = Contacts(graspset, "valid", 64, augment=False), Training(graspset, KINDS, 4)
    (one,), (other,) = (judged(model, data, KINDS, training, draws=2, seed=seed) for seed in (0, 1))
    assert not np.array_equal(one.drawn, other.drawn)
    np.testing.assert_array_equal(one.rebuilt, other.rebuilt)


def test_rebuilt_maps_are_as_sharp_as_drawn_ones(graspset, model):
    data, training = Contacts(graspset, "valid", 64, augment=False), Training(graspset, KINDS, 4)
    sharper = deepcopy(model)
    sharper.chances.sharpness = torch.tensor(2.0)
    (soft,), (sharp,) = (judged(each, data, KINDS, training, draws=2) for each in (model, sharper))
    odds = (soft.rebuilt / (1 - soft.rebuilt)) ** 2
    np.testing.assert_allclose(sharp.rebuilt, odds / (1 + odds), atol=1e-6)
    np.testing.assert_array_equal(sharp.expected, soft.expected)


def test_draws_are_chosen_among_several_and_chances_are_of_first_draws(graspset, model):
    data, training = Contacts(graspset, "valid", 64, augment=False), Training(graspset, KINDS, 4)
    (once,), (best,) = (judged(model, data, KINDS, training, draws=8, tries=tries) for tries in (1, 2))
    assert 0 < (np.abs(once.drawn - best.drawn).max((1, 2)) > 0).sum() < 8
    np.testing.assert_array_equal(once.expected, best.expected)
    np.testing.assert_array_equal(once.touch, best.touch)
