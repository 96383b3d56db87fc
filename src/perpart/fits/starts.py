"""Where fits start: every pre-shape, half and wholly closed, laid on the map in closed form

A direction says where on its part a point lies: where the ray from the joint leaves the part. So each touched point
has a place on the hand, and the turn that lays the one on the other is a singular value decomposition (Kabsch 1976).
Without directions every part has one place, the middle of its pad.
"""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from perpart import hand
from perpart.anatomy import limited
from perpart.fits.asked import Asked
from perpart.preshapes import FLEXIONS, NAMES, opened, travels

CLOSED = (0.3, 0.7)
"""Shares of their travel that the digits of a start have closed."""
RAY = 0.12
"""Metres along a ray in which its exit is looked for: a palm's length."""
RINGS = 40
LEVER = 0.02
"""Metres that a normal weighs as much as: what a place cannot tell of a turn, the normal does."""
PALM = (0.062, 0.0, -0.0134)
"""The middle of the palm's face, in its own frame (m)."""


def shapes(rng: np.random.Generator) -> Float[Tensor, "shapes angles"]:
    """Joint angles (radians) to start from."""
    kinds = np.arange(len(NAMES)).repeat(len(CLOSED))
    angles = opened(kinds, rng)
    angles[:, FLEXIONS] += np.tile(CLOSED, len(NAMES))[:, None, None] * travels(kinds)
    return torch.from_numpy(limited(angles)).float()


def places(asked: Asked, bones: Float[Tensor, "bones"]) -> tuple[Tensor, Tensor]:
    """For each point the place on its part that should touch it, and the outward normal there; in the joint's axes."""
    flat = hand.pose(torch.zeros(1, len(hand.ANGLES)), torch.eye(4)[None], bones[None])
    way = torch.where(asked.direction.norm(dim=-1, keepdim=True) > 0.5, asked.direction, 0.0)
    reach = torch.linspace(RAY / RINGS, RAY, RINGS)
    frames = flat.frames[0, asked.part]
    ray = reach[:, None] * way[..., None, :]
    world = torch.einsum("bpij,bprj->bpri", frames[..., :3, :3], ray) + frames[..., None, :3, 3]
    signed, gradient = (out[0] for out in hand.distance(flat, world.reshape(1, -1, 3)))
    of = asked.part[..., None].expand(-1, -1, RINGS)
    inside = signed.reshape(*of.shape, 16).gather(-1, of[..., None])[..., 0] < 0
    last = (inside * torch.arange(1, RINGS + 1)).amax(-1).clamp_min(1) - 1
    pick = last[..., None, None]
    place = ray.gather(2, pick.expand(-1, -1, 1, 3))[:, :, 0]
    out = gradient.reshape(*of.shape, 16, 3).gather(3, of[..., None, None].expand(-1, -1, -1, 1, 3))[..., 0, :]
    normal = torch.einsum("bpji,bpj->bpi", frames[..., :3, :3], out.gather(2, pick.expand(-1, -1, 1, 3))[:, :, 0])
    known = way.norm(dim=-1, keepdim=True) > 0
    pad, down = pads(flat), torch.tensor([0.0, 0.0, -1.0])
    return torch.where(known, place, pad[asked.part]), torch.where(known, normal, down)


def pads(flat: hand.Posed) -> Float[Tensor, "16 3"]:
    """The middle of each part's pad, in its joint's axes."""
    length = (flat.b - flat.a)[0, -15:].norm(dim=-1)
    thick = 0.5 * (flat.ra + flat.rb)[0, -15:]
    return torch.cat([torch.tensor([PALM]), torch.stack([length / 2, torch.zeros(15), -thick], -1)])


def weights(asked: Asked) -> Float[Tensor, "batch points"]:
    """How much each point counts for where its part is: every part that touches counts the same."""
    touch = asked.contact.gather(-1, asked.part[..., None])[..., 0].square()
    total = torch.zeros(len(asked), 16).scatter_add(1, asked.part, touch).clamp_min(1.0)
    return touch / total.gather(1, asked.part) + 1e-6


def laid(
    frames: Float[Tensor, "shapes 16 4 4"], asked: Asked, place: Tensor, normal: Tensor
) -> Float[Tensor, "batch shapes 4 4"]:
    """The roots that lay each posed hand on each map; `frames` are the hands' own, in the palm's frame."""
    of, weight = frames[:, asked.part], weights(asked)
    here = torch.einsum("sbpij,bpj->sbpi", of[..., :3, :3], place) + of[..., :3, 3]
    way = torch.einsum("sbpij,bpj->sbpi", of[..., :3, :3], normal)
    share = weight / weight.sum(-1, keepdim=True)
    middle, there = (share[..., None] * here).sum(2), (share[..., None] * asked.points).sum(1)
    cross = torch.einsum("bp,sbpi,bpj->sbij", share, here - middle[:, :, None], asked.points - there[:, None])
    cross = cross + LEVER**2 * torch.einsum("bp,sbpi,bpj->sbij", share, way, -asked.normals)
    left, _, right = torch.linalg.svd(cross)
    mirror = torch.ones(*cross.shape[:2], 3)
    mirror[..., 2] = torch.det(left @ right).sign()
    turn = right.mT @ (mirror[..., None] * left.mT)
    root = torch.eye(4).repeat(*cross.shape[:2], 1, 1)
    root[..., :3, :3] = turn
    root[..., :3, 3] = there - torch.einsum("sbij,sbj->sbi", turn, middle)
    return root.transpose(0, 1)


def apart(
    frames: Float[Tensor, "batch 16 4 4"], points: Tensor, part: Tensor, place: Tensor, weight: Tensor
) -> Float[Tensor, "batch"]:
    """How far (cm) points are from their places on a posed hand, weighed; a far one pulls as hard as one at 2 cm."""
    of = frames.gather(1, part[..., None, None].expand(-1, -1, 4, 4))
    here = torch.einsum("bpij,bpj->bpi", of[..., :3, :3], place) + of[..., :3, 3]
    far = 100 * (here - points)
    return ((far.square().sum(-1) + 1).sqrt() - 1).mul(weight).sum(-1) / weight.sum(-1)
