"""The ancestor's loss (ContactGen, Liu et al., ICCV 2023), so that anybody can compare

With w = 1 + 5 c, c the largest contact at a point: mean |w (c - guess)|, half of the mean of w times the part's
cross-entropy, the mean of w times the direction's angle, and for each latent sqrt(1 + KL^2) - 1 at a price that rises
over the whole run to 0.05. Means go over all points, touched or not; that of the direction over those where it is
known, in our data the half of the points that are touched at all. A form with sixteen channels is held to the same L1,
channel by channel, each with its own w, summed over the channels. What a prior learns beside it is added.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from perpart.losses import PART, POSITIVE, angle, known, nats, surprise, totalled

KL_WEIGHT = 0.05


def objective(outputs: dict[str, Any], batch: dict[str, Tensor], kl_weight: float) -> dict[str, Float[Tensor, ""]]:
    """The loss and its terms, as scalar tensors; `kl_weight` is the price of the latents."""
    weight = 1.0 + POSITIVE * batch["contact"].amax(-1)
    terms = {
        "contact": contact(outputs, batch["contact"]),
        "part": (weight * surprise(outputs["part"], batch["part"])).mean(),
        "direction": direction(outputs["direction"], batch["direction"], weight),
        "kl": torch.stack(
            [divergence(*moments) for moments in zip(outputs["mu"], outputs["logvar"], strict=True)]
        ).sum(),
    }
    fit = terms["contact"] + PART * terms["part"] + terms["direction"]
    return totalled(fit, terms, outputs, kl_weight)


def contact(outputs: dict[str, Any], target: Float[Tensor, "batch points 16"]) -> Float[Tensor, ""]:
    """L1, weighed: of the one channel where there is one, else of each part's."""
    if "one" in outputs:
        guess, target = outputs["one"].sigmoid()[..., None], target.amax(-1, keepdim=True)
    else:
        guess = outputs["contact"].sigmoid()
    return ((1.0 + POSITIVE * target) * (target - guess).abs()).sum(-1).mean()


def direction(
    guess: Float[Tensor, "batch points 3"],
    target: Float[Tensor, "batch points 3"],
    weight: Float[Tensor, "batch points"],
) -> Float[Tensor, ""]:
    """The weighed angle in radians; where the target is no direction but zero, it is unknown and costs nothing."""
    counts = known(target).float()
    return (weight * counts * angle(guess, target)).sum() / counts.sum().clamp_min(1.0)


def divergence(mu: Float[Tensor, "batch latents"], logvar: Float[Tensor, "batch latents"]) -> Float[Tensor, ""]:
    """sqrt(1 + KL^2) - 1 of the batch's mean KL, summed over the units: flat at 0, so that a small KL costs little."""
    kl = nats(mu, logvar).mean(0).sum()
    return (1 + kl.square()).sqrt() - 1
