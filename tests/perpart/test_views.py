import numpy as np

from perpart import balls
from perpart.data import views
from perpart.data.labels import pool


def test_a_view_is_some_points_of_the_pool_and_their_balls() -> None:
    cloud = pool(("mug", 0), 300)
    (name, flat), *more = views.looks(cloud[None], 64, 4)
    assert (name, more) == ("looks", [])
    assert (flat.shape, flat.dtype) == ((1, 4, 64 + 16 * 16 + 4 * 16), np.int16)
    for row, rows in zip(flat[0], views.drawn(0, 300, 64, 4), strict=True):
        view = views.View.of(row, 64)
        np.testing.assert_array_equal(view.rows, rows)
        for level, known in zip((view.near, view.far), balls.tables(cloud[rows, :3]), strict=True):
            np.testing.assert_array_equal(level, known)


def test_the_fewest_points_have_views_too() -> None:
    cloud = pool(("mug", 0), 300)
    view = views.View.at(cloud, np.arange(32), balls.RADII)
    found = views.View.of(view.flat(), 32)
    assert (found.near.shape, found.far.shape) == ((8, 16), (2, 8))
    np.testing.assert_array_equal(found.far, view.far)


def test_views_are_different_points_and_always_the_same_ones() -> None:
    looks = views.drawn(3, 2048, 512, 16)
    assert all(len(set(rows.tolist())) == 512 and 0 <= rows.min() <= rows.max() < 2048 for rows in looks)
    assert len({tuple(rows) for rows in looks}) == 16
    np.testing.assert_array_equal(looks, views.drawn(3, 2048, 512, 16))
    assert not np.array_equal(looks, views.drawn(4, 2048, 512, 16))


def test_without_a_choice_the_view_is_the_pools_first_points() -> None:
    assert views.drawn(3, 2048, 40, None)[0].tolist() == list(range(40))


def test_a_pool_too_large_for_short_numbers_has_long_ones() -> None:
    cloud = np.random.default_rng(0).normal(size=(1, 40_000, 6)).astype(np.float32)
    ((_, flat),) = views.looks(cloud, 64, 1)
    assert flat.dtype == np.int32
    np.testing.assert_array_equal(flat[0, 0, :64], views.drawn(0, 40_000, 64, 1)[0])
