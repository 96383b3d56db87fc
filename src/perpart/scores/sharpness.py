"""What makes a model's maps as sharp as real ones: one number that all logits of contact are multiplied by

Where contact ends a model is not sure, and says something in between. So its maps are softer than any real one, and
whoever measures how far two maps are apart measures that too.
"""

import numpy as np

from perpart.scores.platt import MIDDLES, Platt

SCALES = np.linspace(1.0, 2.0, 101)
"""What logits may be multiplied by. Not less than 1: where next to nothing touches, maps would grow grey. Not more than
2: a model that knows little is not to draw edges."""


def sharpness(seen: Platt) -> float:
    """The scale of logits at which maps are as soft as what came of them, or as nearly so as `SCALES` allow.

    Softness is sum p (1 - p) / sum p over points and parts: of the contact, how much is neither none nor whole. The
    scale is the inverse of a temperature (Guo et al., ICML 2017), but no chance is fitted: what is above 0.5 stays so.
    """
    total = seen.outcome.sum()
    if not total:
        return 1.0
    p, count = 1 / (1 + np.exp(-SCALES[:, None] * MIDDLES)), seen.count.sum(0)
    softness = (count * p * (1 - p)).sum(1) / (count * p).sum(1)
    return float(SCALES[np.abs(softness - (1 - seen.squares / total)).argmin()])
