from dataclasses import replace

import numpy as np
import pytest

from perpart.errors import Mistake
from perpart.scores.training import Training, centred

KINDS = ["apple", "mug", "pen"]


@pytest.fixture(scope="module")
def training(graspset) -> Training:
    return Training(graspset, KINDS, most=4)


def test_only_training_grasps_are_known(training):
    assert list(training.things) == [0, 2]
    assert set(training.grasps) == {*range(5), *range(10, 15)}
    assert len(training.kin("mug")) == 0
    assert len(training.kin("pen")) == len(training.of(2)) == 4


def test_the_nearest_shape_is_found_wherever_it_lies(training, graspset):
    for thing in (0, 2):
        cloud = graspset.cloud(thing, 300)
        cloud[:, :3] += 0.2
        found, gap = training.nearest(cloud)
        assert found == thing
        assert gap < 0.01


@pytest.mark.parametrize(("row", "thing"), [(0, 0), (1, 2)])
def test_maps_carried_to_the_same_points_are_the_labels(training, graspset, row, thing):
    cloud = training.clouds[row].copy()
    cloud[:, :3] += 1.0
    some = training.of(thing)
    labels, _, _ = graspset.label(some, training.clouds[[row]], np.zeros(len(some), int))
    assert labels.any()
    np.testing.assert_array_equal(training.carried(some, cloud), labels.astype(np.float32) / 255)


def test_each_grasp_is_carried_from_its_own_object(training, graspset):
    cloud, mixed = graspset.cloud(1, 100), np.array([0, 12])
    both = training.carried(mixed, cloud)
    for row, grasp in enumerate(mixed):
        np.testing.assert_array_equal(both[row], training.carried(np.array([grasp]), cloud)[0])


def test_the_plain_means_are_those_of_the_training_labels(training):
    plain = training.plain()
    lengths = np.linalg.norm(plain.direction, axis=1)
    assert (np.isclose(lengths, 1) | (lengths == 0)).all()
    assert (plain.touch >= 0).all()
    assert (plain.touch <= plain.contact / 0.5 + 1e-9).all()
    assert plain.contact.max() > 0


def test_without_training_grasps_there_is_no_floor(graspset):
    with pytest.raises(Mistake, match="no grasp of the split 'train'"):
        Training(replace(graspset, split=("test", "valid", "test")), KINDS, most=4)


def test_a_centred_cloud_has_its_mean_in_the_origin():
    cloud = np.random.default_rng(0).random((50, 6))
    np.testing.assert_allclose(centred(cloud).mean(0), 0, atol=1e-12)
