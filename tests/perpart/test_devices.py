"""Boxes, tubes and thin things have the features that they are known by"""

from perpart.objects import build


def test_a_phone_is_flat_and_a_hand_reaches_around_it():
    width, depth, height = build("phone", 0).mesh.extents
    assert depth < 0.02
    assert width < 0.08 < height


def test_a_camera_has_its_lens_in_front():
    mesh = build("camera", 0).mesh
    foremost = mesh.vertices[mesh.vertices[:, 1] < mesh.bounds[0, 1] + 1e-4]
    assert abs(foremost[:, 0]).max() < 0.045
    assert len(foremost) >= 24


def test_glasses_and_headphones_have_room_for_a_head():
    assert build("eyeglasses", 0).mesh.extents[0] > 0.12
    assert build("headphones", 0).mesh.extents[0] > 0.13


def test_a_key_has_one_hole():
    assert build("key", 0).mesh.euler_number == 0


def test_toothpaste_is_flat_at_one_end_and_round_at_the_other():
    mesh = build("toothpaste", 0).mesh
    ends = [mesh.section([1, 0, 0], [x, 0, 0]) for x in (mesh.bounds[0, 0] + 0.008, mesh.bounds[1, 0] - 0.005)]
    flat, round_ = (sorted(end.extents[1:]) for end in ends)
    assert flat[0] < 0.4 * flat[1]
    assert round_[0] > 0.95 * round_[1]
