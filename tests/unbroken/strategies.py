"""Hypothesis strategies: the values that a state is made of, and places in a run

A tree may hold any bit pattern: NaN with a payload, -0.0, subnormal numbers, empty tensors, empty containers.
"""

from collections.abc import Iterator
from typing import Any

import torch
from hypothesis import strategies as st

DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.uint8]

seeds = st.integers(min_value=0, max_value=2**63 - 1)
sizes = st.integers(min_value=1, max_value=3000)
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=6))
keys = st.one_of(st.text(max_size=4), st.integers(-3, 12))


@st.composite
def tensors(draw: st.DrawFn) -> torch.Tensor:
    """Small tensors of any bits, also empty ones, scalars and tensors that are not contiguous."""
    dtype = draw(st.sampled_from(DTYPES))
    shape = draw(st.lists(st.integers(0, 3), max_size=3))
    count = torch.Size(shape).numel() * dtype.itemsize
    raw = draw(st.binary(min_size=count, max_size=count))
    tensor = torch.tensor(list(raw), dtype=torch.uint8).view(dtype).reshape(shape)
    return tensor.transpose(0, 1) if len(shape) > 1 and draw(st.booleans()) else tensor


trees = st.recursive(
    scalars | tensors(),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.lists(inner, max_size=3).map(tuple), st.dictionaries(keys, inner, max_size=3)
    ),
    max_leaves=8,
)


def variants(tree: Any) -> Iterator[Any]:
    """Every tree that differs from this one in exactly one small thing."""
    if isinstance(tree, dict):
        yield from _dicts(tree)
    elif isinstance(tree, list | tuple):
        yield (tuple if isinstance(tree, list) else list)(tree)
        yield type(tree)([*tree, None])
        for i, value in enumerate(tree):
            yield type(tree)([*tree[:i], *tree[i + 1 :]])
            for changed in variants(value):
                yield type(tree)([*tree[:i], changed, *tree[i + 1 :]])
        if not tree:
            yield f"{type(tree).__name__} of 0"
    elif isinstance(tree, torch.Tensor):
        yield from _tensors(tree)
    else:
        yield from _scalars(tree)


def _dicts(tree: dict[Any, Any]) -> Iterator[Any]:
    yield {**tree, "one more": None}
    if not tree:
        yield "dict of 0"
    for name, value in tree.items():
        rest = {k: v for k, v in tree.items() if k is not name}
        yield rest
        twin = str(name) if isinstance(name, int) else f"{name}'"
        if twin not in tree:
            yield {**rest, twin: value}
        for changed in variants(value):
            yield {**tree, name: changed}


def _tensors(tensor: torch.Tensor) -> Iterator[Any]:
    yield tensor.unsqueeze(0)
    yield tensor.tolist()
    yield tensor.contiguous().view(torch.uint8) if tensor.dim() and tensor.dtype != torch.uint8 else None
    for place in range(tensor.numel()):
        for bit in (1, 128):
            changed = tensor.clone().contiguous()
            changed.reshape(-1).view(torch.uint8)[place * tensor.dtype.itemsize] ^= bit
            yield changed


def _scalars(value: Any) -> Iterator[Any]:
    yield [value]
    yield torch.tensor(value) if type(value) in (bool, float) else [None]
    if type(value) is bool:
        yield from (not value, int(value))
    elif type(value) is int:
        yield from (value + 1, str(value))
        if abs(value) < 2**52:
            yield float(value)
    elif type(value) is float:
        yield from (-value, repr(value))
    elif type(value) is str:
        yield value + "\0"
    else:
        yield str(value)
