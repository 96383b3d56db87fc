"""What training minimises: the misfit of the maps, and the price of the latent

Contact is sparse - about one value in fifty - and under an L1 loss the empty map is already good. So contact is
weighted up where there is some (binary cross-entropy, weight 1 + 5 c as in ContactGen), and every part that touches
at all is scored as a whole, however small its patch (soft Dice).
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

POSITIVE = 5.0
"""How much more a full contact weighs than none."""
PART, DIRECTION = 0.5, 0.5
"""Weights of the part's cross-entropy (ContactGen's) and of the direction's angle in radians."""
TOUCHED = 0.1
"""The largest contact from which a point counts as touched, and its part is asked for."""
KL_WEIGHT = 4e-3
"""The weight of the latent's price to warm up to: per nat, beside maps that are averaged over points."""
PARALLEL = 1 - 1e-6
"""The largest cosine: at exactly parallel the arc cosine's slope is infinite, a milliradian before that it is not."""
FREE = 0.05
"""Nats per latent that cost nothing: below, a unit would be switched off early and never come back."""
ACTIVE = 0.01
"""Variance of a unit's posterior mean over the data from which it is active (Burda et al., ICLR 2016)."""


def objective(outputs: dict, batch: dict[str, Tensor], kl_weight: float) -> dict[str, Float[Tensor, ""]]:
    """The loss and its terms, as scalar tensors; `kl_weight` is the price of a nat."""
    terms = {
        "contact": contact(outputs["contact"], batch["contact"]),
        "dice": dice(outputs["contact"].sigmoid(), batch["contact"]),
        "part": part(outputs["part"], batch["part"], batch["contact"]),
        "direction": direction(outputs["direction"], batch["direction"], batch["contact"]),
        "kl": sum(divergence(mu, logvar) for mu, logvar in zip(outputs["mu"], outputs["logvar"], strict=True)),
    }
    fit = terms["contact"] + terms["dice"] + PART * terms["part"] + DIRECTION * terms["direction"]
    return totalled(fit, terms, outputs, kl_weight)


def totalled(fit: Tensor, terms: dict[str, Tensor], outputs: dict, kl_weight: float) -> dict[str, Tensor]:
    """The loss before its terms: the misfit, the price of the latent, and what a prior learns beside them."""
    flow = {"flow": outputs["flow"]} if "flow" in outputs else {}
    return {"loss": fit + kl_weight * terms["kl"] + flow.get("flow", 0.0), **terms, **flow}


def contact(logits: Float[Tensor, "batch points 16"], target: Float[Tensor, "batch points 16"]) -> Float[Tensor, ""]:
    """Binary cross-entropy against soft targets, summed over the parts and averaged over the points."""
    weight = 1.0 + POSITIVE * target
    # A soft target's own entropy is no misfit: without it a perfect map costs exactly nothing.
    excess = binary_cross_entropy_with_logits(logits, target, reduction="none") - entropy(target)
    return (weight * excess).sum(-1).mean()


def entropy(chance: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Nats of a yes that comes with this chance."""
    return -torch.xlogy(chance, chance) - torch.xlogy(1 - chance, 1 - chance)


def dice(guess: Float[Tensor, "batch points 16"], target: Float[Tensor, "batch points 16"]) -> Float[Tensor, ""]:
    """1 - soft Dice of each part that touches, averaged over the parts of the batch; squared sizes make an exact
    soft map cost nothing."""
    overlap = 2 * (guess * target).sum(1)
    sizes = guess.square().sum(1) + target.square().sum(1)
    present = (target.amax(1) > TOUCHED).float()
    misses = (1 - (overlap + 1e-3) / (sizes + 1e-3)) * present
    return misses.sum() / present.sum().clamp_min(1.0)


def part(
    logits: Float[Tensor, "batch points 16"], target: Tensor, contact: Float[Tensor, "batch points 16"]
) -> Float[Tensor, ""]:
    """Cross-entropy of the nearest part, averaged over the touched points."""
    touched = (contact.amax(-1) > TOUCHED).float()
    return (surprise(logits, target) * touched).sum() / touched.sum().clamp_min(1.0)


def surprise(logits: Float[Tensor, "batch points 16"], target: Tensor) -> Float[Tensor, "batch points"]:
    """Cross-entropy of the nearest part at each point."""
    return cross_entropy(logits.flatten(0, 1), target.flatten(), reduction="none").view(target.shape)


def direction(
    guess: Float[Tensor, "batch points 3"],
    target: Float[Tensor, "batch points 3"],
    contact: Float[Tensor, "batch points 16"],
) -> Float[Tensor, ""]:
    """The angle between unit directions in radians, averaged with the largest contact as weight. Where the target is
    no direction but zero, it is unknown and costs nothing."""
    weight = contact.amax(-1) * known(target)
    return (weight * angle(guess, target)).sum() / weight.sum().clamp_min(1.0)


def known(target: Float[Tensor, "batch points 3"]) -> Tensor:
    """Where a direction is one, and not the zero of an unknown one."""
    return target.square().sum(-1) > 0.25


def angle(guess: Float[Tensor, "batch points 3"], target: Float[Tensor, "batch points 3"]) -> Tensor:
    """The angle between unit directions in radians, at each point."""
    return (guess * target).sum(-1).clamp(-PARALLEL, PARALLEL).acos()


def divergence(mu: Float[Tensor, "batch latents"], logvar: Float[Tensor, "batch latents"]) -> Float[Tensor, ""]:
    """Nats from the posterior to the standard normal prior: batch mean, summed over the units, each at least FREE."""
    return nats(mu, logvar).mean(0).clamp_min(FREE).sum()


def nats(mu: Float[Tensor, "batch latents"], logvar: Float[Tensor, "batch latents"]) -> Float[Tensor, "batch latents"]:
    """Nats from each unit's posterior to the standard normal."""
    return 0.5 * (mu.square() + logvar.exp() - 1 - logvar)


def active(mu: Float[Tensor, "samples latents"]) -> Float[Tensor, ""]:
    """How many units of the latent tell the samples apart; few of many means that the posterior has collapsed."""
    return (mu.var(0, correction=0) > ACTIVE).sum()
