"""GLB files as the format's page has them, read by hand and by trimesh"""

import io
import json
import struct

import numpy as np
import pytest
import trimesh

from perpart import clouds, glb
from perpart.objects import build

MUG = build("mug", 0).mesh
POINTS = clouds.surface(MUG, 800, np.random.default_rng(0))
WIDE = {5120: 1, 5121: 1, 5122: 2, 5123: 2, 5125: 4, 5126: 4}
MANY = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}


def checked(data: bytes) -> dict:
    """The JSON of a GLB whose chunks, views and accessors lie where they say (glTF 2.0, chapters 3.6 and 4)."""
    magic, version, length = struct.unpack_from("<4sII", data)
    assert (magic, version, length) == (b"glTF", 2, len(data))
    size, kind = struct.unpack_from("<I4s", data, 12)
    assert (kind, size % 4) == (b"JSON", 0)
    told = json.loads(data[20 : 20 + size])
    body, kind = struct.unpack_from("<I4s", data, 20 + size)
    assert (kind, 28 + size + body) == (b"BIN\0", length)
    assert told["asset"]["version"] == "2.0"
    assert told["buffers"][0]["byteLength"] <= body
    for accessor in told["accessors"]:
        view = told["bufferViews"][accessor["bufferView"]]
        begin = accessor.get("byteOffset", 0)
        width = WIDE[accessor["componentType"]] * MANY[accessor["type"]]
        assert begin + accessor["count"] * width <= view["byteLength"]
        assert view.get("byteOffset", 0) + view["byteLength"] <= told["buffers"][0]["byteLength"]
        assert begin % WIDE[accessor["componentType"]] == 0
    for mesh in told["meshes"]:
        for primitive in mesh["primitives"]:
            counts = {told["accessors"][i]["count"] for i in primitive["attributes"].values()}
            assert len(counts) == 1
            assert {"min", "max"} <= told["accessors"][primitive["attributes"]["POSITION"]].keys()
    return told


def test_a_painted_mesh_is_a_whole_file_with_a_colour_at_each_vertex():
    told = checked(glb.Canvas(POINTS, MUG).painted(np.full((800, 3), 0.5)))
    assert "COLOR_0" in told["meshes"][0]["primitives"][0]["attributes"]


def test_without_a_mesh_the_points_are_shown_as_points():
    told = checked(glb.Canvas(POINTS, None).painted(np.full((800, 3), 0.5)))
    assert told["meshes"][0]["primitives"][0]["mode"] == 0  # POINTS


def test_a_vertex_has_the_colour_of_the_points_around_it():
    red = np.zeros((800, 3))
    red[POINTS[:, 2] > 0, 0] = 1.0
    (shown,) = trimesh.load_scene(io.BytesIO(glb.Canvas(POINTS, MUG).painted(red)), file_type="glb").geometry.values()
    height = shown.vertices[:, 2]
    assert (shown.visual.vertex_colors[height > 0.01, 0] == 255).all()
    assert (shown.visual.vertex_colors[height < -0.01, 0] == 0).all()


def test_edges_are_fine_enough_to_carry_colours_and_the_surface_stays():
    box = trimesh.creation.box((0.05, 0.04, 0.03))
    fine = glb.fine(box)
    assert fine.edges_unique_length.max() <= glb.EDGE
    assert fine.area == pytest.approx(box.area)
    assert fine.bounds == pytest.approx(box.bounds)


def test_a_huge_mesh_is_left_as_it_is():
    sphere = trimesh.creation.icosphere(6, 5.0)
    assert len(glb.fine(sphere).faces) == len(sphere.faces)
