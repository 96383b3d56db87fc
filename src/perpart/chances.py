"""How sure the model is: from logits of contact to calibrated chances, part by part"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from perpart.anatomy import PARTS
from perpart.scores.platt import Platt


class Chances(nn.Module):
    """From logits of contact to chances, per part. Not learned by gradient but fitted on validation objects: of those
    it was trained on, a model is too sure."""

    scale: Tensor
    shift: Tensor

    def __init__(self):
        super().__init__()
        self.register_buffer("scale", torch.ones(2, len(PARTS)))
        self.register_buffer("shift", torch.zeros(2, len(PARTS)))

    def forward(
        self, logits: Float[Tensor, "*shape 16"]
    ) -> tuple[Float[Tensor, "*shape 16"], Float[Tensor, "*shape 16"]]:
        expected, touch = (
            (scale * logits + shift).sigmoid() for scale, shift in zip(self.scale, self.shift, strict=True)
        )
        return expected, touch

    def fit(self, *events: Platt) -> None:
        """Take what was counted of the contact to expect, and of touch."""
        for row, event in enumerate(events):
            for store, values in zip((self.scale, self.shift), event.fitted(), strict=True):
                store[row] = torch.from_numpy(values)
