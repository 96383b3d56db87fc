"""Colours that say which finger touches, told apart by colour-blind eyes too

Hues are from the set of Okabe and Ito (2008). A finger's three bones share its hue and lighten towards the
tip; contact fades a bone's colour into the grey of an untouched object.
"""

import numpy as np
from jaxtyping import Float

from perpart.hand import PARTS

DIGITS = {  # sRGB in [0, 1]
    "palm": (0.00, 0.45, 0.70),
    "thumb": (0.84, 0.37, 0.00),
    "index": (0.94, 0.89, 0.26),
    "middle": (0.00, 0.62, 0.45),
    "ring": (0.34, 0.71, 0.91),
    "little": (0.80, 0.47, 0.65),
}
UNTOUCHED = np.array([0.86, 0.85, 0.83])
STEPS = {"1": 0.62, "2": 0.82, "3": 1.0}  # of a digit's hue, from its base to its tip


def digit(part: str) -> str:
    """The digit (or palm) of a part: "index" of "index2"."""
    return part.rstrip("123")


def colour(part: str) -> Float[np.ndarray, "3"]:
    """The colour of full contact with a part."""
    return np.array(DIGITS[digit(part)]) * STEPS.get(part[-1], 1.0)


def paint(contact: Float[np.ndarray, "*points 16"]) -> Float[np.ndarray, "*points 3"]:
    """sRGB in [0, 1]: the colour of the part that touches most, as strong as it touches."""
    palette = np.stack([colour(part) for part in PARTS])
    strength = np.clip(contact.max(axis=-1, keepdims=True), 0, 1)
    return UNTOUCHED + strength * (palette[contact.argmax(axis=-1)] - UNTOUCHED)
