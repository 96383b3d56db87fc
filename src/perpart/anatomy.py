"""The hand's measures: parts, joints and their limits, bone lengths, radii, and the spread of people's hands

Lengths in metres and angles in radians, unless a comment says millimetres or degrees.
"""

import numpy as np
from jaxtyping import Float

FINGERS = ("index", "middle", "ring", "little")
PARTS: tuple[str, ...] = ("palm", *(f"{digit}{bone}" for digit in ("thumb", *FINGERS) for bone in (1, 2, 3)))

_JOINTS = {  # name -> degrees: ranges of motion of a healthy adult, towards the palm and away from the index
    "thumb_cmc_palmar": (0, 45),
    "thumb_cmc_radial": (0, 60),
    "thumb_cmc_flexion": (-20, 15),
    "thumb_mcp": (-10, 55),
    "thumb_ip": (-15, 80),
} | {
    f"{finger}_{joint}": limits
    for finger in FINGERS
    for joint, limits in {"abduction": (-20, 20), "mcp": (-20, 90), "pip": (0, 100), "dip": (0, 80)}.items()
}
ANGLES: tuple[str, ...] = tuple(_JOINTS)
LIMITS: np.ndarray = np.radians(np.array(list(_JOINTS.values()), dtype=np.float64))

BONE_LENGTHS = {  # mm, means of 66 adults: Buryanov & Kotiuk, Int. J. Morphol. 28(3), 2010, radiographs
    "thumb": (46.2, 31.6, 21.7),
    "index": (68.1, 39.8, 22.4, 15.8),
    "middle": (64.6, 44.6, 26.3, 17.4),
    "ring": (58.0, 41.4, 25.7, 17.3),
    "little": (53.7, 32.7, 18.1, 16.0),
}
SOFT_TIP = {"thumb": 5.7, "index": 3.8, "middle": 4.0, "ring": 4.0, "little": 3.7}  # mm, the same source
BONE_NAMES = {3: ("metacarpal", "proximal", "distal"), 4: ("metacarpal", "proximal", "middle", "distal")}
BONES: tuple[str, ...] = (
    *(f"{d}_{name}" for d, row in BONE_LENGTHS.items() for name in BONE_NAMES[len(row)]),
    "girth",
)
MEAN_BONES: np.ndarray = np.array([mm / 1000 for row in BONE_LENGTHS.values() for mm in row] + [1.0])

# The palm's build, in mm times girth: where each digit's metacarpal starts, where it points (degrees about z,
# then towards the palm), how its finger is turned (splay about z, roll about x). By eye; breadth about 80.
BASE = {
    "thumb": (20, 21, -9),
    "index": (26, 13, -2),
    "middle": (28, 2, -1),
    "ring": (26, -8, -2),
    "little": (23, -17, -4),
}
RAY = {"index": (11.0, 0.0), "middle": (3.0, -1.0), "ring": (-6.0, 0.0), "little": (-13.5, 2.0)}
TURN = {"index": (4.0, -3.0), "middle": (0.0, 0.0), "ring": (-5.0, 4.0), "little": (-11.0, 8.0)}
RADII = {  # mm times girth at the three joints and the tip
    "thumb": (13.0, 11.0, 10.0, 9.0),
    "index": (10.0, 9.0, 8.0, 7.0),
    "middle": (10.0, 9.0, 8.0, 7.0),
    "ring": (9.5, 8.5, 7.5, 6.5),
    "little": (8.5, 7.5, 6.75, 6.0),
}
METACARPAL_RADII = {
    "index": (14.0, 12.0),
    "middle": (14.0, 12.5),
    "ring": (14.0, 12.0),
    "little": (13.5, 11.0),
}
PADS = (  # thenar, hypothenar: a, b, ra, rb
    ((22, 14, -11), (54, 19, -9), 15.0, 11.0),
    ((16, -17, -8), (50, -29, -8), 14.0, 11.0),
)
PRONATION = (
    62.0,
    1.3,
)  # the thumb's roll about its metacarpal: degrees, and more per degree of palmar abduction
CONE_PARTS = (0,) * 6 + tuple(range(1, 16))


def draw_bones(rng: np.random.Generator, n: int) -> Float[np.ndarray, "n bones"]:
    """Sizes of n hands (metres, in the order of BONES): one scale for the whole hand (sd 5 %), and noise on
    every bone (sd 3 %). The draws are cut at two and a half standard deviations."""
    scale = 1 + 0.05 * np.clip(rng.standard_normal((n, 1)), -2.5, 2.5)
    noise = 1 + 0.03 * np.clip(rng.standard_normal((n, len(BONES))), -2.5, 2.5)
    noise[:, -1] = 1.0
    return MEAN_BONES * scale * noise


def limited(angles: Float[np.ndarray, "*batch angles"]) -> Float[np.ndarray, "*batch angles"]:
    """Joint angles (radians) brought within LIMITS; abduction also within what the bent knuckle leaves, which
    falls from its full range at 0 degrees to none at full flexion."""
    angles = np.clip(angles, LIMITS[:, 0], LIMITS[:, 1])
    for finger in FINGERS:
        sideways, mcp = ANGLES.index(f"{finger}_abduction"), ANGLES.index(f"{finger}_mcp")
        room = LIMITS[sideways, 1] * (1 - np.clip(angles[..., mcp], 0, None) / LIMITS[mcp, 1])
        angles[..., sideways] = np.clip(angles[..., sideways], -room, room)
    return angles
