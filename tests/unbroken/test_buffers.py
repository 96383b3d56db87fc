"""Host memory that states are copied into at the seam"""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from torch import Tensor, nn

from tests.unbroken.strategies import trees
from unbroken import state
from unbroken.buffers import Buffers

ODD: dict[str, Callable[[], Tensor]] = {
    "channels_last": lambda: torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
    "transposed": lambda: torch.randn(3, 4).t(),
    "every third": lambda: torch.arange(20.0)[::3],
    "expanded": lambda: torch.ones(1, 3).expand(4, 3),
    "0-dim": lambda: torch.tensor(3.5),
    "empty": lambda: torch.empty(0, 3),
    "NaN with a payload": lambda: torch.tensor([0x7FC0_0123, 1 << 31]).to(torch.int32).view(torch.float32),
    "bfloat16": lambda: torch.randn(5).bfloat16(),
    "bool": lambda: torch.tensor([True, False, True]),
    "int64": lambda: torch.tensor([2**63 - 1, -1]),
    "complex": lambda: torch.randn(3, dtype=torch.complex64),
    "conjugate": lambda: torch.randn(3, dtype=torch.complex64).conj(),
    "negative bit": lambda: torch.randn(3, dtype=torch.complex64).conj().imag,
    "float8": lambda: torch.randn(4).to(torch.float8_e4m3fn),
    "parameter": lambda: nn.Parameter(torch.randn(3)),
}


def bits(tensor: Tensor) -> bytes:
    """The values of a tensor in the order of its indices."""
    return bytes(tensor.detach().resolve_conj().resolve_neg().contiguous().view(-1).view(torch.uint8).tolist())


@pytest.mark.parametrize("name", ODD)
def test_every_kind_of_tensor_is_copied_bit_by_bit_the_first_time_and_the_next(name: str) -> None:
    buffers = Buffers()
    for _ in range(2):
        tensor = ODD[name]()
        copy = buffers.copy({"a": tensor})["a"]
        assert (copy.dtype, copy.shape, bits(copy)) == (tensor.dtype, tensor.shape, bits(tensor))
        assert type(copy) is Tensor
        assert not copy.requires_grad


@given(trees)
def test_a_copy_equals_what_it_was_taken_of(tree: Any) -> None:
    buffers = Buffers()
    for _ in range(2):
        assert state.difference(tree, buffers.copy(tree)) is None


def places(tree: dict[str, Tensor]) -> dict[str, int]:
    return {name: tensor.data_ptr() for name, tensor in tree.items()}


def test_the_same_memory_is_used_for_every_state() -> None:
    buffers, model = Buffers(), nn.Linear(30, 40)
    before = places(buffers.copy(model.state_dict()))
    for _ in range(3):
        nn.init.normal_(model.weight)
        copy = buffers.copy(model.state_dict())
        assert places(copy) == before
        assert torch.equal(copy["weight"], model.weight)


@pytest.mark.parametrize("other", [torch.zeros(5), torch.zeros(2, 2), torch.zeros(4, dtype=torch.int32)])
def test_what_has_another_shape_or_type_gets_fresh_memory_and_leaves_that_of_others(other: Tensor) -> None:
    buffers = Buffers()
    first = buffers.copy({"a": torch.ones(4), "b": torch.ones(4)})
    second = buffers.copy({"a": other, "b": torch.ones(4)})
    assert state.same(second["a"], other)
    assert second["b"].data_ptr() == first["b"].data_ptr()
    assert second["a"].data_ptr() != first["a"].data_ptr()


def test_another_layout_in_memory_of_the_same_shape_is_copied_right() -> None:
    buffers, tensor = Buffers(), torch.randn(2, 3, 4, 5)
    buffers.copy([tensor])
    (copy,) = buffers.copy([tensor.to(memory_format=torch.channels_last)])
    assert torch.equal(copy, tensor)


def test_what_was_there_before_and_is_gone_is_let_go() -> None:
    buffers = Buffers()
    buffers.copy({"a": torch.ones(4), "b": torch.ones(4)})
    buffers.copy({"a": torch.ones(4)})
    assert list(buffers._held) == [".a"]


def test_tied_weights_and_names_that_read_alike_share_no_memory() -> None:
    weight, buffers = torch.ones(3), Buffers()
    for _ in range(2):
        copy = buffers.copy(
            {"a": weight, "b": weight, "c.d": weight, "c": {"d": weight * 2}, 1: weight, "1": weight * 3}
        )
        ones = [copy["a"], copy["b"], copy["c.d"], copy["c"]["d"], copy[1], copy["1"]]
        assert len({tensor.data_ptr() for tensor in ones}) == 6
        assert [float(tensor[0]) for tensor in ones] == [1, 1, 1, 2, 1, 3]


def test_training_that_goes_on_changes_no_copy() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)

    def step() -> None:
        optimizer.zero_grad()
        model(torch.randn(8, 3)).square().sum().backward()
        optimizer.step()

    step()
    live: dict[str, Any] = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
    copy = Buffers().copy(live)
    before = state.digest(copy)
    assert before == state.digest(live)
    step()
    assert state.digest(copy) == before
    changed = {path for path, leaf in state.leaves(live) if not state.same(leaf, dict(state.leaves(copy))[path])}
    assert {".model['0.weight']", ".model['1.num_batches_tracked']", ".optimizer.state[0].step"} <= changed
