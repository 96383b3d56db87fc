"""What the model's logits of contact stand for: calibrated chances, part by part, and maps as sharp as real ones"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from perpart.anatomy import PARTS
from perpart.scores.platt import Platt
from perpart.scores.sharpness import sharpness


class Chances(nn.Module):
    """From logits of contact to chances, per part, and to maps. Not learned by gradient but fitted on validation
    objects: of those it was trained on, a model is too sure."""

    scale: Tensor
    shift: Tensor
    sharpness: Tensor | None  # none until it is fitted

    def __init__(self):
        super().__init__()
        self.register_buffer("scale", torch.ones(2, len(PARTS)))
        self.register_buffer("shift", torch.zeros(2, len(PARTS)))
        self.register_buffer("sharpness", None)
        self.register_load_state_dict_pre_hook(room)

    def forward(
        self, logits: Float[Tensor, "*shape 16"]
    ) -> tuple[Float[Tensor, "*shape 16"], Float[Tensor, "*shape 16"]]:
        expected, touch = (
            (scale * logits + shift).sigmoid() for scale, shift in zip(self.scale, self.shift, strict=True)
        )
        return expected, touch

    def sharp(self, logits: Float[Tensor, "*shape 16"]) -> Float[Tensor, "*shape 16"]:
        """Maps as sharp as real ones; a part touches at 0.5 where it does in `logits`."""
        return (logits if self.sharpness is None else self.sharpness * logits).sigmoid()

    def fit(self, expected: Platt, touch: Platt) -> None:
        """Take what was counted of the contact to expect, and of touch."""
        for row, event in enumerate((expected, touch)):
            for store, values in zip((self.scale, self.shift), event.fitted(), strict=True):
                store[row] = torch.from_numpy(values)
        self.sharpness = self.scale.new_tensor(sharpness(expected))


def room(module: Chances, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """A place for the sharpness where a state has one. Runs of a time before it have none, and go on without."""
    kept = state.get(prefix + "sharpness")
    module.sharpness = None if kept is None else torch.empty_like(kept, device=module.scale.device)
