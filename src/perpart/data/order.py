"""In which order the parts of a person's hand seem to stand: ours, MANO's, or another one

The sixteen numbers mean nothing to a program, but a hand has a build: a digit's parts touch in a chain that begins at
the palm, four knuckles stand in a row, the thumb's does not, and it is on the index's side. What disagrees with that
is told with the permutation that would put it right, `ours = theirs[[...]]`.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise, permutations

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import KDTree

from perpart.anatomy import PARTS

OURS = tuple(range(16))
MANO = (0, 13, 14, 15, 1, 2, 3, 4, 5, 6, 10, 11, 12, 7, 8, 9)
"""`ours = theirs[[MANO]]` for parts in MANO's order: palm, index, middle, little, ring, thumb."""
LOOKED_AT = 8
"""Grasps that are measured, spread over the set."""
APART = 0.015
"""Metres between neighbours in a chain from which they are none."""
DOUBT = 1.03
"""How much longer the row of knuckles may be in our order than in another, and still be taken for ours."""
BETTER, GOOD = 0.3, 0.7
"""How much better maps must fit another order than ours, and how well, in correlation."""
FEWEST = 10
"""Grasps in which two digits touch, for the distance between their touches to count."""
_BASES = (0, 3, 6, 9, 12)  # where each digit begins, after the palm
CHAINS = {
    "ours": OURS,
    "tip to base": (0, *(1 + base + bone for base in _BASES for bone in (2, 1, 0))),
    "bone by bone": (0, *(1 + digit + 5 * bone for digit in range(5) for bone in range(3))),
    "palm last": (15, *range(15)),
}
"""Ways to number the chains of five digits, as permutations that lead to ours, whichever digit is which."""
APARTNESS = np.array([[0, 3, 3, 3, 3], [3, 0, 1, 2, 3], [3, 1, 0, 1, 2], [3, 2, 1, 0, 1], [3, 3, 2, 1, 0]], float)
"""How far the digits' touches lie from each other, in fingers: the thumb is across the object."""


def of_skin(
    vertices: Float[np.ndarray, "grasps vertices 3"], part: Int[np.ndarray, "vertices"]
) -> tuple[int, ...] | None:
    """The permutation that puts the parts of posed skins in our order; None if no known build fits."""
    if not len(vertices) or set(part.tolist()) != set(range(16)):
        return OURS  # what cannot be measured is believed
    some = vertices[np.unique(np.linspace(0, len(vertices) - 1, LOOKED_AT).astype(int))].astype(np.float64)
    apart = np.max([_between(one, part) for one in some], axis=0)
    costs = {way: sum(apart[a, b] for a, b in _joints(way)) / 15 for way in CHAINS.values()}
    way = min(costs, key=lambda way: (costs[way] - 0.002 * (way == OURS), way))
    if costs[way] > APART:
        return None
    roots = [[one[part == way[1 + base]].mean(0) for base in _BASES] for one in some]
    return _named(way, _digits(np.stack([_knuckles(one, part, way) for one in some]), np.array(roots)))


def of_maps(
    points: Mapping[int, Float[np.ndarray, "points 3"]], contact: Mapping[int, Int[np.ndarray, "rows points 16"]]
) -> tuple[int, ...]:
    """The permutation that puts contact maps in our order, as far as where the digits touch tells: ours or MANO's."""
    places = np.concatenate([_touches(points[i], contact[i]) for i in contact])
    gaps = np.linalg.norm(places[:, :, None] - places[:, None], axis=-1)
    known = np.isfinite(gaps).sum(0) >= FEWEST
    if not known[np.triu_indices(5, 1)].all():
        return OURS
    apart = np.nanmedian(gaps, axis=0)
    fits = {order: _likeness(apart, order) for order in (OURS, MANO)}
    return MANO if fits[MANO] > max(GOOD, fits[OURS] + BETTER) else OURS


def stated(said: Mapping[str, object]) -> bool:
    """Whether grasps.json lists the parts' names in our order: then nobody guesses."""
    return said.get("parts") == list(PARTS)


