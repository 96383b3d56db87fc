import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from perpart import contact, hand
from perpart.data import views
from perpart.data.dataset import Contacts
from perpart.data.fingerprints import fingerprint
from perpart.data.labels import pool
from perpart.errors import Mistake


def test_an_item_is_a_dict_of_tensors_of_known_shape_and_type(graspset):
    item = Contacts(graspset, "train", points=100)[3]
    kinds = {key: (tuple(value.shape), value.dtype) for key, value in item.items()}
    assert kinds == {
        "points": ((100, 3), torch.float32),
        "normals": ((100, 3), torch.float32),
        "contact": ((100, 16), torch.float32),
        "part": ((100,), torch.int64),
        "direction": ((100, 3), torch.float32),
        "near": ((25, 16), torch.int16),
        "far": ((6, 16), torch.int16),
    }


def test_stored_labels_are_the_computed_ones(graspset):
    data = Contacts(graspset, "valid", points=400, augment=False)
    item = data[2]
    posed = hand.pose(*(torch.from_numpy(a[7:8]) for a in (graspset.angles, graspset.root, graspset.bones)))
    touch, part, direction = contact.labels(posed, item["points"][None], item["normals"][None])
    assert (touch > 0.5).any()
    torch.testing.assert_close(item["contact"], touch[0], atol=0.5 / 255 + 1e-6, rtol=0)
    assert torch.equal(item["part"], part[0])
    touched = item["contact"].any(-1)
    torch.testing.assert_close(item["direction"][touched], direction[0, touched], atol=1e-3, rtol=0)
    assert not item["direction"][~touched].any()


def test_a_split_holds_its_own_grasps_only(graspset):
    train, valid = Contacts(graspset, "train"), Contacts(graspset, "valid", augment=False)
    assert (len(train), len(valid)) == (10, 5)
    assert set(train.object_of) == {0, 2}
    assert set(valid.object_of) == {1}


def test_at_most_so_many_grasps_are_spread_evenly_over_the_split(graspset):
    assert Contacts(graspset, "train", most=4).grasps.tolist() == [0, 2, 10, 12]
    assert len(Contacts(graspset, "train", most=400)) == 10


def test_without_augmentation_an_item_never_changes_and_an_object_keeps_its_points(graspset):
    data = Contacts(graspset, "valid", augment=False)
    assert all(torch.equal(data[1][key], data[1][key]) for key in data[1])
    assert torch.equal(data[0]["points"], data[4]["points"])


def test_with_augmentation_the_global_numpy_state_decides_the_item(graspset):
    data, looks = Contacts(graspset, "train"), []
    for seed in (1, 1, 2):
        np.random.seed(seed)
        looks.append(data[0])
    assert all(torch.equal(looks[0][key], looks[1][key]) for key in looks[0])
    assert not torch.equal(looks[0]["points"], looks[2]["points"])


def test_augmentation_turns_points_and_normals_of_one_of_the_objects_views_together(graspset):
    data = Contacts(graspset, "train")
    still = Contacts(graspset, "train", points=2048, augment=False, pool=2048)[0]
    np.random.seed(3)
    item = data[0]
    np.random.seed(3)
    rows = torch.from_numpy(views.drawn(0, 2048, 512, views.VIEWS)[np.random.randint(views.VIEWS)])
    turn = Rotation.from_euler("xyz", np.random.uniform(-30, 30, 3), degrees=True).as_matrix()
    for key in ("points", "normals"):
        np.testing.assert_allclose(item[key], still[key][rows].numpy() @ turn.T, atol=1e-6)
    assert torch.equal(item["contact"], still["contact"][rows])


def test_an_objects_pool_depends_on_its_name_alone():
    np.testing.assert_array_equal(pool(("mug", 0), 50), pool(("mug", 0), 50))
    assert not np.array_equal(pool(("mug", 0), 50), pool(("mug", 1), 50))


def test_labels_do_not_depend_on_the_number_of_threads(graspset):
    threads, contacts = torch.get_num_threads(), []
    for n in (1, 2):
        torch.set_num_threads(n)
        contacts.append(Contacts(graspset, "train").labels["records"])
        assert torch.get_num_threads() == n
    torch.set_num_threads(threads)
    np.testing.assert_array_equal(*contacts)


def test_a_missing_split_is_a_mistake(graspset):
    with pytest.raises(Mistake, match="no grasp of the split 'test'"):
        Contacts(graspset, "test")


def test_the_fingerprint_changes_with_any_value_and_only_then(graspset):
    assert fingerprint(graspset) == fingerprint(replace(graspset, root=graspset.root.copy()))
    moved = graspset.root.copy()
    moved[14, 0, 3] += 1e-6
    others = (replace(graspset, root=moved), replace(graspset, split=("train", "train", "train")))
    assert len({fingerprint(g) for g in (graspset, *others)}) == 3


def test_an_item_costs_well_under_a_millisecond(graspset):
    data = Contacts(graspset, "train")
    begun = time.process_time()
    for _ in range(200):
        data[0]
    assert (time.process_time() - begun) / 200 < 1e-3
