"""The hand: sixteen parts of round cones, posed by joint angles, with closed-form signed distance

A right hand, ours. The palm's frame has its origin in the wrist, +x towards the fingers, +y to the thumb's
side, +z out of the back of the hand; the palm looks along -z. Every bone's own frame has +x along the bone
towards its tip, and a positive flexion turns it about its +y axis, towards the palm.

A round cone (tapered capsule) is the union of the balls that slide from `a` (radius `ra`) to `b` (radius
`rb`). The palm is six of them, every other part one. Lengths in metres, angles in radians.
"""

from dataclasses import dataclass

import numpy as np
import torch
import trimesh
from jaxtyping import Float, Int
from skimage.measure import marching_cubes
from torch import Tensor

from perpart.anatomy import (
    ANGLES,
    BASE,
    BONE_LENGTHS,
    BONE_NAMES,
    BONES,
    CONE_PARTS,
    FINGERS,
    LIMITS,
    MEAN_BONES,
    METACARPAL_RADII,
    PADS,
    PARTS,
    PRONATION,
    RADII,
    RAY,
    SOFT_TIP,
    TURN,
    draw_bones,
    limited,
)
from perpart.errors import Mistake

__all__ = [
    "ANGLES",
    "BONES",
    "FINGERS",
    "LIMITS",
    "MEAN_BONES",
    "PARTS",
    "Posed",
    "distance",
    "draw_bones",
    "limited",
    "meshes",
    "pose",
]


@dataclass(frozen=True)
class Posed:
    """A batch of posed hands in the object's frame. `part[c]` says which part cone c belongs to."""

    frames: Float[Tensor, "batch 16 4 4"]
    a: Float[Tensor, "batch cones 3"]
    b: Float[Tensor, "batch cones 3"]
    ra: Float[Tensor, "batch cones"]
    rb: Float[Tensor, "batch cones"]
    part: Int[Tensor, "cones"]

    def __getitem__(self, which: slice) -> "Posed":
        """The hands of a slice of the batch."""
        return Posed(self.frames[which], self.a[which], self.b[which], self.ra[which], self.rb[which], self.part)


def pose(
    angles: Float[Tensor, "batch angles"],
    root: Float[Tensor, "batch 4 4"],
    bones: Float[Tensor, "batch bones"],
) -> Posed:
    """Pose hands: joint angles (radians, in the order of ANGLES), the palm's frame in the object's frame, and
    sizes (metres, in the order of BONES). Differentiable in all three; limits are the caller's (`limited`).

    Raises Mistake when the number of angles or bones is not this hand's.
    """
    _expect(angles, len(ANGLES), "angles", "perpart.hand.ANGLES")
    _expect(bones, len(BONES), "bones", "perpart.hand.BONES")
    size = dict(zip(BONES, bones.unbind(-1), strict=True))
    angle = dict(zip(ANGLES, angles.unbind(-1), strict=True))
    frames = [root, *_thumb(angle, size, root)]
    for finger in FINGERS:
        frames += _finger(finger, angle, size, root)
    stacked = torch.stack(frames, dim=1)
    a, b, ra, rb = _cones(stacked, size)
    return Posed(stacked, a, b, ra, rb, torch.tensor(CONE_PARTS, device=root.device))


def distance(
    posed: Posed, points: Float[Tensor, "batch points 3"]
) -> tuple[Float[Tensor, "batch points 16"], Float[Tensor, "batch points 16 3"]]:
    """Signed distance (m, negative inside) from each part to each point, and its gradient: the unit vector away
    from the part, so that `point - distance * gradient` is the part's nearest surface point (deep inside the
    palm: of its nearest cone). Differentiable once in the pose and the points. On a cone's axis, where the
    nearest point is a whole circle, the gradient is zero.
    """
    with torch.no_grad():
        share, cone = _nearest_ball(posed, points)
    centre, radius = _ball(posed, share, cone)
    away = points[:, :, None] - centre
    # The floor keeps the square root's slope finite on the axis; a nanometre is below what float32 resolves.
    length = away.square().sum(-1).clamp_min(1e-18).sqrt()
    return length - radius, away / length[..., None]


def meshes(posed: Posed, step: float = 0.002) -> list[trimesh.Trimesh]:
    """The sixteen parts of one posed hand as closed meshes in the object's frame (m), for showing only.

    Raises Mistake when the batch holds more than one hand.
    """
    if len(posed.frames) != 1:
        raise Mistake(f"meshes: {len(posed.frames)} hands in the batch; pass one, as posed[i : i + 1]")
    return [_part_mesh(posed, part, step) for part in range(len(PARTS))]


