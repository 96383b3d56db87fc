"""What fitted hands are worth: how deep they are, whether they touch, do what was asked, and hold"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
import trimesh
from jaxtyping import Float

from perpart import contact, hand
from perpart.data import things
from perpart.data.things import Own, Thing
from perpart.errors import Mistake
from perpart.fits.asked import Maps
from perpart.fits.convex import hulls
from perpart.fits.ground import Ground
from perpart.grasps.filters import VOXEL
from perpart.grasps.hold import Bench
from perpart.hands import Hands, gaps
from perpart.objects import Object, build
from perpart.objects.field import Field
from perpart.scores.levels import TOUCH
from perpart.threads import single_threaded

NEAR = 0.005
"""Metres from the object within which a part counts as in contact."""
DENSITY = 400.0
"""Kilograms per cubic metre of a person's object whose mass nobody says: a full cup, a tool of wood and iron."""
BALLS = 13
"""Balls along each cone that are measured, as in the data's own filters."""
NAN = float("nan")


@dataclass(frozen=True)
class Worth:
    """Figures of n hands. What needs an inside is nan where the object has none."""

    depth: Float[np.ndarray, "n"]  # m: the deepest a hand is in the object
    volume: Float[np.ndarray, "n"]  # m³ shared with the object, in voxels of 1 mm
    touches: Float[np.ndarray, "n"]  # 1 where any part is within NEAR
    shift: Float[np.ndarray, "n"]  # m: the object's largest shift under gravity from six sides, until it is lost
    turn: Float[np.ndarray, "n"]  # rad
    holds: Float[np.ndarray, "n"]  # 1 where it is never lost
    f1: Float[np.ndarray, "n"]  # of touch, the hand's against the map's; nan where neither touches


@dataclass(frozen=True)
class Place:
    """An object to fit hands on, centred: with its field and its physics, or as points alone."""

    thing: Object | None

    @cached_property
    def far(self) -> Field | None:
        """The signed distance to its surface."""
        return self.thing.field if self.thing else None

    @cached_property
    def ground(self) -> Ground | None:
        """The same for torch."""
        return Ground.of(self.far) if self.far else None

    @cached_property
    def bench(self) -> Bench | None:
        """Its physics."""
        return Bench(self.thing) if self.thing else None

    def worth(self, hands: Hands, maps: Maps) -> Worth:
        """Judge hands, each beside the map it was asked for."""
        signed, f1 = _touch(hands, maps)
        if self.far is None:
            unknown = np.full(len(hands), NAN)
            near = (signed.min((1, 2)) < NEAR).astype(np.float64)
            return Worth(unknown, unknown, near, unknown, unknown, unknown, f1)
        free = gaps(self.far, *hands.balls(BALLS)).min(-1)
        volume = np.array([overlap(self.far, hands[i : i + 1], free[i] < 0) for i in range(len(hands))])
        near = np.stack([free[:, hands.posed.part.numpy() == part].min(-1) < NEAR for part in range(16)], -1)
        touches = np.asarray(near.any(-1), dtype=np.float64)
        held = [self._held(hands[i : i + 1], near[i]) for i in range(len(hands))]
        shift, turn, holds = np.array(held, dtype=np.float64).reshape(-1, 3).T
        return Worth(np.maximum(-free.min(-1), 0), volume, touches, shift, turn, holds, f1)

    def _held(self, one: Hands, near: np.ndarray) -> tuple[float, float, bool]:
        held = self.bench.hold(one, near) if self.bench else None
        return (held.shift, held.turn, held.fast) if held else (NAN, NAN, False)


def of(thing: Thing) -> Object | None:
    """An object of a data folder with what physics needs; None where its mesh is open."""
    if not isinstance(thing, Own):
        return build(*thing)
    mesh = things.mesh(thing)
    return own(mesh, None) if mesh.is_watertight else None


def own(mesh: trimesh.Trimesh, mass: float | None) -> Object:
    """A person's mesh, its box's centre in the origin, with what physics needs. Raises Mistake where it is open."""
    if not mesh.is_watertight:
        raise Mistake("the mesh is open, and has no inside")
    placed = mesh.copy()
    placed.apply_translation(-mesh.bounds.mean(axis=0))
    density = mass / placed.volume if mass else DENSITY
    return Object("own", 0, placed, hulls(placed), float(density), "none")


def overlap(far: Field, one: Hands, deep: np.ndarray) -> float:
    """Volume (m³) of the voxels whose centre lies in the object and in one of the `deep` cones of a hand."""
    found = []
    for cone in np.flatnonzero(deep):
        part = int(one.posed.part[cone])
        a, b, ra, rb = (end[0, cone].numpy() for end in (one.posed.a, one.posed.b, one.posed.ra, one.posed.rb))
        low = np.floor((np.minimum(a - ra, b - rb) - far.origin) / VOXEL).astype(int)
        high = np.ceil((np.maximum(a + ra, b + rb) - far.origin) / VOXEL).astype(int)
        cells = np.stack(np.meshgrid(*map(np.arange, low, high), indexing="ij"), -1).reshape(-1, 3)
        cells = cells[far.distance(far.origin + (cells + 0.5) * VOXEL)[0] < 0]
        centres = torch.as_tensor(far.origin + (cells + 0.5) * VOXEL)
        found.append(cells[(hand.distance(one.posed, centres[None])[0][0, :, part] < 0).numpy()])
    return len(np.unique(np.concatenate(found), axis=0)) * VOXEL**3 if found else 0.0


def _touch(hands: Hands, maps: Maps) -> tuple[np.ndarray, Float[np.ndarray, "n"]]:
    """Signed distance of every point from every part, and F1 of touch against the maps (nan where neither touches)."""
    points, normals = torch.from_numpy(maps.cloud.astype(np.float64)).split(3, dim=-1)
    signed, f1 = [], []
    with single_threaded():
        for i, asked in enumerate(maps.contact >= TOUCH):
            near, gradient = hand.distance(hands.posed[i : i + 1], points[None])
            done = (contact.falloff(contact.gaps(near, gradient, normals[None]))[0] >= TOUCH).numpy()
            signed.append(near[0].numpy())
            f1.append(2 * (asked & done).sum() / (asked.sum() + done.sum()) if (asked | done).any() else NAN)
    return np.stack(signed), np.array(f1)
