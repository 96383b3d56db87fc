"""What a hand aims at"""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from perpart import contact, hand
from perpart.fits import aims
from perpart.fits.asked import Asked, thinned
from tests.perpart.fitting import Known, single

ALONE = {field.name: 0.0 for field in fields(aims.Weights)}


@pytest.fixture(scope="module")
def asked(toothpaste) -> Asked:
    return thinned(toothpaste.maps, 300, np.random.default_rng(0))


def price(known: Known, asked: Asked, moved: tuple[float, float, float] = (0, 0, 0), **weights: float) -> float:
    """What the true hands cost, moved so far (m)."""
    root = torch.from_numpy(known.hands.root).float()
    root[:, :3, 3] += torch.tensor(moved)
    angles, bones = (torch.from_numpy(array).float() for array in (known.hands.angles, known.hands.bones))
    posed = hand.pose(angles, root, bones)
    chosen = aims.Weights(**(ALONE | weights))
    return float(aims.cost(posed, angles, asked, known.place.ground, chosen).sum())


@pytest.mark.parametrize(("aim", "least"), [("pull", 0.02), ("push", 0.02), ("direction", 1e-3), ("touch", 1.5)])
def test_the_true_hand_costs_next_to_nothing_and_a_moved_one_more(toothpaste, asked, aim, least):
    true = price(toothpaste, asked, **{aim: 1.0})
    assert true < least
    away = [price(toothpaste, asked, move, **{aim: 1.0}) for move in np.diag([0.02] * 3).tolist()]
    assert np.mean(away) > 5 * true
    assert np.mean(away) > least


def test_a_hand_pushed_in_is_told_to_come_out(toothpaste, asked):
    centre = toothpaste.hands.posed.a.mean((0, 1)).numpy()
    into = tuple(0.01 * (-centre / np.linalg.norm(centre)))
    assert price(toothpaste, asked, into, deep=1.0) > price(toothpaste, asked, deep=1.0) + 10


def test_far_hands_are_drawn_nearer(toothpaste, asked):
    far = [price(toothpaste, asked, (0, 0, x), pull=1.0) for x in (0.1, 0.2, 0.4)]
    assert far[0] < far[1] < far[2]


def test_fingers_through_each_other_cost_and_those_of_a_grasp_do_not(toothpaste, asked):
    assert price(toothpaste, asked, crossed=1.0) < 3  # of two hands: flesh gives way
    bones = torch.from_numpy(hand.MEAN_BONES).float()[None]
    crossed = torch.zeros(1, 21)
    crossed[0, hand.ANGLES.index("index_abduction")] = -0.35
    crossed[0, hand.ANGLES.index("middle_abduction")] = 0.35
    costs = []
    for angles in (torch.zeros(1, 21), crossed):
        posed = hand.pose(angles, torch.eye(4)[None], bones)
        centres, radii = aims._beads(posed)
        costs.append(aims.crossed(hand.distance(posed, centres)[0], radii).item())
    assert costs[1] > costs[0] + 10


def test_without_an_inside_points_in_the_hand_cost(toothpaste, asked):
    posed = toothpaste.hands.posed
    angles = torch.from_numpy(toothpaste.hands.angles).float()
    inside = replace(asked, points=posed.a[:, :1].float() + 1e-4 * asked.points)
    deep = aims.Weights(**(ALONE | {"deep": 1.0}))
    costs = [aims.cost(single(posed), angles, some, None, deep) for some in (inside, asked)]
    assert (costs[0] > 5 + costs[1]).all()


def test_unknown_directions_cost_nothing(toothpaste, asked):
    blind = replace(asked, direction=torch.zeros_like(asked.direction))
    assert price(toothpaste, blind, (0.02, 0, 0), direction=1.0) == 0
    assert contact.FADE[1] >= float(asked.gap.max())