def _part_mesh(posed: Posed, part: int, step: float) -> trimesh.Trimesh:
    mine = posed.part == part
    reach = torch.stack([posed.ra, posed.rb])[:, 0, mine, None]
    ends = torch.stack([posed.a, posed.b])[:, 0, mine]
    low = (ends - reach).amin((0, 1)) - 2 * step
    shape = ((((ends + reach).amax((0, 1)) + 2 * step) - low) / step).ceil().int().tolist()
    axes = [low[i] + step * torch.arange(shape[i], device=low.device, dtype=low.dtype) for i in range(3)]
    grid = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).reshape(1, -1, 3)
    values = distance(posed, grid)[0][0, :, part].reshape(shape)
    vertices, faces, _, _ = marching_cubes(values.detach().cpu().numpy(), 0.0, spacing=(step,) * 3)
    return trimesh.Trimesh(vertices + low.detach().cpu().numpy(), faces, process=False)


def _nearest_ball(
    posed: Posed, points: Float[Tensor, "batch points 3"]
) -> tuple[Float[Tensor, "batch points 16"], Int[Tensor, "batch points 16"]]:
    """Per point and part: the nearest cone, and how far along it (0 at a, 1 at b) the nearest ball sits.

    With t the point's coordinate along the axis, s its distance from the axis and k the taper per metre, the
    gap to the ball at h is sqrt((t-h)² + s²) - ra + k·h: convex in h, least at h = t - k·s/sqrt(1-k²), clamped
    to the bone. Since it is least there, its slope in h is zero, and `distance` may treat h as a constant.
    """
    middle = posed.a.mean(1, keepdim=True)  # near the hand, products of coordinates lose no digits
    start, points = posed.a - middle, points - middle
    length = (posed.b - posed.a).norm(dim=-1)
    axis = (posed.b - posed.a) / length[..., None]
    taper = ((posed.ra - posed.rb) / length)[:, None]
    along = points @ axis.mT - (start * axis).sum(-1)[:, None]
    squared = points.square().sum(-1, keepdim=True) - 2 * points @ start.mT + start.square().sum(-1)[:, None]
    aside = (squared - along.square()).clamp_min(0).sqrt()
    h = (along - taper * aside / (1 - taper.square()).sqrt()).clamp_min(0).minimum(length[:, None])
    gap = ((along - h).square() + aside.square()).sqrt() - posed.ra[:, None] + taper * h
    share = h / length[:, None]
    palm = int((posed.part == 0).sum())
    best = gap[..., :palm].argmin(-1, keepdim=True)
    others = torch.arange(palm, gap.shape[-1], device=gap.device).expand(*gap.shape[:2], -1)
    cone = torch.cat([best, others], dim=-1)
    return share.gather(-1, cone), cone


def _ball(
    posed: Posed, share: Float[Tensor, "batch points 16"], cone: Int[Tensor, "batch points 16"]
) -> tuple[Float[Tensor, "batch points 16 3"], Float[Tensor, "batch points 16"]]:
    ends = torch.cat([posed.a, posed.ra[..., None]], -1), torch.cat([posed.b, posed.rb[..., None]], -1)
    batch = torch.arange(len(cone), device=cone.device)[:, None, None]
    a, b = (end[batch, cone] for end in ends)
    mixed = a + share[..., None] * (b - a)
    return mixed[..., :3], mixed[..., 3]


