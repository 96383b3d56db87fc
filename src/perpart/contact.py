"""Who touches where: contact, part and direction labels from a posed hand and an object's points

A point v with outward normal n stands for the short segment S(v) from v + 0.5 mm n to v - 1.5 mm n: real
skin and real surfaces give way a little. Part k's nearest point to v is q_k = v - s_k g_k (signed distance
s_k, unit gradient g_k), and its contact is c_k = clamp(1 / (d_k / 3 mm + 1e-4), 0, 1) with d_k the distance
from q_k to S(v).

That formula is the one of ContactGen (Liu et al., ICCV 2023), with one difference: its tail 1/d never ends,
so here it is faded linearly to exactly 0 between 15 and 20 mm. Contact is 1 up to 3 mm and 0.5 at 6 mm.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from perpart.hand import Posed, distance

ABOVE = 0.0005
"""Metres by which the segment of a point reaches out of the object, along its normal."""
BELOW = 0.0015
"""Metres by which the segment of a point reaches into the object."""
SCALE = 0.003
"""Metres between a part and the segment up to which contact is 1."""
FADE = (0.015, 0.020)
"""Metres between which the tail of contact is led to 0."""


def labels(
    posed: Posed, points: Float[Tensor, "batch points 3"], normals: Float[Tensor, "batch points 3"]
) -> tuple[Float[Tensor, "batch points 16"], Int[Tensor, "batch points"], Float[Tensor, "batch points 3"]]:
    """Contact per part, nearest part and direction for every object point.

    Points are in metres in the frame the hand is posed in, normals are unit and point outwards. Contact lies
    in [0, 1], part is the index of the part with the smallest signed distance, direction is the unit vector
    from that part's joint to the point in the joint's own axes.
    """
    signed, gradient = distance(posed, points)
    part = signed.argmin(dim=-1)
    return falloff(gaps(signed, gradient, normals)), part, directions(posed, points, part)


def whole(
    posed: Posed, points: Float[Tensor, "batch points 3"], normals: Float[Tensor, "batch points 3"]
) -> Float[Tensor, "batch points"]:
    """Contact of the hand as one body: that of its nearest part, as the ancestor's single channel has it."""
    signed, gradient = distance(posed, points)
    nearest = signed.argmin(dim=-1, keepdim=True)
    return falloff(gaps(signed, gradient, normals)).gather(-1, nearest).squeeze(-1)


def gaps(
    signed: Float[Tensor, "batch points 16"],
    gradient: Float[Tensor, "batch points 16 3"],
    normals: Float[Tensor, "batch points 3"],
) -> Float[Tensor, "batch points 16"]:
    """Metres from each part's nearest point to the segment that stands for the object point."""
    # With v as origin q_k is -s_k g_k: only its foot on the normal and its way beside it are needed.
    along = -signed * (gradient * normals.unsqueeze(-2)).sum(-1)
    beside = (signed.square() - along.square()).clamp_min(0.0)
    beyond = along - along.clamp(-BELOW, ABOVE)
    return (beside + beyond.square()).sqrt()


def falloff(gap: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Contact in [0, 1] at a gap in metres: 1 up to 3 mm, then 3 mm / gap, faded to 0 from 15 to 20 mm."""
    start, end = FADE
    return (1.0 / (gap / SCALE + 1e-4)).clamp(0.0, 1.0) * ((end - gap) / (end - start)).clamp(0.0, 1.0)


def directions(
    posed: Posed, points: Float[Tensor, "batch points 3"], part: Int[Tensor, "batch points"]
) -> Float[Tensor, "batch points 3"]:
    """Unit vector from the joint of each point's part to the point, in its axes (0 on the joint itself)."""
    frame = posed.frames.gather(1, part[..., None, None].expand(-1, -1, 4, 4))
    offset = points - frame[..., :3, 3]
    # The rotation's transpose takes world axes to joint axes.
    return torch.nn.functional.normalize(torch.einsum("bpji,bpj->bpi", frame[..., :3, :3], offset), dim=-1)
