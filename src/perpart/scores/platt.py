"""From logits to chances: a scale and a shift for each part, fitted where outcomes are known (Platt 1999)

A model that is trained to find rare contact says too much of it, and does so differently for each part. Logits are
sorted into bins first, so that the fit costs the same whatever it is fitted on, and gives the same bits.
"""

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from perpart.scores.levels import PARTS

REACH, WIDTH = 16.0, 0.25
"""Logits beyond count as this far; and the width of a bin."""
BINS = int(2 * REACH / WIDTH)
MIDDLES = (np.arange(BINS) + 0.5) * WIDTH - REACH
ROUNDS = 60
FIRM = 10.0
"""How many values the identity counts as: a part that nobody touched stays as it is."""


class Platt:
    """Counts logits and outcomes per part, and then tells the scales and shifts that make them chances."""

    def __init__(self):
        self.count, self.outcome = np.zeros((PARTS, BINS)), np.zeros((PARTS, BINS))
        self.squares = 0.0  # of the outcomes

    def add(self, logits: Float[NDArray, "*shape 16"], outcome: Float[NDArray, "*shape 16"]) -> None:
        """Count some logits and what came of them, in [0, 1]."""
        bins = ((logits.reshape(-1, PARTS).astype(np.float64) + REACH) / WIDTH).astype(np.int64).clip(0, BINS - 1)
        cell = (bins + BINS * np.arange(PARTS)).ravel()
        self.count += np.bincount(cell, minlength=PARTS * BINS).reshape(PARTS, BINS)
        values = outcome.astype(np.float64).ravel()
        self.outcome += np.bincount(cell, values, PARTS * BINS).reshape(PARTS, BINS)
        self.squares += float((values**2).sum())

    def fitted(self) -> tuple[Float[NDArray, "16"], Float[NDArray, "16"]]:
        """Scale and shift of each part: sigmoid(scale * logit + shift) is the likeliest forecast of that form.

        Newton's method on the binary cross-entropy, damped so that no step goes further than 1, drawn towards 1 and 0
        as if by FIRM values more.
        """
        scale, shift = np.ones(PARTS), np.zeros(PARTS)
        for _ in range(ROUNDS):
            chance = 1 / (1 + np.exp(-(scale[:, None] * MIDDLES + shift[:, None])))
            pull, weight = self.count * chance - self.outcome, self.count * chance * (1 - chance)
            slope = np.stack([(pull * MIDDLES).sum(1) + FIRM * (scale - 1), pull.sum(1) + FIRM * shift])
            a, b, c = (weight * MIDDLES**2).sum(1) + FIRM, (weight * MIDDLES).sum(1), weight.sum(1) + FIRM
            step = np.stack([c * slope[0] - b * slope[1], a * slope[1] - b * slope[0]]) / (a * c - b**2)
            step /= np.maximum(np.abs(step).max(0), 1.0)
            scale, shift = scale - step[0], shift - step[1]
        return scale, shift
