"""Where fits start"""

import numpy as np
import torch

from perpart import hand
from perpart.anatomy import LIMITS, MEAN_BONES
from perpart.fits import starts
from perpart.fits.asked import thinned
from perpart.preshapes import NAMES


def test_every_pre_shape_is_among_them_within_limits():
    angles = starts.shapes(np.random.default_rng(0)).double().numpy()
    assert len(angles) == len(NAMES) * len(starts.CLOSED)
    assert (angles >= LIMITS[:, 0] - 1e-6).all()
    assert (angles <= LIMITS[:, 1] + 1e-6).all()


def test_directions_give_the_places_that_touch(toothpaste):
    asked = thinned(toothpaste.maps, 200, np.random.default_rng(0))
    place, normal = starts.places(asked, torch.from_numpy(MEAN_BONES).float())
    frames = toothpaste.hands.posed.frames.float().gather(1, asked.part[..., None, None].expand(-1, -1, 4, 4))
    here = torch.einsum("bpij,bpj->bpi", frames[..., :3, :3], place) + frames[..., :3, 3]
    out = torch.einsum("bpij,bpj->bpi", frames[..., :3, :3], normal)
    touched = asked.contact.amax(-1) > 0.95
    assert (here - asked.points).norm(dim=-1)[touched].median() < 0.005
    assert (out * asked.normals).sum(-1)[touched].median() < -0.8  # skin looks against the surface it touches


def test_the_true_shape_is_laid_near_the_true_place(toothpaste):
    bones = torch.from_numpy(toothpaste.hands.bones[0]).float()
    asked = thinned(toothpaste.maps, 200, np.random.default_rng(0))
    angles = torch.from_numpy(toothpaste.hands.angles).float()
    own = hand.pose(angles, torch.eye(4).expand(2, 4, 4), bones.expand(2, -1)).frames
    root = starts.laid(own, asked, *starts.places(asked, bones))
    off = root[[0, 1], [0, 1], :3, 3] - torch.from_numpy(toothpaste.hands.root[:, :3, 3]).float()
    assert off.norm(dim=-1).max() < 0.015


def test_without_directions_parts_have_pads_on_their_palm_side(toothpaste):
    flat = hand.pose(torch.zeros(1, 21), torch.eye(4)[None], torch.from_numpy(MEAN_BONES).float()[None])
    frames = flat.frames[0]
    pads = torch.einsum("pij,pj->pi", frames[:, :3, :3], starts.pads(flat)) + frames[:, :3, 3]
    signed = hand.distance(flat, pads[None])[0][0]
    assert signed.diagonal().abs().max() < 0.003
