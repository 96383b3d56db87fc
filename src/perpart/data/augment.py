"""What is drawn anew each time a grasp is seen: how object and hand lie in space

Everything is drawn from numpy's global random state. Whoever owns the loop seeds that state for each sample; so the
draw is a function of the sample's place in the run, whatever the number of workers, and is never stored.
"""

from math import cos, radians, sin

import numpy as np
from jaxtyping import Float

TURN = 30.0
"""Degrees that an object may be turned by about each axis, either way (ContactGen's)."""


def turn() -> Float[np.ndarray, "3 3"]:
    """A rotation by up to TURN degrees about each of the three axes, x first.

    Labels need no change: contact and part are distances, and a direction is told in its joint's own axes. Written
    out, because scipy's rotations take ten times as long for a single one.
    """
    a, b, c = (radians(angle) for angle in np.random.uniform(-TURN, TURN, 3))
    x, y, z = sin(a), sin(b), sin(c)
    u, v, w = cos(a), cos(b), cos(c)
    rows = [[w * v, w * y * x - z * u, w * y * u + z * x], [z * v, z * y * x + w * u, z * y * u - w * x],
            [-y, v * x, v * u]]  # fmt: skip
    return np.array(rows, np.float32)
