"""What hands do that hands do not: joints bent beyond their limits, fingers deep in the object"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from perpart import hand
from perpart.data import things
from perpart.data.graspset import GraspSet
from perpart.data.skins import Skins
from perpart.data.things import Thing
from perpart.hands import Hands, gaps
from perpart.objects import field

SPARE = np.radians(1.0)
"""How far beyond its limit a joint may bend."""
DEEP = 0.005
"""Metres that a hand may be in the object: soft pads give way by some millimetres, and recorded poses err by some."""
BALLS = 13
"""Balls along each cone that are measured."""


def beyond(found: GraspSet) -> Iterator[tuple[str, str]]:
    """Grasps whose joints are beyond their limits, and what to do."""
    low, high = hand.LIMITS.T
    over = np.maximum(found.angles - high, low - found.angles) - SPARE
    bad = (over > 0).any(1)
    if bad.any():
        grasp, joint = np.unravel_index(over.argmax(), over.shape)
        bent, limits = np.degrees(found.angles[grasp, joint]), np.degrees([low[joint], high[joint]])
        what = f"{int(bad.sum())} of {len(bad)} grasps bend a joint beyond its limits; worst is grasp {grasp}, "
        what += f"{hand.ANGLES[joint]} at {bent:.0f} degrees ({limits[0]:.0f} to {limits[1]:.0f})"
        yield what, "mend the poses (hand.limited) or leave them out"


def deep(found: GraspSet | Skins) -> Iterator[tuple[str, str]]:
    """Grasps whose hand is more than DEEP in a watertight object, and what to do."""
    depth = np.zeros(len(found))
    for i in np.unique(found.object_of):
        mine = np.flatnonzero(found.object_of == i)
        depth[mine] = _depth(found, found.objects[i], mine)
    bad = depth > DEEP
    if bad.any():
        worst = int(depth.argmax())
        what = f"{int(bad.sum())} of {len(bad)} grasps penetrate their object by more than {1000 * DEEP:.0f} mm; "
        thing = things.name(found.objects[found.object_of[worst]])
        what += f"worst is grasp {worst}, {1000 * depth[worst]:.0f} mm in {thing!r}"
        yield what, "mend the poses or leave them out; if it is most of them, check frames and units"


def _depth(found: GraspSet | Skins, thing: Thing, mine: np.ndarray) -> Float[np.ndarray, "mine"]:
    """How deep (m) hands are in an object; 0 where inside has no meaning."""
    mesh = things.mesh(thing)
    if not mesh.is_watertight:
        return np.zeros(len(mine))
    far = field.build(mesh)
    if isinstance(found, Skins):
        clear = np.stack([far.distance(found.vertices[grasp])[0].min() for grasp in mine])
    else:
        balls = Hands.of(found.angles[mine], found.root[mine], found.bones[mine]).balls(BALLS)
        clear = gaps(far, *balls).min((1, 2))
    return np.maximum(-clear, 0)
