"""What a fitted hand aims at, as a cost in mm: touch what it should and nothing else, stay out, stay sane"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import smooth_l1_loss

from perpart import contact, hand
from perpart.anatomy import ANGLES, FINGERS
from perpart.fits.asked import Asked
from perpart.fits.ground import Ground, clear
from perpart.preshapes import COUPLING

MM = 1000.0
SURE = 0.9
"""Contact from which a part is held to touch: less may be a near miss."""
PRESSED = 0.0005
"""Metres that a touching part presses in, as soft flesh does."""
_MIDDLE = [ANGLES.index(f"{finger}_pip") for finger in FINGERS]
_LAST = [ANGLES.index(f"{finger}_dip") for finger in FINGERS]
_SIDEWAYS = [ANGLES.index(f"{finger}_abduction") for finger in FINGERS]
_OWN = torch.tensor([0, *(1 + part // 3 for part in range(15))])  # the digit of each part; 0 is the palm


@dataclass(frozen=True)
class Weights:
    """What each aim weighs; all aims are mean or summed millimetres."""

    pull: float = 1.0  # parts to the points they should touch
    push: float = 0.5  # and away from those they should not
    direction: float = 4.0
    deep: float = 1.0  # out of the object
    touch: float = 0.5  # surely touching parts right onto the surface
    crossed: float = 0.2  # digits out of each other
    ease: float = 0.3  # joints as tendons couple them


def cost(
    posed: hand.Posed, angles: Float[Tensor, "batch angles"], asked: Asked, ground: Ground | None, weights: Weights
) -> Float[Tensor, "batch"]:
    """What each hand of the batch costs."""
    centres, radii = _beads(posed)
    count = asked.points.shape[1]
    signed, gradient = hand.distance(posed, torch.cat([asked.points, centres], 1))
    gap = contact.gaps(signed[:, :count], gradient[:, :count], asked.normals)
    total = weights.pull * pull(gap, asked) + weights.push * push(gap, asked)
    total = total + weights.direction * astray(posed, asked) + weights.ease * uneasy(angles)
    total = total + weights.crossed * crossed(signed[:, count:], radii)
    if ground is None:
        return total + weights.deep * MM * (-signed[:, :count]).clamp_min(0).amax(-1).mean(-1)
    free = clear(ground, posed)
    return total + weights.deep * deep(free) + weights.touch * off(free, posed.part, asked)


def pull(gap: Tensor, asked: Asked) -> Float[Tensor, "batch"]:
    """How much further than asked parts are from where they should touch: the mean over parts."""
    far = _soft((gap - asked.gap).clamp_min(0))
    weight = asked.contact.square()  # faint contact says little, and there is much of it
    mean = (weight * far).sum(1) / (weight.sum(1) + 0.5)
    present = weight.amax(1)
    return (present * mean).sum(-1) / present.sum(-1).clamp_min(1.0)


def push(gap: Tensor, asked: Asked) -> Float[Tensor, "batch"]:
    """How much nearer than asked parts are: the mean over points, of all parts."""
    return ((1 - asked.contact) * _soft((asked.gap - gap).clamp_min(0))).sum(-1).mean(-1)


def astray(posed: hand.Posed, asked: Asked) -> Float[Tensor, "batch"]:
    """1 - cosine of the direction, weighed by contact; nothing where no direction is known."""
    weight = asked.contact.amax(-1) * (asked.direction.norm(dim=-1) > 0.5)
    cosine = (contact.directions(posed, asked.points, asked.part) * asked.direction).sum(-1)
    return (weight * (1 - cosine)).sum(-1) / weight.sum(-1).clamp_min(1.0)


def deep(free: Float[Tensor, "batch cones balls"]) -> Float[Tensor, "batch"]:
    """How deep cones are in the object, beyond what flesh gives way."""
    into = MM * (-free - PRESSED).clamp_min(0)
    return (into + 0.5 * into.square().clamp_max(200)).amax(-1).sum(-1)


def off(free: Float[Tensor, "batch cones balls"], part: Tensor, asked: Asked) -> Float[Tensor, "batch"]:
    """How far parts that surely touch are off the surface."""
    nearest = torch.stack([free[:, part == k].flatten(1).amin(-1) for k in range(16)], -1)
    sure = (asked.contact.amax(1) >= SURE).float()
    return (sure * _soft((nearest + PRESSED).clamp_min(0))).sum(-1) / sure.sum(-1).clamp_min(1.0)


def crossed(signed: Float[Tensor, "batch beads 16"], radii: Float[Tensor, "batch beads"]) -> Float[Tensor, "batch"]:
    """How deep links of different digits are in each other; knuckles sit in the palm."""
    owner = _OWN[1:].repeat_interleave(BEADS)
    inner = (torch.arange(15) % 3 == 0).repeat_interleave(BEADS)
    apart = (owner[:, None] != _OWN) & ~(inner[:, None] & ((_OWN == 0) | (torch.arange(16) % 3 == 1)))
    apart[: 3 * BEADS, 0] = False  # the thumb lies along the thenar
    into = (radii[..., None] - signed - 0.002).clamp_min(0) * apart
    return MM * into.sum((1, 2))


def uneasy(angles: Float[Tensor, "batch angles"]) -> Float[Tensor, "batch"]:
    """How far last joints are from what the middle ones' tendon makes of them, and fingers from straight ahead."""
    coupled = (angles[:, _LAST] - COUPLING * angles[:, _MIDDLE]).square().sum(-1)
    return coupled + angles[:, _SIDEWAYS].square().sum(-1)


BEADS = 2
"""Balls of each bone that are held against the other digits: at its middle and its end."""


def _beads(posed: hand.Posed) -> tuple[Tensor, Tensor]:
    a, b, ra, rb = (end[:, -15:] for end in (posed.a, posed.b, posed.ra, posed.rb))
    centres = torch.stack([(a + b) / 2, b], 2).flatten(1, 2)
    return centres, torch.stack([(ra + rb) / 2, rb], 2).flatten(1, 2)


def _soft(metres: Tensor) -> Tensor:
    """Millimetres, squared where they are few: a far point pulls no harder than one at 2 mm."""
    return smooth_l1_loss(MM * metres, torch.zeros_like(metres), beta=2.0, reduction="none")
