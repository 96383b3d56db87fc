"""The sheet of grasps"""

import numpy as np
import pytest
from PIL import Image

from perpart.data import graspset as files
from perpart.errors import Mistake
from perpart.grasps import __main__ as grasps
from perpart.grasps import gallery
from perpart.grasps.bodies import hand_of
from perpart.objects import build


def test_a_scene_holds_the_object_and_every_part_of_the_hand(graspset):
    seen = gallery.scene(build("apple", 0).mesh, hand_of(graspset, 0).posed)
    assert set(seen.of) == set(range(17))
    assert seen.colours.shape == seen.points[:, :3].shape


def test_both_looks_show_fingers_and_object_and_come_from_different_sides(graspset):
    seen = gallery.scene(build("apple", 0).mesh, hand_of(graspset, 0).posed)
    first, second = gallery.ways(seen)
    assert first != second
    for way in (first, second):
        assert gallery._shown(seen.points[:: gallery.COARSE], seen.of[:: gallery.COARSE], way) > 0.01


def test_the_command_draws_so_many_grasps_the_same_each_time(graspset, tmp_path, monkeypatch):
    monkeypatch.setattr(gallery, "SIZE", 60)
    files.save(graspset, tmp_path, {})
    for name in ("a.png", "b.png"):
        grasps.main(["sheet", str(tmp_path / name), "--data", str(tmp_path), "--n", "1"])
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as image:
        # Digits' colours are there: the picture is not grey.
        assert np.ptp(np.asarray(image.convert("RGB")).astype(int), axis=2).max() > 100


def test_more_grasps_than_there_are_is_a_mistake(graspset, tmp_path):
    with pytest.raises(Mistake, match="has 15 grasps"):
        gallery.sheet(tmp_path / "a.png", graspset, 16, 0)
