"""A second look at stored grasps"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from perpart.anatomy import LIMITS
from perpart.data import graspset
from perpart.errors import Mistake
from perpart.grasps import __main__ as grasps
from perpart.grasps import recheck


@pytest.fixture(scope="module")
def few() -> graspset.GraspSet:
    """One grasp of an apple, one of a hammer and one of a cube, as shipped."""
    shipped = graspset.load()
    names = [shipped.objects[thing][0] for thing in shipped.object_of]
    chosen = np.array([names.index(name) for name in ("apple", "hammer", "cube")])
    arrays = {
        name: getattr(shipped, name)[chosen] for name in ("object_of", "angles", "root", "bones", "kind", "quality")
    }
    return replace(shipped, **arrays)


def moved(few: graspset.GraspSet, which: int, palm: tuple[float, float, float]) -> graspset.GraspSet:
    """The set with one hand moved by metres along its palm's axes."""
    root = few.root.copy()
    root[which, :3, 3] += root[which, :3, :3] @ np.array(palm, dtype=np.float32)
    return replace(few, root=root)


def wrong(few: graspset.GraspSet, which: int) -> set[str]:
    """The limits that a grasp is beyond."""
    figures = recheck.look(few, np.array([which]))[0]
    return {limit.what for limit, value in zip(recheck.LIMITS, figures, strict=True) if limit.beyond(np.array(value))}


def test_shipped_grasps_pass_and_the_command_says_so(few, tmp_path, capsys):
    graspset.save(few, tmp_path, {})
    grasps.main(["check", "--data", str(tmp_path)])
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("3 of 3 grasps")
    assert len(said) == 2 + len(recheck.LIMITS)
    assert all(line.split()[-1] == "0" for line in said[2:])


def test_a_grasp_moved_five_millimetres_in_is_found_and_named(few, tmp_path, capsys):
    graspset.save(moved(few, 0, (0, 0, -0.005)), tmp_path, {})
    with pytest.raises(SystemExit) as left:
        grasps.main(["check", "--data", str(tmp_path)])
    assert left.value.code == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("grasp 0, apple 0, ")
    assert "object into the hand, mm" in last


def test_depth_by_booleans_grows_by_as_much_as_the_hand_moves_in(few):
    before, after = (recheck.look(some, np.array([0]))[0] for some in (few, moved(few, 0, (0, 0, -0.005))))
    depth, volume = 1, 2
    assert 2 < after[depth] - before[depth] <= 5.2
    assert after[volume] > before[volume] + 500


def test_a_hand_moved_away_touches_nothing_and_holds_nothing(few):
    found = wrong(moved(few, 1, (0, 0, 0.05)), 1)
    assert {"touching parts", "wrench resisted along the weakest axis", "shift, mm"} <= found


def test_a_joint_beyond_its_range_is_found(few):
    angles = few.angles.copy()
    angles[2, 7] = LIMITS[7, 1] + 0.01
    assert "joint beyond its range, °" in wrong(replace(few, angles=angles), 2)


def test_a_grasp_that_is_there_twice_is_found(few):
    twice = {
        name: np.repeat(getattr(few, name), 2, axis=0) for name in ("object_of", "angles", "root", "bones", "kind")
    }
    assert "near-duplicates on its object" in wrong(replace(few, **twice, quality=np.repeat(few.quality, 2, axis=0)), 0)


def test_a_sample_of_nothing_is_a_mistake(few, tmp_path: Path):
    graspset.save(few, tmp_path, {})
    with pytest.raises(Mistake, match="--sample is 0"):
        recheck.check(tmp_path, 0, 0)
