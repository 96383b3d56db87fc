"""How one set resembles another, by distances alone: MMD, coverage, 1-NN accuracy, diversity, energy

Minimum matching distance and coverage are those of Achlioptas et al. (ICML 2018), 1-nearest-neighbour accuracy is that
of Lopez-Paz & Oquab (ICLR 2017), all three as Yang et al. (PointFlow, ICCV 2019) use them; energy is that of Székely
& Rizzo (2013). Here, any distances go. Where several neighbours are equally near - maps that share no touch are all 1
apart - the score is its mean over random choices among them, so no order matters.
"""

import numpy as np
from jaxtyping import Float


def matching(cross: Float[np.ndarray, "samples real"]) -> float:
    """MMD: mean over the real ones of the distance to the nearest sample. 0 is best; a blurred mean does well here."""
    return float(cross.min(0).mean())


def coverage(cross: Float[np.ndarray, "samples real"]) -> float:
    """COV: the share of the real ones that are the nearest real one of at least one sample. 1 is best; about 0.63 to
    0.75 is what sets of equal size and of one distribution reach (1 - (1 - 1/n)^n, if neighbours were random)."""
    missed = (1.0 - nearest(cross)).prod(0)
    return float((1.0 - missed).mean())


def leave_one_out(within: Float[np.ndarray, "all all"], samples: int) -> float:
    """1-NNA: the share of all members, the first `samples` of which are the samples, whose nearest other member is of
    their own set. Of one distribution it is about (n - 1) / (2 n - 1) for two sets of n, near the ideal 0.5 for large
    ones; 1 is told apart at a glance, and 0 says that the samples repeat the real ones."""
    others = within + np.diag(np.full(len(within), np.inf))
    sampled = np.arange(len(within)) < samples
    own = sampled[:, None] == sampled[None, :]
    return float((nearest(others) * own).sum(1).mean())


def diversity(within: Float[np.ndarray, "n n"]) -> float:
    """The mean distance between two different members; nan for fewer than two."""
    count = len(within)
    return float((within.sum() - np.trace(within)) / (count * (count - 1))) if count > 1 else float("nan")


def energy(
    cross: Float[np.ndarray, "samples real"], samples: Float[np.ndarray, "s s"], real: Float[np.ndarray, "r r"]
) -> float:
    """Energy distance, unbiased: 2 E D(x, y) - E D(x, x') - E D(y, y') of samples x and real y. 0 is best, for one
    distribution (an estimate may fall below); blur and collapse pay for it, whatever their MMD."""
    return 2.0 * float(cross.mean()) - diversity(samples) - diversity(real)


def nearest(distances: Float[np.ndarray, "n m"]) -> Float[np.ndarray, "n m"]:
    """The chance of each to be picked as its row's nearest: 1, or shared evenly among those equally near."""
    least = distances == distances.min(1, keepdims=True)
    return least / least.sum(1, keepdims=True)
