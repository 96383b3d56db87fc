"""The sheet shows touched and untouched, front and back, for few samples and for many"""

import matplotlib.image
import numpy as np
import pytest

from perpart import clouds
from perpart.colours import colour
from perpart.hand import PARTS
from perpart.objects import build
from perpart.picture import sheet, touching

MUG = build("mug", 0).mesh
POINTS = clouds.surface(MUG, 600, np.random.default_rng(0))


def grasp(part: str) -> np.ndarray:
    """One sample in which a part touches the half of the object towards the eye."""
    contact = np.zeros((1, len(POINTS), 16))
    contact[0, POINTS[:, 1] < 0, PARTS.index(part)] = 1
    return contact


def drawn(tmp_path, contact: np.ndarray) -> np.ndarray:
    sheet(tmp_path / "sheet.png", POINTS, contact, MUG, "a mug")
    return matplotlib.image.imread(tmp_path / "sheet.png")[:, :, :3]


def of_hue(image: np.ndarray, part: str) -> np.ndarray:
    """Where the image has the hue of a part, whatever the light; the legend at the foot left out."""
    length = np.linalg.norm(image, axis=2)
    cosine = image @ colour(part) / np.maximum(length * np.linalg.norm(colour(part)), 1e-9)
    return (cosine > 0.995)[: len(image) - 70]


def test_a_touching_part_shows_in_its_colour_and_no_other_does(tmp_path):
    image = drawn(tmp_path, grasp("middle3"))
    assert of_hue(image, "middle3").sum() > 5000
    assert of_hue(image, "thumb3").sum() < 100


def test_the_touched_half_is_seen_more_from_its_own_side(tmp_path):
    green = of_hue(drawn(tmp_path, grasp("middle3")), "middle3")
    cell = green[:, : green.shape[1] // 2]
    front, back = np.array_split(cell, 2, axis=1)
    assert front.sum() > 1.5 * back.sum()


def test_many_samples_still_make_one_sheet_of_twelve_cells(tmp_path):
    few = drawn(tmp_path, np.tile(grasp("palm"), (2, 1, 1)))
    many = drawn(tmp_path, np.tile(grasp("palm"), (30, 1, 1)))
    assert many.shape[1] == few.shape[1]
    assert 3 < many.shape[0] / few.shape[0] < 4.2


def test_an_untouched_object_is_grey(tmp_path):
    image = drawn(tmp_path, np.zeros((1, len(POINTS), 16)))
    assert np.ptp(image[:-70], axis=2).max() < 0.1


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ((), "nothing touches"),
        (("palm",), "palm"),
        (("thumb2", "thumb3", "index3"), "thumb 2 3, index 3"),
    ],
)
def test_the_caption_names_what_touches(parts, words):
    contact = np.zeros((5, 16))
    for part in parts:
        contact[2, PARTS.index(part)] = 0.9
    contact[1, 15] = 0.4  # too little to count
    assert touching(contact) == words
