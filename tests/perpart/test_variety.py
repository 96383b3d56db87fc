"""How different grasps are"""

import numpy as np

from perpart.grasps import search, variety
from perpart.grasps.bodies import hand_of


def frames(*places: tuple[float, float]) -> np.ndarray:
    """Palms at x, turned about z by an angle."""
    root = np.tile(np.eye(4), (len(places), 1, 1))
    for frame, (x, angle) in zip(root, places, strict=True):
        frame[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        frame[0, 3] = x
    return root


def test_gaps_between_poses_are_metres_and_radians():
    shift, turn, joint = variety.poses(np.array([[0.0, 0.0], [0.2, 0.4]]), frames((0, 0), (0.05, 0.5)))
    np.testing.assert_allclose([shift[0, 1], turn[0, 1], joint[0, 1]], [0.05, 0.5, 0.3], rtol=1e-6)
    assert shift[0, 0] == 0


def test_a_near_duplicate_is_near_in_all_three_and_never_itself():
    angles = np.array([[0.0], [0.05], [0.05], [0.5]])
    root = frames((0, 0), (0.005, 0.1), (0.05, 0.1), (0.005, 0.1))
    found = variety.same(angles, root, search.SAME)
    assert np.argwhere(found).tolist() == [[0, 1], [1, 0]]


def test_the_search_would_call_the_same_pairs_duplicates(graspset):
    root = graspset.root[:3].copy()
    root[1] = root[0]
    root[1, 0, 3] += 0.004
    near = variety.same(graspset.angles[:3], root, search.SAME)
    one = hand_of(graspset, 0)
    theirs = [search._same(one, graspset.angles[i], root[i]) for i in range(3)]
    assert theirs[1:] == near[0, 1:].tolist() == [True, False]


def test_maps_differ_by_one_less_the_mean_overlap_of_the_parts_that_touch():
    maps = np.zeros((3, 4, 16))
    maps[0, :2, 3] = 1  # part 3 on points 0 and 1
    maps[1, 1:3, 3] = 1  # part 3 on points 1 and 2: a third in common
    maps[2, 3, 5] = 1
    expected = [[0, 2 / 3, 1], [2 / 3, 0, 1], [1, 1, 0]]
    np.testing.assert_allclose(variety.maps(maps), expected, atol=1e-6)
