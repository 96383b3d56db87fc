"""Surfaces are drawn evenly, files arrive in metres, and bad files are named"""

import warnings

import numpy as np
import pytest
import trimesh
from scipy.spatial import KDTree

from perpart import clouds
from perpart.errors import Mistake
from perpart.objects import build

SIZES = (0.04, 0.06, 0.10)


@pytest.fixture
def brick() -> trimesh.Trimesh:
    return trimesh.creation.box(SIZES)


@pytest.fixture
def points(brick) -> np.ndarray:
    return clouds.surface(brick, 400, np.random.default_rng(0))


# --- drawing ---


def test_drawn_points_lie_on_the_mesh_with_the_normals_of_their_faces(points):
    place, normal = points[:, :3], points[:, 3:]
    side = np.argmax(abs(normal), axis=1)
    here = np.arange(len(points))
    assert abs(place[here, side]) == pytest.approx(np.array(SIZES)[side] / 2)
    assert (place[here, side] * normal[here, side] > 0).all()
    assert np.linalg.norm(normal, axis=1) == pytest.approx(1)


def test_every_face_gets_points_by_its_area(brick):
    many = clouds.surface(brick, 60_000, np.random.default_rng(1))
    share = np.bincount(np.argmax(abs(many[:, 3:]), axis=1), minlength=3) / len(many)
    areas = np.array([0.06 * 0.10, 0.04 * 0.10, 0.04 * 0.06])
    assert share == pytest.approx(areas / areas.sum(), abs=0.01)


def test_points_are_even_within_a_face(brick):
    many = clouds.surface(brick, 60_000, np.random.default_rng(2))
    top = many[many[:, 5] > 0.5]
    assert np.histogram(top[:, 0], 10)[0].std() / np.histogram(top[:, 0], 10)[0].mean() < 0.06


def test_the_same_generator_draws_the_same_points(brick):
    first, second = (clouds.surface(brick, 100, np.random.default_rng(7)) for _ in range(2))
    assert first.tobytes() == second.tobytes()


def test_a_cover_leaves_smaller_gaps_than_dice_do(brick):
    places = clouds.surface(brick, 3000, np.random.default_rng(9))[:, :3]

    def widest(drawn: np.ndarray) -> float:
        return KDTree(drawn[:, :3]).query(places)[0].max()

    assert widest(clouds.cover(brick, 4000)) < 0.7 * widest(clouds.surface(brick, 4000, np.random.default_rng(3)))


# --- reading ---


@pytest.mark.parametrize("suffix", clouds.MESHES)
@pytest.mark.parametrize(("scale", "unit"), [(1, "m"), (1000, "mm")])
def test_every_mesh_format_arrives_whole_and_in_metres(tmp_path, suffix, scale, unit):
    mesh = build("mug", 0).mesh
    path = tmp_path / f"mug{suffix}"
    mesh.copy().apply_scale(scale).export(path)
    cloud = clouds.read(path)
    assert cloud.unit == unit
    assert cloud.mesh is not None
    assert cloud.mesh.is_watertight
    assert cloud.mesh.volume == pytest.approx(mesh.volume, rel=1e-4)
    assert f"taken as {unit} (its bounding box has a diagonal of" in cloud.said


@pytest.mark.parametrize("suffix", clouds.CLOUDS)
def test_every_cloud_format_arrives_in_metres(tmp_path, points, suffix):
    path = tmp_path / f"cloud{suffix}"
    save(path, 1000 * points[:, :3])
    cloud = clouds.read(path)
    assert cloud.mesh is None
    assert cloud.points[:, :3] == pytest.approx(points[:, :3], abs=1e-6)
    assert "estimated normals" in cloud.said


def save(path, table: np.ndarray) -> None:
    if path.suffix == ".npy":
        np.save(path, table)
    elif path.suffix == ".xyz":
        np.savetxt(path, table)
    else:
        trimesh.PointCloud(table).export(path)


def test_estimated_normals_look_out_of_a_round_body(tmp_path):
    ball = trimesh.creation.icosphere(subdivisions=4, radius=0.04)
    np.save(tmp_path / "ball.npy", ball.vertices)
    cloud = clouds.read(tmp_path / "ball.npy")
    assert (cloud.points[:, 3:] * ball.vertices / 0.04).sum(axis=1).min() > 0.99


def test_given_normals_are_kept(tmp_path, points):
    np.save(tmp_path / "with.npy", points)
    cloud = clouds.read(tmp_path / "with.npy")
    assert cloud.points == pytest.approx(points)
    assert "with normals" in cloud.said


@pytest.mark.parametrize("kind", ["ascii", "binary_little_endian"])
def test_normals_of_a_ply_cloud_are_kept(tmp_path, points, kind):
    names = "".join(f"property float {name}\n" for name in ("x", "y", "z", "nx", "ny", "nz"))
    head = f"ply\nformat {kind} 1.0\nelement vertex {len(points)}\n{names}end_header\n".encode()
    text = "\n".join(" ".join(f"{value:.6f}" for value in row) for row in points).encode() + b"\n"
    body = text if kind == "ascii" else points.astype("<f4").tobytes()
    (tmp_path / "with.ply").write_bytes(head + body)
    assert clouds.read(tmp_path / "with.ply").points == pytest.approx(points, abs=1e-5)


