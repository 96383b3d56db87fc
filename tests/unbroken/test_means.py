"""Running means of an epoch's metrics"""

import json
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unbroken.means import Means

numbers = st.floats(-1e6, 1e6)


@given(st.lists(numbers, min_size=1, max_size=20))
def test_a_mean_is_the_sum_in_float64_over_the_count(values: list[float]) -> None:
    means = Means()
    for value in values:
        means.add({"loss": value})
    assert means.epoch() == {"train": {"loss": math.fsum([0.0]) + sum(values) / len(values)}}


@given(st.lists(numbers, min_size=2, max_size=20), st.data())
def test_an_interruption_anywhere_changes_no_bit(values: list[float], data: st.DataObject) -> None:
    place, whole, first, second = data.draw(st.integers(0, len(values))), Means(), Means(), Means()
    for i, value in enumerate(values):
        whole.add({"loss": torch.tensor(value, dtype=torch.float32), "count": i})
    for i, value in enumerate(values[:place]):
        first.add({"loss": torch.tensor(value, dtype=torch.float32), "count": i})
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    for i, value in enumerate(values[place:], place):
        second.add({"loss": torch.tensor(value, dtype=torch.float32), "count": i})
    assert second.epoch() == whole.epoch()
    assert second.state_dict() == whole.state_dict()


def test_what_was_logged_only_now_and_then_is_in_the_next_step_record_after_an_interruption_too() -> None:
    """A loss logged with every third batch stays the last known one in the records of the two that follow."""
    means, other = Means(), Means()
    means.add({"loss": 1.5})
    other.load_state_dict(means.state_dict())
    for each in (means, other):
        each.add({"norm": 2.0})
    assert other.batch() == means.batch()


def test_a_value_logged_in_some_batches_is_averaged_over_those() -> None:
    means = Means()
    means.add({"loss": 1.0, "norm": 4.0})
    means.add({"loss": 3.0})
    assert means.epoch() == {"train": {"loss": 2.0, "norm": 4.0}}


def test_of_named_values_the_latest_counts() -> None:
    means = Means()
    means.put("lr", 0.1)
    means.put("lr", torch.tensor(0.5))
    means.put("valid", {"iou": torch.tensor(0.25), "parts": {"palm": 1}})
    assert means.epoch() == {"train": {}, "lr": 0.5, "valid": {"iou": 0.25, "parts": {"palm": 1.0}}}
    assert means.batch() == {"train": {}, "lr": 0.5}


def test_a_batch_is_its_own_values_and_not_the_means() -> None:
    means = Means()
    means.add({"loss": 1.0})
    means.add({"loss": 3.0})
    assert means.batch() == {"train": {"loss": 3.0}}


def test_a_tensor_that_changes_later_was_taken_as_it_was() -> None:
    means, loss = Means(), torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    means.add({"loss": loss})
    with torch.no_grad():
        loss.fill_(5.0)
    assert means.epoch() == {"train": {"loss": 1.0}}
    assert means.batch() == {"train": {"loss": 1.0}}


def test_what_is_not_a_number_is_refused_at_once() -> None:
    with pytest.raises((ValueError, TypeError)):
        Means().add({"loss": "high"})  # pyright: ignore[reportArgumentType]


def test_nan_is_told_and_not_hidden() -> None:
    means = Means()
    means.add({"loss": float("nan")})
    assert math.isnan(means.epoch()["train"]["loss"])
