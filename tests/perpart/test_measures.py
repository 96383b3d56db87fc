"""The data card's numbers"""

from dataclasses import replace

import numpy as np
import pytest

from perpart.grasps import measures
from perpart.grasps.variety import TOUCH
from perpart.objects import build


def test_counts_are_those_of_the_set(graspset):
    kinds = np.array([0, 1] * 7 + [2], np.int16)
    said = measures.counts(replace(graspset, kind=kinds))
    assert said["splits"] == {
        "train": {"objects": 2, "grasps": 10},
        "valid": {"objects": 1, "grasps": 5},
        "test": {"objects": 0, "grasps": 0},
    }
    assert {name: row["grasps"] for name, row in said["categories"].items()} == {"apple": 5, "mug": 5, "pen": 5}
    assert sum(row["grasps"] for row in said["pre-shapes"].values()) == 15
    assert sum(sum(row["pre-shapes"].values()) for row in said["categories"].values()) == 15


def test_quality_is_shown_in_units_for_people(graspset):
    quality = np.tile(np.array([0.001, 1e-8, 0.1, 0.01, np.pi / 18], np.float32), (15, 1))
    said = measures.quality(replace(graspset, quality=quality))
    medians = {name: (row["median"], row["unit"]) for name, row in said.items()}
    assert medians == {
        "depth": (1, "mm"), "volume": (10, "mm³"), "epsilon": (0.1, "1"), "shift": (10, "mm"), "turn": (10, "°"),
    }  # fmt: skip


def test_contact_counts_parts_that_touch_and_areas_of_the_objects_surface(graspset):
    found = measures.touched(graspset)
    said = measures.contact(found)
    assert said["measured grasps"] == 15
    palm = said["parts"]["palm"]
    assert 0.9 < palm["touches"] <= 1
    cloud = graspset.cloud(2, measures.POINTS)
    touch = graspset.label(np.array([10]), cloud[None], np.zeros(1, np.int64))[0][0, :, 0] >= TOUCH * 255
    area = build("pen", 0).mesh.area * 1e4
    assert np.concatenate(found.areas)[10, 0] == pytest.approx(touch.mean() * area)
    assert said["parts"]["whole hand"]["area"]["least"] >= palm["area"]["least"]


def test_of_many_grasps_a_drawn_part_is_measured_and_said(graspset, monkeypatch):
    monkeypatch.setattr(measures, "MOST", 6)
    assert measures.touched(graspset).grasps == 6


def test_a_grasp_that_is_there_twice_shows_in_the_diversity(graspset):
    root = graspset.root.copy()
    root[1] = root[0]
    same = replace(graspset, root=root, bones=np.tile(graspset.bones[:1], (15, 1)))
    said = measures.diversity(same, measures.touched(same))
    assert said["near-duplicates"] == 1
    assert said["palm shift, cm, nearest"]["least"] == 0
    assert said["maps, pairs of one object"]["least"] == 0
    assert said["hands, sd of size"] < 1e-6
    assert said["joints, sd in °"]["index_mcp"] < 1e-9


def test_rejections_are_shares_most_frequent_first():
    said = measures.rejections({"accepted": 1, "hold": 3})
    assert list(said.items()) == [("hold", {"tries": 3, "share": 0.75}), ("accepted", {"tries": 1, "share": 0.25})]
