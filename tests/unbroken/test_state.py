"""The state of a run as a tree of plain values"""

import enum
import hashlib
import struct
from collections import OrderedDict, namedtuple
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from torch import nn

from tests.unbroken.strategies import trees, variants
from unbroken import Gradients, state
from unbroken.errors import Mismatch, Misuse

ADAM = torch.optim.Adam


def trained(steps: int = 3) -> tuple[nn.Linear, torch.optim.Adam]:
    model = nn.Linear(3, 2)
    optimizer = ADAM(model.parameters(), lr=0.1)
    for _ in range(steps):
        model(torch.ones(4, 3)).square().sum().backward()
        optimizer.step()
    return model, optimizer


# ---- snapshot


@given(trees)
def test_a_snapshot_equals_what_it_was_taken_of(tree: Any) -> None:
    copy = state.snapshot(tree)
    assert state.difference(tree, copy) is None
    assert state.digest(tree) == state.digest(copy)


def test_a_snapshot_does_not_follow_later_training() -> None:
    model, optimizer = trained()
    live = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
    copy = state.snapshot(live)
    before = state.digest(copy)
    model(torch.ones(4, 3)).sum().backward()
    optimizer.step()
    assert state.digest(copy) == before
    assert state.digest(live) != before


def test_a_snapshot_of_parameters_holds_no_graph() -> None:
    copy = state.snapshot(dict(nn.Linear(2, 2).named_parameters()))
    assert all(type(leaf) is torch.Tensor and not leaf.requires_grad for leaf in copy.values())


def test_a_view_is_copied_alone_without_the_tensor_that_it_looks_at() -> None:
    copy = state.snapshot(torch.arange(1_000_000)[:2])
    assert copy.untyped_storage().nbytes() == 16


Named = namedtuple("Named", "a")
Colour = enum.Enum("Colour", "RED")


@pytest.mark.parametrize(
    "leaf",
    [np.float64(1.0), np.ones(2), {1}, b"raw", 1j, Named(1), Colour.RED, object(), torch.float32, range(3), len],
    ids=lambda leaf: type(leaf).__name__,
)
def test_what_is_not_plain_is_refused_with_its_path(leaf: Any) -> None:
    with pytest.raises(Misuse, match=r"^kept\.mine\.1 is a .*; convert it in state_dict"):
        state.snapshot({"kept": {"mine": [0, leaf]}})


@pytest.mark.parametrize("key", [1.5, None, True, (1, 2)])
def test_a_key_that_is_neither_a_string_nor_an_integer_is_refused_with_its_path(key: Any) -> None:
    with pytest.raises(Misuse, match=r"^kept\.mine has the key "):
        state.snapshot({"kept": {"mine": {key: 1}}})


# ---- digest and difference


@given(trees)
def test_any_single_change_changes_the_digest_and_is_named(tree: Any) -> None:
    before = state.digest(tree)
    for other in variants(tree):
        assert state.digest(other) != before, f"{tree!r} and {other!r} share a digest"
        assert state.difference(tree, other) is not None, f"{tree!r} and {other!r} are not told apart"


@given(trees, trees)
def test_digest_and_difference_agree(a: Any, b: Any) -> None:
    assert (state.digest(a) == state.digest(b)) == (state.difference(a, b) is None)


def test_the_order_of_keys_does_not_matter() -> None:
    assert state.digest({"a": 1, "b": 2, 3: 4}) == state.digest({3: 4, "b": 2, "a": 1})
    assert state.digest(OrderedDict(a=1)) == state.digest({"a": 1})


def payload(bits: int) -> float:
    return struct.unpack("<d", struct.pack("<Q", 0x7FF8_0000_0000_0000 | bits))[0]


PAIRS = [
    (0.0, -0.0),
    (1, 1.0),
    (1, True),
    (None, "None"),
    (1, "1"),
    (payload(0), payload(1)),
    (torch.tensor(payload(0), dtype=torch.float64), torch.tensor(payload(1), dtype=torch.float64)),
    (torch.tensor(0.0), torch.tensor(-0.0)),
    (torch.zeros(2), torch.zeros(2, 1)),
    (torch.zeros(2), torch.zeros(2, dtype=torch.int32)),
    (torch.zeros(0), torch.zeros(0, 3)),
    (torch.tensor(1.0), 1.0),
    ([], ()),
    ([], {}),
    ([1], (1,)),
    ({}, "dict of 0"),
    ([], "list of 0"),
    ({1: 5}, {"1": 5}),
    ({"a": {"b": 1}, "a.b": 2}, {"a": {"b": 3}, "a.b": 2}),
    ({"a": ["bc"]}, {"ab": ["c"]}),
    (["ab", "c"], ["a", "bc"]),
]


@pytest.mark.parametrize(("a", "b"), PAIRS, ids=lambda pair: repr(pair).replace("\n", ""))
def test_what_looks_alike_is_told_apart(a: Any, b: Any) -> None:
    assert state.digest({"x": a}) != state.digest({"x": b})
    assert state.difference({"x": a}, {"x": b}) is not None


