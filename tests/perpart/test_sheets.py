"""Sheets of small pictures"""

import numpy as np
from PIL import Image

from perpart import sheets

DOT = np.pad(np.zeros((4, 6, 3)), ((10, 20), (30, 10), (0, 0)), constant_values=1.0)


def test_white_borders_go_and_a_margin_stays():
    assert sheets.trimmed(DOT, 3).shape == (10, 12, 3)
    assert sheets.trimmed(np.zeros((4, 6, 3)), 3).shape == (10, 12, 3)


def test_flat_pictures_stand_below_each_other_and_others_beside():
    flat, tall = np.zeros((2, 9, 3)), np.zeros((5, 4, 3))
    assert sheets.beside([flat, flat]).shape == (4, 9, 3)
    assert sheets.beside([tall, np.zeros((3, 3, 3))]).shape == (5, 8, 3)


def test_the_same_cells_give_the_same_small_file(tmp_path):
    for name in ("a.png", "b.png"):
        sheets.sheet(tmp_path / "in" / name, [(DOT, "a dot"), (DOT, "another")], 2, "dots")
    first, second = ((tmp_path / "in" / name).read_bytes() for name in ("a.png", "b.png"))
    assert first == second
    with Image.open(tmp_path / "in" / "a.png") as image:
        assert image.mode == "P"
