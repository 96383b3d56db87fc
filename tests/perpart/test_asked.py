"""What is asked of a hand"""

from dataclasses import replace

import numpy as np
import torch

from perpart import contact
from perpart.fits.asked import thinned, wanted


def test_the_wanted_gap_takes_contact_back():
    gap = torch.linspace(0.003, 0.0199, 200, dtype=torch.float64)
    torch.testing.assert_close(wanted(contact.falloff(gap)), gap, atol=2e-5, rtol=0)
    assert wanted(torch.tensor([1.0, 0.0])).tolist() == [np.float32(0.003), np.float32(0.02)]


def test_a_part_that_touches_few_points_is_asked_for_as_one_that_touches_many(toothpaste):
    few = np.zeros_like(toothpaste.maps.contact)
    few[:, :400, 0] = 1.0
    few[:, 1000:1010, 6] = 1.0
    asked = thinned(replace(toothpaste.maps, contact=few), 128, np.random.default_rng(0))
    assert asked.points.shape == (2, 128, 3)
    assert ((asked.contact[..., 6] > 0).sum(1) >= 9).all()
    assert ((asked.contact.amax(-1) == 0).sum(1) >= 10).all()


def test_an_empty_map_is_thinned_evenly(toothpaste):
    empty = replace(toothpaste.maps, contact=np.zeros_like(toothpaste.maps.contact))
    assert len(np.unique(thinned(empty, 100, np.random.default_rng(0)).points[0], axis=0)) == 100


def test_without_directions_none_is_known(toothpaste):
    bare = replace(toothpaste.maps, part=None, direction=None)
    asked = thinned(bare, 64, np.random.default_rng(0))
    assert not asked.direction.any()
    assert torch.equal(asked.part, asked.contact.argmax(-1))


def test_more_points_than_there_are_is_all_of_them(toothpaste):
    assert thinned(toothpaste.maps, 5000, np.random.default_rng(0)).points.shape == (2, 1024, 3)
