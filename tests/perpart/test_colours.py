"""Colours tell parts apart, and nothing looks like something"""

import itertools

import numpy as np
import pytest

from perpart.colours import DIGITS, UNTOUCHED, colour, digit, paint
from perpart.hand import PARTS

# Linear-light matrices of full protanopia and deuteranopia: Machado, Oliveira and Fernandes (2009), severity 1.
EYES = {
    "trichromat": np.eye(3),
    "protanope": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranope": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}


@pytest.mark.parametrize("eye", EYES)
def test_every_two_digits_differ_for_every_eye(eye):
    seen = {name: np.clip(EYES[eye] @ np.array(rgb) ** 2.2, 0, 1) ** (1 / 2.2) for name, rgb in DIGITS.items()}
    for one, other in itertools.combinations(seen, 2):
        assert np.linalg.norm(seen[one] - seen[other]) > 0.13, (one, other)


def test_no_two_parts_have_one_colour():
    assert len({tuple(colour(part)) for part in PARTS}) == 16


def test_a_finger_lightens_towards_its_tip():
    assert colour("index1").sum() < colour("index2").sum() < colour("index3").sum()


def test_every_part_belongs_to_a_digit():
    assert {digit(part) for part in PARTS} == set(DIGITS)


def test_full_contact_has_the_part_s_colour_and_none_the_object_s():
    contact = np.zeros((3, 16))
    contact[0, PARTS.index("ring2")] = 1
    contact[1, PARTS.index("palm")] = 0.5
    painted = paint(contact)
    assert painted[0] == pytest.approx(colour("ring2"))
    assert painted[1] == pytest.approx((UNTOUCHED + colour("palm")) / 2)
    assert painted[2] == pytest.approx(UNTOUCHED)