def test_nan_equals_itself() -> None:
    tree = {"a": float("nan"), "b": torch.tensor(float("nan"))}
    assert state.difference(tree, state.snapshot(tree)) is None


def test_the_layout_in_memory_does_not_matter() -> None:
    tensor = torch.arange(6.0).reshape(2, 3)
    assert state.same(tensor.t(), tensor.t().contiguous())


@pytest.mark.parametrize(
    ("other", "path"),
    [
        ({"model": {"weight": torch.ones(2)}, "optimizer": {"groups": [{"lr": 0.1}]}}, ".model.weight"),
        ({"model": {"weight": torch.zeros(2)}, "optimizer": {"groups": [{"lr": 0.2}]}}, ".optimizer.groups[0].lr"),
        ({"model": {"weight": torch.zeros(2)}, "optimizer": {"groups": []}}, ".optimizer.groups"),
        ({"model": {}, "optimizer": {"groups": [{"lr": 0.1}]}}, ".model"),
    ],
)
def test_the_difference_is_named_by_its_path(other: Any, path: str) -> None:
    tree = {"model": {"weight": torch.zeros(2)}, "optimizer": {"groups": [{"lr": 0.1}]}}
    assert state.difference(tree, other) == path
    assert state.difference(other, tree) == path


def test_the_digest_of_a_state_is_this_forever() -> None:
    """A release that takes it otherwise takes every older checkpoint for damaged."""
    tree = {"a": torch.arange(3.0), "b": [1, -0.0, None, "x", (True,)], 7: {}}
    assert state.digest(tree) == "b91c96d29c90de1260f348b9611ffae50dbdfa9cfca247449b239d15c0191c72"


# ---- restore


def test_restoring_undoes_everything_that_came_after() -> None:
    model, optimizer = trained(3)
    saved = state.snapshot({"model": model.state_dict(), "optimizer": optimizer.state_dict()})
    other, its_optimizer = trained(1)
    state.restore("model", other, saved["model"])
    state.restore("optimizer", its_optimizer, saved["optimizer"])
    assert state.difference(saved["model"], state.snapshot(other.state_dict())) is None
    assert state.difference(saved["optimizer"], state.snapshot(its_optimizer.state_dict())) is None


def test_what_was_restored_does_not_share_memory_with_the_saved_state() -> None:
    model, optimizer = trained(3)
    saved = state.snapshot(optimizer.state_dict())
    before = state.digest(saved)
    state.restore("optimizer", optimizer, saved)
    model(torch.ones(4, 3)).sum().backward()
    optimizer.step()
    assert state.digest(saved) == before


def test_a_part_that_forgets_is_named_with_the_leaf_that_it_lost() -> None:
    class Forgetful(nn.Linear):
        def load_state_dict(self, state_dict: Any, *arguments: Any, **options: Any) -> Any:
            return super().load_state_dict({**state_dict, "bias": state_dict["bias"] * 0})

    saved = state.snapshot(nn.Linear(2, 2).state_dict())
    with pytest.raises(Mismatch, match=r"^head did not take back head\.bias: it would go on as another run$"):
        state.restore("head", Forgetful(2, 2), saved)


def test_an_optimizer_of_another_precision_is_refused_and_not_cast_in_silence() -> None:
    saved = state.snapshot(trained()[1].state_dict())
    half = nn.Linear(3, 2).to(torch.bfloat16)
    with pytest.raises(Mismatch, match=r"optimizer did not take back optimizer\.state"):
        state.restore("optimizer", ADAM(half.parameters(), lr=0.1), saved)


@pytest.mark.parametrize(
    ("part", "other"),
    [
        (nn.Linear(3, 2), nn.Linear(4, 2)),
        (nn.Linear(3, 2), nn.Linear(3, 2, bias=False)),
        (nn.Linear(3, 2, bias=False), nn.Linear(3, 2)),
        (ADAM(nn.Linear(3, 2).parameters()), ADAM(nn.Linear(3, 2, bias=False).parameters())),
        (ADAM(nn.Linear(3, 2).parameters()), torch.optim.SGD(nn.Linear(3, 2).parameters(), momentum=0.9)),
    ],
)
def test_a_state_that_does_not_fit_is_refused_in_one_line(part: Any, other: Any) -> None:
    with pytest.raises(Mismatch, match=r"^mine d(oes|id) not") as refused:
        state.restore("mine", part, state.snapshot(other.state_dict()))
    assert "\n" not in str(refused.value)


def test_what_has_no_state_cannot_be_kept() -> None:
    with pytest.raises(Misuse, match=r"keep\(sampler=…\): list has no state_dict"):
        state.check("sampler", [])
    assert state.check("model", model := nn.Linear(1, 1)) is model


# ---- gradients


