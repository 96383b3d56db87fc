import multiprocessing
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

import unbroken
from perpart import contact, hand
from perpart.data import dataset, views
from perpart.data.dataset import Contacts
from perpart.data.fingerprints import fingerprint
from perpart.data.labels import pool
from perpart.errors import Mistake
from unbroken.position import Position


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


def looks(data: Contacts) -> list[dict[str, torch.Tensor]]:
    """Two looks at every grasp."""
    found = []
    for i in range(2 * len(data)):
        np.random.seed(i)
        found.append(data[i % len(data)])
    return found


def alike(some, others) -> bool:
    return all(torch.equal(a[key], b[key]) for a, b in zip(some, others, strict=True) for key in (*a, *b))


@pytest.mark.parametrize("split", ["train", "valid"])
def test_no_bit_depends_on_whether_labels_were_kept(graspset, tmp_path, split, capsys):
    computed, made, found = (
        looks(Contacts(graspset, split, 64, augment=split == "train", folders=folders))
        for folders in ((), (tmp_path,), (tmp_path,))
    )
    assert alike(computed, made)
    assert alike(computed, found)
    assert [line.split(": ")[1][:8] for line in capsys.readouterr().err.splitlines()] == ["computed"] * 2


def test_no_bit_depends_on_the_number_of_workers_nor_on_how_they_start(graspset, tmp_path):
    data = Contacts(graspset, "train", 64, folders=[tmp_path])
    alone = list(unbroken.Feed(data, 4).stream(0, Position(), 2))
    several = unbroken.Feed(data, 4, workers=2).stream(0, Position(), 2)
    assert alike(alone, several)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert alike(looks(data), pool.apply(looks, [data]))


def test_grasps_are_labelled_some_at_a_time_and_it_does_not_show(graspset, monkeypatch):
    whole = Contacts(graspset, "train").labels
    monkeypatch.setattr(dataset, "TOGETHER", 4)
    pieces = Contacts(graspset, "train").labels
    assert all(np.array_equal(whole[name], pieces[name]) for name in whole)


def test_other_data_another_pool_and_other_constants_have_files_of_their_own(graspset, tmp_path, monkeypatch):
    moved = replace(graspset, root=graspset.root + np.float32(1e-6))
    Contacts(graspset, "valid", 64, folders=[tmp_path])
    Contacts(moved, "valid", 64, folders=[tmp_path])
    Contacts(graspset, "valid", 64, pool=100, folders=[tmp_path])
    monkeypatch.setattr(contact, "SCALE", 0.004)
    Contacts(graspset, "valid", 64, folders=[tmp_path])
    Contacts(graspset, "valid", 32, folders=[tmp_path])  # other looks, the same labels
    kinds = sorted(path.name.split("-")[0] for path in tmp_path.glob("*.cache"))
    assert kinds == ["labels"] * 4 + ["looks"] * 4


def test_the_pool_is_four_times_the_points_and_no_smaller_than_it_was(graspset):
    assert [Contacts(graspset, "valid", n, most=1).pool for n in (64, 512, 600)] == [2048, 2048, 2400]


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
