"""Running means of an epoch's metrics, exact across an interruption and over any number of processes

What is logged waits as it came, with the number of samples that it speaks for. Taken in, the values of one batch are
averaged over the processes in the order of their samples, and added up batch after batch: so it makes no difference
when they are taken in, and each batch counts once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import torch

Number = float | torch.Tensor
Row = list[tuple[int, dict[str, Any]]]
"""What was logged in one batch: samples, values."""
MOST = 1000  # batches that wait


class Means:
    """What the loop logged in the epoch under way.

    Means are sums in float64 and counts of batches. Tensors stay on a GPU until somebody asks, so that logging
    never waits for it. samples: those that the values added next speak for.
    """

    def __init__(self) -> None:
        self.samples = 1
        self._row: Row = []
        self._waiting: list[Row] = []
        self._sums: dict[str, float] = {}
        self._counts: dict[str, int] = {}
        self._last: dict[str, float] = {}
        self._latest: dict[str, Any] = {}

    def add(self, values: Mapping[str, Number]) -> None:
        """Values of this batch, or of a piece of it; they are averaged over the epoch."""
        self._row.append((self.samples, {name: _taken(value) for name, value in values.items()}))

    def put(self, name: str, value: Any) -> None:
        """A value, or a group of values, of which the latest counts."""
        self._latest[name] = _floats(value)

    def batch_done(self) -> bool:
        """Count the batch; whether so many wait that they should be taken in."""
        self._waiting.append(self._row)
        self._row = []
        return len(self._waiting) >= MOST

    def take_in(self, gathered: Callable[[list[Row]], list[list[Row]]] = lambda rows: [rows]) -> None:
        """Take in the batches that wait. gathered: makes of this process's rows those of every process, in order."""
        rows, self._waiting = [_row(row) for row in self._waiting], []
        for row in zip(*gathered(rows), strict=True):
            for name, value in _joined([entry for part in row for entry in part]).items():
                self._sums[name] = self._sums.get(name, 0.0) + value
                self._counts[name] = self._counts.get(name, 0) + 1
                self._last[name] = value

    def epoch(self) -> dict[str, Any]:
        """The epoch's record: means under `train`, then the latest values."""
        return {"train": {name: total / self._counts[name] for name, total in self._sums.items()}, **self._latest}

    def batch(self) -> dict[str, Any]:
        """The last batch's record."""
        scalars = {name: value for name, value in self._latest.items() if not isinstance(value, dict)}
        return {"train": dict(self._last), **scalars}

    def glance(self) -> dict[str, Any]:
        """As `batch`, of this process alone, and taking nothing in."""
        last = _joined(_row(self._waiting[-1])) if self._waiting else {}
        return {**self.batch(), "train": {**self._last, **last}}

    def state_dict(self) -> dict[str, Any]:
        """What was taken in."""
        return {
            "sums": dict(self._sums),
            "counts": dict(self._counts),
            "last": dict(self._last),
            "latest": dict(self._latest),
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        self._sums, self._counts = dict(state_dict["sums"]), dict(state_dict["counts"])
        self._last, self._latest = dict(state_dict["last"]), dict(state_dict["latest"])


def _taken(value: Number) -> Number:
    """In float64, and a copy: the loop may go on to change its tensor in place. In host memory nobody waits for it."""
    if not isinstance(value, torch.Tensor):
        return float(value)
    return float(value.item()) if value.is_cpu else value.detach().to(torch.float64, copy=True)


def _row(row: Row) -> Row:
    return [(samples, {name: float(value) for name, value in values.items()}) for samples, values in row]


def _joined(row: Row) -> dict[str, float]:
    """The values of one batch, each the mean over the samples that it was logged for."""
    found: dict[str, list[tuple[int, float]]] = {}
    for samples, values in row:
        for name, value in values.items():
            found.setdefault(name, []).append((samples, value))
    return {name: _mean(entries) for name, entries in found.items()}


def _mean(entries: list[tuple[int, float]]) -> float:
    if len(entries) == 1:  # exactly as it was logged
        return entries[0][1]
    total = 0.0
    for samples, value in entries:
        if samples:  # a process without a sample of this batch has computed another one's
            total += samples * value
    return total / max(1, sum(samples for samples, _ in entries))


def _floats(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _floats(v) for name, v in cast(Mapping[Any, Any], value).items()}
    return float(value)