def test_gradients_make_the_round_trip_into_another_module() -> None:
    model, other = trained()[0], nn.Linear(3, 2)
    assert model.weight.grad is not None
    state.restore("gradients", Gradients(other), state.snapshot(Gradients(model).state_dict()))
    assert other.weight.grad is not None
    assert torch.equal(model.weight.grad, other.weight.grad)
    other.weight.grad.zero_()
    assert model.weight.grad.abs().sum() > 0


def test_gradients_that_are_not_there_come_back_as_not_there() -> None:
    model = trained()[0]
    state.restore("gradients", Gradients(model), state.snapshot(Gradients(nn.Linear(3, 2)).state_dict()))
    assert model.weight.grad is None


def test_gradients_of_another_module_are_refused() -> None:
    with pytest.raises(Mismatch):
        state.restore("gradients", Gradients(nn.Linear(3, 2)), Gradients(nn.Linear(3, 2, bias=False)).state_dict())
    with pytest.raises(Mismatch):
        state.restore("gradients", Gradients(nn.Linear(3, 2, bias=False)), Gradients(nn.Linear(3, 2)).state_dict())


# ---- large tensors, whose pieces several threads hash


def by_hand(tree: dict[str, torch.Tensor]) -> str:
    """The digest of a dict of tensors as docs/format.md tells it: one piece after another, in one thread."""
    total = hashlib.sha256()

    def word(content: bytes) -> None:
        total.update(struct.pack("<q", len(content)) + content)

    for content in (b"", f"Container Container(kind='dict', length={len(tree)})".encode(), b""):
        word(content)
    for name in sorted(tree):
        content = tree[name].contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
        word(f".{name}".encode())
        word(f"tensor {tree[name].dtype} {tuple(tree[name].shape)}".encode())
        pieces = [content[i : i + (1 << 24)] for i in range(0, len(content), 1 << 24)]
        word(b"".join(hashlib.sha256(piece).digest() for piece in pieces))
    return total.hexdigest()


def numbers(size: int) -> torch.Tensor:
    return torch.arange(size, dtype=torch.int32).mul(2654435761 & 0x7FFFFFF).to(torch.uint8)


LARGE = {
    "below_a_threads_worth": numbers((1 << 20) - 1),
    "a_threads_worth": numbers(1 << 20),
    "one_piece": numbers(1 << 24),
    "a_piece_and_a_byte": numbers((1 << 24) + 1),
    "turned": numbers(3 << 20).reshape(3, 1 << 20).t(),
    "channels_last": numbers(1 << 21).reshape(2, 16, 256, 256).to(memory_format=torch.channels_last),
    "of_pairs": torch.randn(1 << 18, dtype=torch.complex64),
    "empty": torch.zeros(0, 3),
    "single": torch.tensor(1.5),
}


def test_the_digest_of_large_tensors_is_that_of_their_pieces_one_after_another() -> None:
    assert state.digest(LARGE) == by_hand(LARGE)


@pytest.mark.parametrize("threads", [1, 3])
def test_the_number_of_threads_changes_no_digest(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    before = state.digest(LARGE)
    monkeypatch.setattr(state, "THREADS", threads)
    assert state.digest(LARGE) == before


def test_a_bit_in_any_piece_changes_the_digest() -> None:
    tensor = LARGE["a_piece_and_a_byte"].clone()
    seen = {state.digest(tensor)}
    for place in (0, (1 << 24) - 1, 1 << 24):
        tensor[place] ^= 1
        seen.add(state.digest(tensor))
    assert len(seen) == 4


def test_pieces_that_change_places_change_the_digest() -> None:
    a, b = torch.zeros(1 << 24, dtype=torch.uint8), torch.ones(1 << 24, dtype=torch.uint8)
    assert state.digest(torch.cat([a, b])) != state.digest(torch.cat([b, a]))


# ---- numbers that are noted as their conjugates


class Turns(nn.Module):
    """A buffer that torch keeps as a note on other numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("turns", torch.randn(3, dtype=torch.complex64).conj())


def test_a_conjugate_is_saved_compared_and_restored_by_its_numbers() -> None:
    saved, model = state.snapshot(Turns().state_dict()), Turns()
    plain = {name: tensor.resolve_conj() for name, tensor in saved.items()}
    assert state.digest(saved) == state.digest(plain)
    assert state.difference(saved, plain) is None
    state.restore("model", model, saved)
    assert torch.equal(model.state_dict()["turns"], plain["turns"])
    assert not state.same(plain["turns"], plain["turns"].conj())


def test_a_weight_changes_with_any_bit_and_any_other_leaf() -> None:
    tree = {
        "a": torch.arange(5.0),
        "b": torch.ones(3, dtype=torch.bool)[1:],
        "c": 1,
        "d": torch.ones(2, 2).t(),
        "e": None,
    }
    assert state.weighed(tree) == state.weighed(state.snapshot(tree))
    for name, other in {
        "a": torch.arange(5.0) * (1 + 2**-23),
        "b": torch.tensor([True, False]),
        "c": True,
        "e": 0,
    }.items():
        assert state.weighed({**tree, name: other}) != state.weighed(tree), name
