"""A model's weights as a mean over its latest steps: what is validated, drawn from and shipped

Each step throws the weights a little off; a mean over many of them lies nearer to what they wander around, and a flow
draws better from there. The mean reaches back over a fixed share of the run so far, whatever its length: step t weighs
as the power t^6.94, which spreads over a tenth of the run (Karras et al., CVPR 2024, "power function" averages).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

POWER = 6.94
"""The larger, the shorter the mean: this one has a standard deviation of 10 % of the run so far."""


class Average(AveragedModel):
    """The mean of a model's parameters; buffers are copied. Its `module` is the model with these weights."""

    def __init__(self, model: nn.Module):
        super().__init__(model, multi_avg_fn=self._lately)

    def _lately(self, means: Iterable[Tensor], latest: Iterable[Tensor], _: Tensor | int) -> None:
        share = 1 - (1 - 1 / (int(self.n_averaged) + 1)) ** (POWER + 1)  # the counter lies on the CPU: nothing waits
        for mean, now in zip(means, latest, strict=True):
            mean.lerp_(now, share)


def weights(state: Mapping[str, Any]) -> dict[str, Tensor]:
    """The weights to draw from in a run's state: the mean's, or the model's own where the run kept no mean."""
    kept = state.get("kept", {}).get("average")
    if kept is None:
        return state["state_dict"]
    head = "module."
    return {name.removeprefix(head): value for name, value in kept.items() if name.startswith(head)}
