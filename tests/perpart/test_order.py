import numpy as np
import pytest

from perpart.anatomy import PARTS
from perpart.data import graspset, order
from perpart.data.dataset import Contacts
from tests.perpart import own
from tests.perpart.unpacked import unpacked

ORDERS = {
    "MANO": order.MANO,
    "thumb last": (0, 13, 14, 15, *range(1, 13)),
    "from the little finger": (0, 13, 14, 15, 10, 11, 12, 7, 8, 9, 4, 5, 6, 1, 2, 3),
    **order.CHAINS,
}


@pytest.mark.parametrize("name", ORDERS)
@pytest.mark.parametrize("grasps", [1, 4])
def test_the_order_of_a_skins_parts_is_seen_from_their_places(name, grasps):
    skin = own.skins(2)
    theirs = np.array(ORDERS[name])[skin["part"]]
    assert order.of_skin(skin["vertices"][:grasps], theirs) == ORDERS[name]


def test_parts_in_no_known_order_are_not_guessed():
    skin = own.skins(1)
    theirs = np.random.default_rng(0).permutation(16)[skin["part"]]
    assert order.of_skin(skin["vertices"], theirs) is None
    assert order.said(None)[0] == "parts of one digit do not lie beside each other"


def test_hands_of_every_posture_are_in_our_order():
    found = graspset.load()
    for grasp in range(0, len(found), 300):
        posed = own.pose(found.angles[[grasp]], np.eye(4)[None])
        rest, meshes = own.resting()
        part = np.repeat(np.arange(16), [len(mesh.vertices) for mesh in meshes])
        moved = (posed.frames.numpy() @ np.linalg.inv(rest.frames.numpy()))[0, part]
        corners = np.concatenate([mesh.vertices for mesh in meshes])
        vertices = np.einsum("vij,vj->vi", moved[:, :3, :3], corners) + moved[:, :3, 3]
        assert order.of_skin(vertices[None], part) == order.OURS, grasp


def test_maps_in_manos_order_are_told_from_ours():
    found = graspset.load()
    data = unpacked(Contacts(found, "test", 512, augment=False, most=60, pool=512))
    points = {int(i): data.clouds[k, :, :3] for k, i in enumerate(np.unique(data.object_of))}
    maps = {i: data.contact[data.object_of == i] for i in points}
    theirs = {i: rows[:, :, np.argsort(order.MANO)] for i, rows in maps.items()}
    assert order.of_maps(points, maps) == order.OURS
    assert order.of_maps(points, theirs) == order.MANO
    few = {i: rows[:1] for i, rows in list(theirs.items())[:2]}
    assert order.of_maps(points, few) == order.OURS  # too few to say


def test_names_in_our_order_are_a_statement():
    assert order.stated({"parts": list(PARTS)})
    assert not order.stated({"parts": ["palm"]})
    assert not order.stated({})


def test_what_to_do_names_the_permutation():
    what, do = order.said(order.MANO)
    assert what == "parts seem to be in MANO's order"
    assert do == "reorder them: ours = theirs[[0, 13, 14, 15, 1, 2, 3, 4, 5, 6, 10, 11, 12, 7, 8, 9]]"