def _cones(frames: Tensor, size: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The cones in the object's frame: six of the palm, then one per bone, in the order of CONE_PARTS."""
    girth = size["girth"]
    local = [_metacarpal(finger, size) for finger in FINGERS] + [_pad(pad, girth) for pad in PADS]
    for digit in BONE_LENGTHS:
        local += [_phalanx(digit, bone, size) for bone in range(3)]
    a, b, ra, rb = (torch.stack(column, dim=1) for column in zip(*local, strict=True))
    of = frames[:, list(CONE_PARTS)]
    a, b = (torch.einsum("bcij,bcj->bci", of[..., :3, :3], end) + of[..., :3, 3] for end in (a, b))
    return a, b, ra, rb


def _metacarpal(finger: str, size: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    girth = size["girth"]
    base, knuckle = _base(finger, girth), _knuckle(finger, size)
    ra, rb = METACARPAL_RADII[finger]
    return base, knuckle, ra / 1000 * girth, rb / 1000 * girth


def _pad(pad: tuple, girth: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    a, b, ra, rb = pad
    return _millimetres(a, girth), _millimetres(b, girth), ra / 1000 * girth, rb / 1000 * girth


def _phalanx(digit: str, bone: int, size: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    girth = size["girth"]
    ra, rb = (radius / 1000 * girth for radius in RADII[digit][bone : bone + 2])
    length = size[f"{digit}_{_bones_of(digit)[bone]}"]
    if bone == 2:  # the last ball ends where the soft tip ends
        length = length + SOFT_TIP[digit] / 1000 * girth - rb
    zero = torch.zeros_like(length)
    return torch.stack([zero, zero, zero], -1), torch.stack([length, zero, zero], -1), ra, rb


def _bones_of(digit: str) -> tuple[str, ...]:
    return BONE_NAMES[len(BONE_LENGTHS[digit])][-3:]


def _thumb(angle: dict[str, Tensor], size: dict[str, Tensor], root: Tensor) -> list[Tensor]:
    palmar = angle["thumb_cmc_palmar"]
    offset, per_angle = PRONATION
    roll = -(np.radians(offset) + per_angle * palmar)  # opposition: the pad turns to face the fingers
    saddle = _turn(2, angle["thumb_cmc_radial"]) @ _turn(1, palmar) @ _turn(0, roll)
    first = root @ _place(saddle @ _turn(1, angle["thumb_cmc_flexion"]), _base("thumb", size["girth"]))
    return _chain(first, "thumb", (angle["thumb_mcp"], angle["thumb_ip"]), size)


def _finger(finger: str, angle: dict[str, Tensor], size: dict[str, Tensor], root: Tensor) -> list[Tensor]:
    splay, roll = (torch.full_like(size["girth"], np.radians(value)) for value in TURN[finger])
    sideways = _turn(2, splay + angle[f"{finger}_abduction"]) @ _turn(0, roll)
    first = root @ _place(sideways @ _turn(1, angle[f"{finger}_mcp"]), _knuckle(finger, size))
    return _chain(first, finger, (angle[f"{finger}_pip"], angle[f"{finger}_dip"]), size)


def _chain(first: Tensor, digit: str, flexions: tuple[Tensor, ...], size: dict[str, Tensor]) -> list[Tensor]:
    frames = [first]
    for bone, flexion in zip(_bones_of(digit), flexions, strict=False):
        length = size[f"{digit}_{bone}"]
        along = torch.stack([length, torch.zeros_like(length), torch.zeros_like(length)], -1)
        frames.append(frames[-1] @ _place(_turn(1, flexion), along))
    return frames


def _base(digit: str, girth: Tensor) -> Float[Tensor, "batch 3"]:
    return _millimetres(BASE[digit], girth)


def _knuckle(finger: str, size: dict[str, Tensor]) -> Float[Tensor, "batch 3"]:
    aside, down = np.radians(RAY[finger])
    ray = (np.cos(aside) * np.cos(down), np.sin(aside) * np.cos(down), -np.sin(down))
    return _base(finger, size["girth"]) + _millimetres([1000 * x for x in ray], size[f"{finger}_metacarpal"])


def _millimetres(vector, scale: Tensor) -> Float[Tensor, "batch 3"]:
    return torch.stack([scale * (x / 1000) for x in vector], -1)


def _turn(axis: int, angle: Float[Tensor, "batch"]) -> Float[Tensor, "batch 3 3"]:
    cosine, sine = angle.cos(), angle.sin()
    one, zero = torch.ones_like(angle), torch.zeros_like(angle)
    rows = {
        0: (one, zero, zero, zero, cosine, -sine, zero, sine, cosine),
        1: (cosine, zero, sine, zero, one, zero, -sine, zero, cosine),
        2: (cosine, -sine, zero, sine, cosine, zero, zero, zero, one),
    }[axis]
    return torch.stack(rows, -1).unflatten(-1, (3, 3))


def _place(rotation: Float[Tensor, "batch 3 3"], origin: Float[Tensor, "batch 3"]) -> Float[Tensor, "batch 4 4"]:
    upper = torch.cat([rotation, origin[..., None]], -1)
    last = torch.zeros_like(upper[:, :1])
    last[..., 3] = 1
    return torch.cat([upper, last], 1)


def _expect(array: Tensor, width: int, what: str, where: str) -> None:
    if array.ndim != 2 or array.shape[1] != width:
        raise Mistake(f"hand: {what} have shape {tuple(array.shape)}; expected [batch, {width}] as in {where}")
