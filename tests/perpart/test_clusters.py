"""How varied hands are"""

import numpy as np
import pytest

from perpart.scores.clusters import CLUSTERS, features, kmeans, spread


def test_even_clusters_have_the_entropy_of_an_even_die_and_no_size():
    rows = np.repeat(10.0 * np.eye(CLUSTERS), 3, axis=0)
    entropy, size = spread(rows)
    assert entropy == pytest.approx(np.log(CLUSTERS))
    assert size == 0


def test_one_crowd_and_few_others_are_less_even():
    rows = np.concatenate([np.repeat(10.0 * np.eye(CLUSTERS)[:1], 81, axis=0), 10.0 * np.eye(CLUSTERS)[1:]])
    assert spread(rows)[0] == pytest.approx(-0.81 * np.log(0.81) - 0.19 * np.log(0.01))


def test_wide_crowds_are_told_as_wide_and_the_same_seed_says_the_same():
    rows = np.random.default_rng(0).normal(size=(200, 27))
    assert spread(2 * rows)[1] == pytest.approx(2 * spread(rows)[1], rel=0.05)
    assert spread(rows, 3) == spread(rows, 3)


def test_fewer_hands_than_clusters_tell_nothing():
    assert np.isnan(spread(np.zeros((CLUSTERS - 1, 27)))).all()


def test_hands_that_are_all_the_same_are_one_cluster():
    assert spread(np.ones((30, 27))) == (0.0, 0.0)


def test_kmeans_parts_what_lies_apart():
    rows = np.random.default_rng(1).normal(size=(120, 3)) + 30 * np.arange(3).repeat(40)[:, None]
    _, mine = kmeans(rows, 3, np.random.default_rng(0))
    assert [len(set(mine[40 * k : 40 * k + 40])) for k in range(3)] == [1, 1, 1]
    assert len(set(mine)) == 3


def test_features_are_joints_turn_and_place():
    root = np.eye(4)[None].copy()
    root[0, :3, 3] = [0.1, 0, -0.2]
    root[0, :3, :3] = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    found = features(np.full((1, 21), 0.5), root)[0]
    assert found == pytest.approx([*[0.5] * 21, 0, 0, np.pi / 2, 1, 0, -2])