def said(order: Sequence[int] | None) -> tuple[str, str]:
    """What an order seems to be, and what to do about it."""
    if order is None:
        return (
            "parts of one digit do not lie beside each other",
            "number them palm, thumb 1-3, index 4-6, ..., little 13-15",
        )
    name = "MANO's order" if tuple(order) == MANO else "another order than ours"
    return f"parts seem to be in {name}", f"reorder them: ours = theirs[[{', '.join(map(str, order))}]]"


def _joints(way: Sequence[int]) -> list[tuple[int, int]]:
    """The pairs of parts, by their numbers, that a joint links."""
    chains = [(way[0], *way[1 + base : 4 + base]) for base in _BASES]
    return [(a, b) for chain in chains for a, b in pairwise(chain)]


def _between(one: Float[np.ndarray, "vertices 3"], part: Int[np.ndarray, "vertices"]) -> Float[np.ndarray, "16 16"]:
    """Metres between each two parts of a posed skin, corner to corner."""
    trees = [KDTree(one[part == k]) for k in range(16)]
    return np.array([[0 if a is b else float(a.query(b.data)[0].min()) for a in trees] for b in trees])


def _knuckles(one: np.ndarray, part: np.ndarray, way: Sequence[int]) -> Float[np.ndarray, "5 3"]:
    """Where the five chains leave the palm: the middle of the tenth of each first part that lies nearest to it."""
    palm, found = KDTree(one[part == way[0]]), []
    for base in _BASES:
        mine = one[part == way[1 + base]]
        near = np.argsort(palm.query(mine)[0], kind="stable")[: max(3, len(mine) // 10)]
        found.append(mine[near].mean(0))
    return np.array(found)


def _digits(knuckles: Float[np.ndarray, "hands 5 3"], roots: Float[np.ndarray, "hands 5 3"]) -> tuple[int, ...]:
    """Which chain is the thumb, index, ... little: the thumb is off the row, and the index's knuckle is nearest to the
    middle of the thumb's first part."""
    off = [_crooked(np.delete(knuckles, thumb, axis=1)) for thumb in range(5)]
    thumb = 0 if off[0] < 1.2 * min(off) else int(np.argmin(off))
    knuckles[:, thumb] = roots[:, thumb]
    apart = np.linalg.norm(knuckles[:, :, None] - knuckles[:, None], axis=-1).mean(0)
    others = [digit for digit in range(5) if digit != thumb]
    ways = {(thumb, *row): 0.0 for row in permutations(others)}
    for row in ways:
        ways[row] = sum(apart[a, b] for a, b in pairwise(row))
    # A thumb that is opposed is as near to the little finger's knuckle: in doubt the order is believed.
    return min(ways, key=lambda row: ways[row] / (DOUBT if row == (0, 1, 2, 3, 4) else 1.0))


def _crooked(four: Float[np.ndarray, "hands 4 3"]) -> float:
    """How far four points are from a straight row, evenly: the middle two from the thirds of the way."""
    middle = four - four.mean(1, keepdims=True)
    values = np.linalg.svd(middle, compute_uv=False)
    return float(np.mean(np.linalg.norm(values[:, 1:], axis=1) / values[:, 0]))


def _named(way: Sequence[int], digits: Sequence[int]) -> tuple[int, ...]:
    """The permutation of a way to number chains whose digits are these."""
    return (way[0], *(way[1 + 3 * digit + bone] for digit in digits for bone in range(3)))


def _touches(points: Float[np.ndarray, "points 3"], contact: Int[np.ndarray, "rows points 16"]) -> np.ndarray:
    """Where each digit touches in each grasp [rows, 5, 3], by its tip and middle; nan where it does not."""
    digit = contact[:, :, 1:].reshape(*contact.shape[:2], 5, 3).max(-1).astype(np.float64)
    digit *= digit >= 128
    weight = digit.sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.einsum("rpd,pc->rdc", digit, points) / weight[..., None]


def _likeness(apart: Float[np.ndarray, "5 5"], order: Sequence[int]) -> float:
    """How distances between digits' touches agree with a hand, if the digits stand in this order."""
    digits = [(order[1 + base] - 1) // 3 for base in _BASES]
    above = np.triu_indices(5, 1)
    return float(np.corrcoef(apart[np.ix_(digits, digits)][above], APARTNESS[above])[0, 1])
