"""Hands are read from what a fit wrote, by sample, in metres, part by part"""

import json

import numpy as np
import pytest
import trimesh

from perpart.errors import Mistake
from perpart.hand import PARTS
from perpart.shown import grips
from tests.perpart.sampled import found, hand


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hands")
    hand(folder / "hand_000.glb")
    hand(folder / "hand_002.obj", 0.7)
    return folder


def test_a_folder_s_hands_are_those_of_its_samples_with_all_parts(place):
    hands = grips.read(place, found(3, 20))
    assert [one.sample for one in hands] == [0, 2]
    for one in hands:
        assert sorted(set(one.part)) == list(range(16))
        assert one.faces.max() == len(one.corners) - 1
        assert len(one.faces) <= 220 * (15 + 8)
        assert 0.1 < np.ptp(one.corners[:, :3], axis=0).max() < 0.25


@pytest.mark.parametrize("part", [0, 3, 12])
def test_a_part_stays_where_it_was(place, part):
    one = grips.read(place / "hand_000.glb", found(1, 20))[0]
    whole = trimesh.load(place / "hand_000.glb", force="scene").geometry[PARTS[part]]
    assert one.corners[one.part == part, :3].mean(axis=0) == pytest.approx(whole.bounds.mean(axis=0), abs=0.01)
    assert np.ptp(one.corners[one.part == part, :3], axis=0) == pytest.approx(np.ptp(whole.vertices, axis=0), abs=0.003)


def test_of_a_hand_in_two_formats_one_is_read(tmp_path):
    hand(tmp_path / "hand_000.glb")
    hand(tmp_path / "hand_000.obj")
    assert len(grips.read(tmp_path, found(1, 20))) == 1


def test_what_is_no_hand_is_one_line(tmp_path, place):
    with pytest.raises(Mistake, match="there is no hand"):
        grips.read(tmp_path, found(3, 20))
    with pytest.raises(Mistake, match="there is no hand"):
        grips.read(tmp_path / "none.glb", found(3, 20))
    with pytest.raises(Mistake, match=r"hand_002\.obj: is of sample 2, and there are only 0 to 1"):
        grips.read(place, found(2, 20))
    (tmp_path / "hand_000.glb").write_bytes(b"nonsense")
    with pytest.raises(Mistake, match=r"hand_000\.glb: cannot be read"):
        grips.read(tmp_path, found(3, 20))
    trimesh.creation.box().export(tmp_path / "hand_001.obj")
    with pytest.raises(Mistake, match="not named as the parts"):
        grips.read(tmp_path / "hand_001.obj", found(3, 20))


def test_a_hand_in_millimetres_is_one_line(tmp_path):
    scene = trimesh.load(hand(tmp_path / "hand_000.glb"), force="scene")
    scene.apply_scale(1000).export(tmp_path / "hand_000.glb")
    with pytest.raises(Mistake, match="is larger than any hand; give metres"):
        grips.read(tmp_path, found(1, 20))


def test_hands_that_were_fitted_to_other_maps_are_one_line(tmp_path):
    hand(tmp_path / "hand_000.glb")
    record, mine, others = tmp_path / "fit.json", found(1, 20), found(1, 21)
    record.write_text(json.dumps({"files": ["hand_000.glb"], "maps": {"digest": mine.digest}}))
    assert len(grips.read(tmp_path, mine)) == 1
    for path in (tmp_path, tmp_path / "hand_000.glb"):
        with pytest.raises(Mistake, match=r"hand_000\.glb: .*fit\.json says that it was fitted to other maps"):
            grips.read(path, others)


@pytest.mark.parametrize("text", ["nonsense", "[]", "{}", '{"files": ["mine.glb"], "maps": {}}'])
def test_hands_that_no_record_tells_of_are_shown(tmp_path, text):
    hand(tmp_path / "hand_000.glb")
    (tmp_path / "fit.json").write_text(text)
    assert len(grips.read(tmp_path, found(1, 20))) == 1
