"""Real small things that several tests look at"""

import numpy as np
import pytest

from perpart import clouds, hand, objects
from perpart.data.graspset import GraspSet
from tests.perpart.fitting import Known, known

THINGS = (("apple", 0), ("mug", 0), ("pen", 0))


@pytest.fixture(scope="session")
def graspset() -> GraspSet:
    """Five half-closed hands with their palm on the surface of each of three things; two train, one validates."""
    rng = np.random.default_rng(0)
    spots = np.concatenate([clouds.surface(objects.build(*thing).mesh, 5, rng) for thing in THINGS])
    return GraspSet(
        objects=THINGS,
        split=("train", "valid", "train"),
        object_of=np.repeat(np.arange(3), 5),
        angles=np.tile(hand.limited(hand.LIMITS[:, 1] * 0.5), (15, 1)).astype(np.float32),
        root=np.stack([palm_on(spot[:3], spot[3:], rng) for spot in spots]).astype(np.float32),
        bones=hand.draw_bones(rng, 15).astype(np.float32),
        kind=np.zeros(15, np.int16),
        quality=np.zeros((15, 5), np.float32),
    )


def palm_on(point: np.ndarray, normal: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A wrist frame whose palm looks against the normal, 7 cm behind the point."""
    across = np.cross(normal, rng.normal(size=3))
    across /= np.linalg.norm(across)
    root = np.eye(4)
    root[:3, :3] = np.stack([across, np.cross(normal, across), normal], axis=1)
    root[:3, 3] = point + 0.02 * normal - 0.07 * across
    return root


@pytest.fixture(scope="session")
def toothpaste() -> Known:
    """Two shipped grasps of a tube of toothpaste, with their maps on 1,024 points."""
    return known()
