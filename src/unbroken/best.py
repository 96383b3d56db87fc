"""The best epoch so far, by a value that the loop logs; its state is kept as best.pt"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, cast

from .keep import Keep
from .position import Position
from .shelf import Shelf


class Best:
    """Which epoch was the best, by how much; part of every state, so that a resumed run goes on comparing."""

    def __init__(self, keep: Keep) -> None:
        self._name, self._sign = keep.best, -1.0 if keep.lower else 1.0
        self._value, self.epoch = -math.inf, 0
        self._warned, self._warnings = False, list[str]()

    def offer(self, record: Mapping[str, Any], epoch: int) -> bool:
        """Whether a completed epoch is better than all before it. What is not a number never is."""
        if self._name is None:
            return False
        value = _found(record, self._name)
        if value is None:
            self._miss(epoch)
            return False
        if not self._sign * value > self._value:
            return False
        self._value, self.epoch = self._sign * value, epoch
        return True

    def shown(self, record: Mapping[str, Any]) -> dict[str, float]:
        """The value of an epoch by which the best is kept, under its name in words; empty where there is none."""
        if self._name is None or (value := _found(record, self._name)) is None:
            return {}
        return {self._name.replace(".", " "): value}

    def warnings(self) -> list[str]:
        """What to say, once, where no epoch so far has logged the value."""
        told, self._warnings = self._warnings, []
        return told

    def _miss(self, epoch: int) -> None:
        if not self._warned and not self.epoch:  # whoever validates now and then has had it
            self._warnings = [f"Warning: epoch {epoch} logged no {self._name}, by which best.pt is to be kept"]
        self._warned = True

    def state_dict(self) -> dict[str, Any]:
        """Nothing, where no best state is asked for."""
        if self._name is None:
            return {}
        return {"best": {"name": self._name, "value": self._sign * self._value, "epoch": self.epoch}}

    def load_state_dict(self, tree: Mapping[str, Any]) -> None:
        """Go on from a state's history, if it is one of the same value."""
        found = cast(dict[str, Any], tree.get("best") or {})
        if found.get("name") == self._name and found.get("epoch"):
            self._value, self.epoch = self._sign * float(found["value"]), int(found["epoch"])

    def settle(self, shelf: Shelf, position: Position, say: Callable[[str], None]) -> None:
        """Make best.pt agree with the state that the run goes on from, which is on the disk. A run that was killed
        between checkpoint.pt and best.pt has both now; where best.pt was lost, the comparison begins anew."""
        now = 0 < self.epoch == position.epoch and position.batch == 0
        if self._name is None or shelf.settle_best(self.epoch, now, say) or not self.epoch:
            return
        say(f"Warning: {shelf.best} of epoch {self.epoch} is not here: the best is kept from here on")
        self._value, self.epoch = -math.inf, 0


def _found(record: Mapping[str, Any], name: str) -> float | None:
    value: Any = record
    for word in name.split("."):
        if not isinstance(value, Mapping) or word not in value:
            return None
        value = cast(Mapping[str, Any], value)[word]
    return float(value) if isinstance(value, int | float) else None