def test_a_said_unit_beats_the_guess(tmp_path, points):
    np.save(tmp_path / "c.npy", points[:, :3])
    cloud = clouds.read(tmp_path / "c.npy", unit="cm")
    assert cloud.points[:, :3] == pytest.approx(0.01 * points[:, :3])
    assert "taken as cm as you said" in cloud.said


def test_a_mesh_turned_inside_out_is_turned_back(tmp_path, brick):
    brick.invert()
    brick.export(tmp_path / "out.off")
    mesh = clouds.read(tmp_path / "out.off").mesh
    assert mesh is not None
    assert mesh.volume > 0


def test_a_scene_of_two_bodies_is_read_as_one_mesh(tmp_path, brick):
    other = brick.copy().apply_translation((0.1, 0, 0))
    trimesh.Scene([brick, other]).export(tmp_path / "two.glb")
    mesh = clouds.read(tmp_path / "two.glb").mesh
    assert mesh is not None
    assert mesh.body_count == 2


def test_a_small_cloud_is_drawn_from_without_leaving_any_point_out(tmp_path, points):
    np.save(tmp_path / "c.npy", points)
    drawn = clouds.read(tmp_path / "c.npy").sample(1000, np.random.default_rng(0))
    seen = np.unique(drawn, axis=0, return_counts=True)[1]
    assert len(drawn) == 1000
    assert len(seen) == 400
    assert set(seen) == {2, 3}


# --- refusing ---


def refused(path, unit: str | None = None) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(Mistake) as caught:
            clouds.read(path, unit)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    assert "there is no such file" in refused(tmp_path / "none.ply")


def test_a_folder_is_no_file(tmp_path):
    assert "there is no such file" in refused(tmp_path)


def test_an_unknown_suffix_is_told_the_known_ones(tmp_path):
    (tmp_path / "a.fbx").write_text("x")
    assert "known are .ply .obj .stl .glb .off .npy .xyz" in refused(tmp_path / "a.fbx")


@pytest.mark.parametrize("suffix", [".ply", ".obj", ".stl", ".glb", ".off", ".npy", ".xyz"])
@pytest.mark.parametrize("content", [b"", b"hello world, this is no mesh\n", bytes(range(256)) * 2])
def test_an_empty_or_foreign_file_is_a_mistake_whatever_its_suffix(tmp_path, suffix, content):
    path = tmp_path / f"bad{suffix}"
    path.write_bytes(content)
    refused(path)


def test_a_cut_mesh_file_is_a_mistake(tmp_path):
    build("mug", 0).mesh.export(tmp_path / "cut.ply")
    whole = (tmp_path / "cut.ply").read_bytes()
    (tmp_path / "cut.ply").write_bytes(whole[: len(whole) // 2])
    refused(tmp_path / "cut.ply")


@pytest.mark.parametrize("suffix", [".npy", ".xyz", ".ply"])
def test_points_that_are_not_finite_are_counted(tmp_path, points, suffix):
    points[3, 0] = np.nan
    save(tmp_path / f"nan{suffix}", points[:, :3])
    assert "1 of 400 points are not finite" in refused(tmp_path / f"nan{suffix}")


def test_a_mesh_with_a_vertex_that_is_not_finite_is_a_mistake(tmp_path, brick):
    brick.vertices[2] = np.inf
    brick.export(tmp_path / "inf.off")
    assert "1 of 8 points are not finite" in refused(tmp_path / "inf.off")


def test_a_size_of_no_clear_unit_asks_for_one(tmp_path, brick):
    brick.apply_scale(20)
    brick.export(tmp_path / "big.off")
    assert "fits neither m nor mm; say --unit" in refused(tmp_path / "big.off")


def test_an_unknown_unit_is_told_the_known_ones(tmp_path, brick):
    brick.export(tmp_path / "a.off")
    assert "unknown unit 'inch'; say --unit m or cm or mm" in refused(tmp_path / "a.off", "inch")


def test_a_table_of_odd_width_is_a_mistake(tmp_path, points):
    np.save(tmp_path / "odd.npy", points[:, :4])
    assert "has the shape (400, 4)" in refused(tmp_path / "odd.npy")


def test_colours_are_not_taken_for_normals(tmp_path, points):
    points[:, 3:] = 200.0
    np.save(tmp_path / "rgb.npy", points)
    assert "columns 4 to 6 are no unit normals (400 of 400 rows)" in refused(tmp_path / "rgb.npy")


def test_a_handful_of_points_is_no_surface(tmp_path, points):
    np.save(tmp_path / "few.npy", points[:5])
    assert "5 points are too few" in refused(tmp_path / "few.npy")


def test_a_mesh_without_area_is_a_mistake(tmp_path):
    trimesh.Trimesh(np.zeros((3, 3)), [[0, 1, 2]], process=False).export(tmp_path / "flat.off")
    refused(tmp_path / "flat.off")


def test_a_table_of_python_objects_is_not_opened(tmp_path):
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    assert "is not a readable table of points" in refused(tmp_path / "objects.npy")


def test_points_that_are_all_one_are_refused_whatever_the_unit(tmp_path):
    np.save(tmp_path / "one.npy", np.full((100, 3), 0.05))
    assert "all its points are one" in refused(tmp_path / "one.npy", "m")
