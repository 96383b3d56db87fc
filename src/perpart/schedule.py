"""The learning rate as a function of progress: a cosine over each leg of the run"""

import math
from collections.abc import Mapping, Sequence

from torch.optim import Optimizer

Leg = Sequence[int]  # the epochs at which a cosine begins and ends


class Schedule:
    """Sets the optimizer's learning rate from `lr` at a leg's first step down to exactly `lr_end` at its last one.

    A function of progress and not of its own past: another batch size, or a resumed run, gets the same curve. Behind
    the last leg it stays at `lr_end`. It sets the weight decay too, so that a changed setting is truly applied to an
    optimizer whose state brings the old one. `batches` is the number
    of them in an epoch; state is `progress` (epochs) and the `lr` there.
    """

    def __init__(
        self, optimizer: Optimizer, batches: int, *, legs: Sequence[Leg], lr: float, lr_end: float, weight_decay: float
    ) -> None:
        self.legs, self.batches, self.peak, self.end = legs, batches, lr, lr_end
        self.weight_decay = weight_decay
        self._optimizer, self._progress, self.lr = optimizer, 0.0, self.at(0.0)

    def step(self, progress: float) -> None:
        """Before a batch: progress is the epochs done, as a fraction."""
        self._progress, self.lr = progress, self.at(progress)
        for group in self._optimizer.param_groups:
            group["lr"], group["weight_decay"] = self.lr, self.weight_decay

    def at(self, progress: float, legs: Sequence[Leg] | None = None) -> float:
        """The learning rate of the batch that begins at this progress; with other legs, what it would be."""
        begun = [leg for leg in legs or self.legs if leg[0] <= progress]
        start, stop = begun[-1]
        last = max(stop - start - 1 / self.batches, 1e-9)  # where the leg's last batch begins
        return self.end + 0.5 * (self.peak - self.end) * (1 + math.cos(math.pi * min(1.0, (progress - start) / last)))

    def state_dict(self) -> dict[str, float]:
        return {"progress": self._progress, "lr": self.lr}

    def load_state_dict(self, state_dict: Mapping[str, float]) -> None:
        self._progress, self.lr = state_dict["progress"], state_dict["lr"]


def extended(legs: Sequence[Leg], n_epochs: int, how: str) -> list[list[int]]:
    """The legs of a run that is given another length: `hold` leaves the curve as it is, `stretch` ends its last leg
    there, `restart` begins a new leg where the old ones end. Raises ValueError for a restart without room."""
    kept = [list(leg) for leg in legs]
    if how == "stretch":
        kept[-1][1] = n_epochs
    elif how == "restart":
        if n_epochs <= kept[-1][1]:
            raise ValueError(f"no room for a restart: the schedule goes to epoch {kept[-1][1]}, the run to {n_epochs}")
        kept.append([kept[-1][1], n_epochs])
    return kept
