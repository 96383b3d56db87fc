import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpart.data import packing
from perpart.data.dataset import Contacts


def labels(seed: int, pool: int, share: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels of three grasps, this share of contact not 0."""
    rng = np.random.default_rng(seed)
    touch = rng.integers(1, 256, (3, pool, 16)) * (rng.random((3, pool, 16)) < share)
    direction = rng.normal(size=(3, pool, 3))
    return touch.astype(np.uint8), rng.integers(0, 16, (3, pool)).astype(np.uint8), direction.astype(np.float16)


@given(seed=st.integers(0, 99), pool=st.integers(1, 90), share=st.sampled_from([0.0, 0.02, 0.3, 1.0]))
def test_unpacking_undoes_packing_where_there_is_contact(seed: int, pool: int, share: float) -> None:
    given_ = labels(seed, pool, share)
    rows = np.random.default_rng(seed).permutation(pool)[: pool // 2 + 1]
    for touch, part, direction, record in zip(*given_, packing.pack(*given_), strict=True):
        found = packing.unpack(record, pool, rows)
        direction[~touch.any(axis=1)] = 0
        for value, known in zip(found, (touch[rows], part[rows], direction[rows]), strict=True):
            assert value.dtype == known.dtype
            np.testing.assert_array_equal(value, known)
        assert len(record) % packing.UNIT == 0


def test_unknown_directions_take_no_room_and_stay_unknown() -> None:
    touch, part, direction = labels(0, 80, 0.3)
    some, none = (next(packing.pack(touch, part, d)) for d in (direction, np.zeros_like(direction)))
    assert len(some) - len(none) > 6 * 70
    assert not packing.unpack(none, 80, np.arange(80))[2].any()


@pytest.mark.parametrize("pool", [65535, 65536, 70000])
def test_a_pool_of_any_size_is_packed(pool: int) -> None:
    touch, part, direction = (value[:1] for value in labels(1, pool, 0.0))
    touch[0, [0, pool - 1], 3] = 255
    found = packing.unpack(next(packing.pack(touch, part, direction)), pool, np.array([pool - 1, 0, 1]))
    assert found[0][:, 3].tolist() == [255, 255, 0]
    np.testing.assert_array_equal(found[2], direction[0, [pool - 1, 0, 1]] * np.array([[1], [1], [0]], np.float16))


def test_a_grasps_record_is_less_than_two_thirds_of_its_dense_labels(graspset) -> None:
    data = Contacts(graspset, "train")
    assert len(data.labels["records"]) / len(data) < 2 / 3 * data.pool * (16 + 1 + 6)
