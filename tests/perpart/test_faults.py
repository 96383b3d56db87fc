import numpy as np
import pytest
import trimesh

from perpart.data import faults
from perpart.objects import build

BALL = trimesh.creation.icosphere(2, 0.03)


def said(mesh: trimesh.Trimesh) -> list[str]:
    return [f"{what}; {do}" for what, do in faults.faults(mesh)]


def with_faces(faces: np.ndarray) -> trimesh.Trimesh:
    return trimesh.Trimesh(BALL.vertices, faces, process=False)


@pytest.mark.parametrize("category", ["mug", "banana", "scissors"])
def test_our_own_objects_are_without_fault(category):
    assert said(build(category, 0).mesh) == []


def test_holes_are_counted_by_their_edges():
    (line,) = said(with_faces(BALL.faces[1:]))
    assert line == "open, not watertight: 3 edges have one face; close the holes"


def test_an_edge_of_three_faces_is_not_manifold():
    fin = np.vstack([BALL.faces, [*BALL.faces[0][:2], BALL.faces[200][0]]])
    lines = said(with_faces(fin))
    assert "not manifold: 1 edges have three or more faces; leave two faces at each edge" in lines


def test_triangles_without_area_are_counted():
    flat = np.vstack([BALL.faces, [[3, 3, 4], [7, 8, 8]]])
    assert said(with_faces(flat)) == ["2 of 322 triangles are degenerate (no area); remove them"]


def test_faces_that_look_inwards_are_told():
    assert said(with_faces(BALL.faces[:, ::-1])) == [
        "its faces look inwards (they are turned when it is read); turn them"
    ]


def test_bodies_that_pass_through_each_other_are_told_and_those_that_do_not_are_not():
    near, far = BALL.copy(), BALL.copy()
    near.apply_translation([0.02, 0.003, 0.001])
    far.apply_translation([0.07, 0, 0])
    (line,) = said(trimesh.util.concatenate([BALL, near]))
    assert line.startswith("self-intersecting: ")
    assert said(trimesh.util.concatenate([BALL, far])) == []


def test_one_wide_triangle_through_a_ball_is_found_among_small_ones():
    wall = trimesh.Trimesh([[-1, -1, 0.001], [1, -1, 0.001], [0, 1, 0.001]], [[0, 1, 2]], process=False)
    both = trimesh.util.concatenate([trimesh.creation.icosphere(3, 0.03), wall])
    assert faults.crossings(both) > 50


def test_pairs_are_found_whatever_the_batch(monkeypatch):
    near = BALL.copy()
    near.apply_translation([0.02, 0.003, 0.001])
    both = trimesh.util.concatenate([BALL, near])
    whole = faults.crossings(both)
    monkeypatch.setattr(faults, "CHUNK", 1000)
    assert faults.crossings(both) == whole > 0


def test_what_was_not_looked_for_is_said(monkeypatch):
    monkeypatch.setattr(faults, "CROSSED", 100)
    assert said(BALL)[0].startswith("not looked for self-intersection: more than 100 faces")
