"""Known grasps of a shipped object, and the maps that they make: what a fit should find again"""

from dataclasses import dataclass

import numpy as np

from perpart import hand, objects
from perpart.data import graspset
from perpart.fits.asked import Maps
from perpart.fits.trials import Place
from perpart.hands import Hands


@dataclass(frozen=True)
class Known:
    """An object, grasps of it, and their maps."""

    thing: objects.Object
    place: Place
    hands: Hands
    maps: Maps


def single(posed: hand.Posed) -> hand.Posed:
    """The same hands in single precision, as fits pose them."""
    ends = (end.float() for end in (posed.frames, posed.a, posed.b, posed.ra, posed.rb))
    return hand.Posed(*ends, posed.part)


def known(category: str = "toothpaste", count: int = 2, points: int = 1024) -> Known:
    """The first grasps of the first object of a category."""
    shipped = graspset.load()
    which = [g for g in range(len(shipped)) if shipped.objects[shipped.object_of[g]][0] == category]
    first = int(shipped.object_of[which[0]])
    mine = np.array([g for g in which if shipped.object_of[g] == first][:count])
    cloud = shipped.cloud(first, points)
    contact, part, direction = shipped.label(mine, cloud[None], np.zeros(len(mine), np.int64))
    maps = Maps(cloud, contact.astype(np.float32) / 255, part, direction.astype(np.float32))
    thing = objects.build(*shipped.objects[first])
    arrays = (array[mine].astype(np.float64) for array in (shipped.angles, shipped.root, shipped.bones))
    return Known(thing, Place(thing), Hands.of(*arrays), maps)
