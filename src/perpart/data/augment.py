"""What is drawn anew each time a grasp is seen: its points, and how object and hand lie in space

Everything is drawn from numpy's global random state. Whoever owns the loop seeds that state for each sample; so the
draw is a function of the sample's place in the run, whatever the number of workers, and is never stored.
"""

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial.transform import Rotation

TURN = 30.0
"""Degrees that an object may be turned by about each axis, either way (ContactGen's)."""


def pick(n: int, of: int) -> Int[np.ndarray, "n"]:
    """n different indices below `of`, in random order."""
    return np.random.permutation(of)[:n]


def turn() -> Float[np.ndarray, "3 3"]:
    """A rotation by up to TURN degrees about each of the three axes.

    Labels need no change: contact and part are distances, and a direction is told in its joint's own axes.
    """
    return Rotation.from_euler("xyz", np.random.uniform(-TURN, TURN, 3), degrees=True).as_matrix().astype(np.float32)
