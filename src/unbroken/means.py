"""Running means of an epoch's metrics, exact across an interruption"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import torch

Number = float | torch.Tensor


class Means:
    """What the loop logged in the epoch under way.

    Means are sums in float64 and counts of batches. Sums of tensors stay on their device until somebody asks, so that
    logging never waits for a GPU.
    """

    def __init__(self) -> None:
        self._sums: dict[str, Any] = {}
        self._counts: dict[str, int] = {}
        self._last: dict[str, Number] = {}
        self._latest: dict[str, Any] = {}

    def add(self, values: Mapping[str, Number]) -> None:
        """One batch's values; they are averaged over the epoch."""
        for name, value in values.items():
            wide = _taken(value)
            self._sums[name] = self._sums.get(name, 0.0) + wide
            self._counts[name] = self._counts.get(name, 0) + 1
            self._last[name] = wide

    def put(self, name: str, value: Any) -> None:
        """A value, or a group of values, of which the latest counts."""
        self._latest[name] = _floats(value)

    def epoch(self) -> dict[str, Any]:
        """The epoch's record: means under `train`, then the latest values."""
        means = {name: float(total) / self._counts[name] for name, total in self._sums.items()}
        return {"train": means, **self._latest}

    def batch(self) -> dict[str, Any]:
        """The last batch's record."""
        scalars = {name: value for name, value in self._latest.items() if not isinstance(value, dict)}
        return {"train": {name: float(value) for name, value in self._last.items()}, **scalars}

    def state_dict(self) -> dict[str, Any]:
        return {
            "sums": {name: float(total) for name, total in self._sums.items()},
            "counts": dict(self._counts),
            "last": {name: float(value) for name, value in self._last.items()},
            "latest": dict(self._latest),
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        self._sums, self._counts = dict(state_dict["sums"]), dict(state_dict["counts"])
        self._last, self._latest = dict(state_dict["last"]), dict(state_dict["latest"])


def _taken(value: Number) -> Number:
    """In float64, and a copy: the loop may go on to change its tensor in place."""
    return value.detach().to(torch.float64, copy=True) if isinstance(value, torch.Tensor) else float(value)


def _floats(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _floats(v) for name, v in cast(Mapping[Any, Any], value).items()}
    return float(value)
