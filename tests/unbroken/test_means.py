"""Running means of an epoch's metrics"""

import json
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unbroken.means import Means, Row

numbers = st.floats(-1e6, 1e6)


def logged(*batches: dict[str, float | torch.Tensor]) -> Means:
    """Means that took in these batches."""
    means = Means()
    for values in batches:
        add(means, values)
    return means


def add(means: Means, values: dict[str, float | torch.Tensor]) -> None:
    """Log one batch's values, and take them in."""
    means.add(values)
    means.batch_done()
    means.take_in()


@given(st.lists(numbers, min_size=1, max_size=20))
def test_a_mean_is_the_sum_in_float64_over_the_count(values: list[float]) -> None:
    means = logged(*({"loss": value} for value in values))
    assert means.epoch() == {"train": {"loss": math.fsum([0.0]) + sum(values) / len(values)}}


@given(st.lists(numbers, min_size=2, max_size=20), st.data())
def test_an_interruption_anywhere_changes_no_bit(values: list[float], data: st.DataObject) -> None:
    place, whole, first, second = data.draw(st.integers(0, len(values))), Means(), Means(), Means()
    for i, value in enumerate(values):
        add(whole, {"loss": torch.tensor(value, dtype=torch.float32), "count": i})
    for i, value in enumerate(values[:place]):
        add(first, {"loss": torch.tensor(value, dtype=torch.float32), "count": i})
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    for i, value in enumerate(values[place:], place):
        add(second, {"loss": torch.tensor(value, dtype=torch.float32), "count": i})
    assert second.epoch() == whole.epoch()
    assert second.state_dict() == whole.state_dict()


def test_what_was_logged_only_now_and_then_is_in_the_next_step_record_after_an_interruption_too() -> None:
    """A loss logged with every third batch stays the last known one in the records of the two that follow."""
    means, other = logged({"loss": 1.5}), Means()
    other.load_state_dict(means.state_dict())
    for each in (means, other):
        add(each, {"norm": 2.0})
    assert other.batch() == means.batch()


def test_a_value_logged_in_some_batches_is_averaged_over_those() -> None:
    means = logged({"loss": 1.0, "norm": 4.0}, {"loss": 3.0})
    assert means.epoch() == {"train": {"loss": 2.0, "norm": 4.0}}


def test_of_named_values_the_latest_counts() -> None:
    means = Means()
    means.put("lr", 0.1)
    means.put("lr", torch.tensor(0.5))
    means.put("valid", {"iou": torch.tensor(0.25), "parts": {"palm": 1}})
    assert means.epoch() == {"train": {}, "lr": 0.5, "valid": {"iou": 0.25, "parts": {"palm": 1.0}}}
    assert means.batch() == {"train": {}, "lr": 0.5}


def test_a_batch_is_its_own_values_and_not_the_means() -> None:
    means = logged({"loss": 1.0}, {"loss": 3.0})
    assert means.batch() == {"train": {"loss": 3.0}}


def test_a_tensor_that_changes_later_was_taken_as_it_was() -> None:
    means, loss = Means(), torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    means.add({"loss": loss})
    with torch.no_grad():
        loss.fill_(5.0)
    means.batch_done()
    means.take_in()
    assert means.epoch() == {"train": {"loss": 1.0}}
    assert means.batch() == {"train": {"loss": 1.0}}


def test_what_is_not_a_number_is_refused_at_once() -> None:
    with pytest.raises((ValueError, TypeError)):
        Means().add({"loss": "high"})  # pyright: ignore[reportArgumentType]


def test_nan_is_told_and_not_hidden() -> None:
    means = logged({"loss": float("nan")})
    assert math.isnan(means.epoch()["train"]["loss"])


def test_what_pieces_of_a_batch_logged_is_averaged_by_their_samples_and_counts_once() -> None:
    means = Means()
    for samples, loss in ((3, 1.0), (1, 5.0)):
        means.samples = samples
        means.add({"loss": loss})
    means.batch_done()
    means.take_in()
    assert means.batch() == {"train": {"loss": 2.0}}
    assert means.state_dict()["counts"] == {"loss": 1}


def test_several_processes_count_each_batch_once_and_weigh_by_samples() -> None:
    """Two processes, of which the second had no sample of the last batch."""
    first, second = Means(), Means()
    for means, batches in ((first, [(2, 1.0), (1, 4.0)]), (second, [(2, 3.0), (0, 99.0)])):
        for means.samples, loss in batches:
            means.add({"loss": loss})
            means.batch_done()
    rows: list[Row] = []
    second.take_in(lambda mine: [rows.extend(mine) or mine])
    first.take_in(lambda mine: [mine, rows])
    assert first.epoch() == {"train": {"loss": (2.0 + 4.0) / 2}}


@given(st.lists(numbers, min_size=1, max_size=10))
def test_it_makes_no_difference_when_batches_are_taken_in(values: list[float]) -> None:
    often, once = logged(*({"loss": value} for value in values)), Means()
    for value in values:
        once.add({"loss": value})
        once.batch_done()
    once.take_in()
    assert once.state_dict() == often.state_dict()


def test_a_glance_takes_nothing_in() -> None:
    means = logged({"loss": 1.0})
    means.add({"loss": 3.0})
    means.batch_done()
    assert means.glance() == {"train": {"loss": 3.0}}
    assert means.batch() == {"train": {"loss": 1.0}}
