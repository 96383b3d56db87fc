"""Solids keep their body and their convex pieces in step"""

import numpy as np
import pytest
from manifold3d import Manifold, OpType

from perpart.objects.shapes import (
    Solid,
    arc,
    box,
    chain,
    curve,
    ellipsoid,
    hull,
    joined,
    lathe,
    prism,
    ring,
    rod,
    shell,
    vessel,
)

HOURGLASS = [(20, 0), (18, 10), (4, 25), (18, 40), (20, 50)]
SOLIDS = {
    "box": box(40, 30, 20, 3),
    "ellipsoid": ellipsoid(20, 15, 10),
    "prism": prism([(0, 0), (30, 0), (0, 20)], 10),
    "rod": rod(10, 60),
    "lathe": lathe(HOURGLASS),
    "shell": shell([(30, 0), (35, 20)], [(26, 0), (31, 20)]),
    "vessel": vessel(curve([(20, 0), (30, 20), (25, 60)]), wall=3, floor=5),
    "chain": chain([(0, 0, 0), (20, 0, 5), (40, 10, 0)], [5, 8, 4]),
    "ring": ring(30, 6),
}


def covered(solid: Solid) -> float:
    """The volume of the union of the pieces."""
    return Manifold.batch_boolean(list(solid.hulls), OpType.Add).volume()


@pytest.mark.parametrize("name", SOLIDS)
def test_the_pieces_cover_the_volume_of_the_body(name):
    assert covered(SOLIDS[name]) == pytest.approx(SOLIDS[name].body.volume(), rel=0.04)


@pytest.mark.parametrize("name", SOLIDS)
def test_the_pieces_leave_nothing_but_slivers_of_the_body_bare(name):
    solid = SOLIDS[name]
    bare = Manifold.batch_boolean([solid.body, *solid.hulls], OpType.Subtract).volume()
    # A thin wall's sixteen flat wedges leave more of its round sides bare than a thick body's pieces do.
    assert bare < (0.1 if name in ("shell", "vessel") else 0.02) * solid.body.volume()


@pytest.mark.parametrize("name", SOLIDS)
def test_every_piece_is_its_own_hull(name):
    for piece in SOLIDS[name].hulls:
        assert piece.volume() > 0
        assert piece.hull().volume() == pytest.approx(piece.volume(), rel=1e-6)


def test_moving_turning_and_stretching_take_the_pieces_along():
    solid = SOLIDS["vessel"].stretched(z=2).turned(x=30, z=50).moved(5, -7, 9)
    assert covered(solid) == pytest.approx(solid.body.volume(), rel=0.04)
    spill = Manifold.batch_boolean([joined_hulls(solid), solid.body], OpType.Subtract).volume()
    assert spill < 0.1 * solid.body.volume()


def joined_hulls(solid: Solid) -> Manifold:
    return Manifold.batch_boolean(list(solid.hulls), OpType.Add)


def test_a_rod_has_the_volume_of_a_cylinder():
    assert rod(10, 60).body.volume() == pytest.approx(np.pi * 100 * 60, rel=0.005)


def test_a_rod_lies_along_the_axis_it_was_given():
    for place, axis in enumerate("xyz"):
        low_and_high = np.reshape(rod(5, 80, axis).body.bounding_box(), (2, 3))
        assert np.ptp(low_and_high, axis=0)[place] == pytest.approx(80, abs=1e-3)


def test_a_vessel_is_hollow_above_its_floor_and_solid_below():
    cup = vessel([(30, 0), (30, 80)], wall=3, floor=5)
    assert cup.body.volume() == pytest.approx(np.pi * (900 * 5 + (900 - 27**2) * 75), rel=0.01)


def test_a_slanting_wall_is_as_thick_as_it_was_asked_to_be():
    funnel = vessel([(20 + z, z) for z in range(0, 65, 8)], wall=4, floor=2)
    slice_at_40 = funnel.body.slice(40)
    outer, inner = sorted(np.linalg.norm(loop, axis=1).max() for loop in slice_at_40.to_polygons())[::-1]
    assert (outer - inner) * np.cos(np.pi / 4) == pytest.approx(4, abs=0.1)


def test_a_union_counts_shared_space_once():
    both = joined([box(10, 10, 10, 0.1), box(10, 10, 10, 0.1).moved(x=5)])
    assert both.body.volume() == pytest.approx(1500, rel=0.01)
    assert len(both.hulls) == 2


def test_a_carved_solid_loses_volume_and_keeps_its_pieces():
    plain = box(30, 30, 30)
    dented = plain.carved(ellipsoid(5, 5, 5).moved(z=15))
    assert dented.body.volume() < plain.body.volume()
    assert dented.hulls == plain.hulls


def test_a_mirrored_solid_is_the_same_on_both_sides():
    low, high = np.reshape(box(10, 10, 10).moved(y=20).mirrored().body.bounding_box(), (2, 3))
    assert low[1] == pytest.approx(-high[1])


def test_an_arc_ends_where_it_is_told():
    points = arc(10, 0, 90, 4)
    assert points.shape == (5, 3)
    assert points[-1] == pytest.approx([0, 10, 0], abs=1e-12)


def test_a_hull_of_a_cube_s_corners_is_the_cube():
    corners = [[x, y, z] for x in (0, 10) for y in (0, 10) for z in (0, 10)]
    assert hull(corners).body.volume() == pytest.approx(1000)


def test_a_chain_takes_one_triple_for_all_points_or_one_for_each():
    path = [(0, 0, 0), (30, 0, 0)]
    one, each = chain(path, [(4, 6, 8)]), chain(path, [(4, 6, 8), (4, 6, 8)])
    assert one.body.volume() == pytest.approx(each.body.volume())
