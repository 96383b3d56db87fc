"""How varied hands are: k-means on joints and palm, how evenly the clusters are filled, and how wide they are"""

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial.transform import Rotation

CLUSTERS, RESTARTS, ROUNDS = 20, 10, 100
LEVER = 0.1
"""Metres of the palm's place that weigh as much as a radian: from the wrist to the grip."""


def features(angles: Float[np.ndarray, "n angles"], root: Float[np.ndarray, "n 4 4"]) -> Float[np.ndarray, "n 27"]:
    """What hands are compared by: joint angles and the palm's turn (rad, as a rotation vector), its place (dm)."""
    turn = Rotation.from_matrix(root[:, :3, :3]).as_rotvec()
    return np.concatenate([angles, turn, root[:, :3, 3] / LEVER], axis=1)


def spread(rows: Float[np.ndarray, "n d"], seed: int = 0) -> tuple[float, float]:
    """Entropy (nats, ln 20 at most) of how 20 clusters are filled, and their size: the mean distance of a row from its
    cluster's centre. Nan for fewer rows than clusters."""
    if len(rows) < CLUSTERS:
        return float("nan"), float("nan")
    centres, mine = kmeans(rows, CLUSTERS, np.random.default_rng(seed))
    share = np.bincount(mine, minlength=CLUSTERS) / len(rows)
    entropy = -sum(part * np.log(part) for part in share if part > 0)
    return float(entropy), float(np.linalg.norm(rows - centres[mine], axis=1).mean())


def kmeans(
    rows: Float[np.ndarray, "n d"], count: int, rng: np.random.Generator
) -> tuple[Float[np.ndarray, "count d"], Int[np.ndarray, "n"]]:
    """The best of ten restarts (Lloyd 1982; Arthur & Vassilvitskii 2007): centres, and whose each row is."""
    tries = [_lloyd(rows, _begun(rows, count, rng)) for _ in range(RESTARTS)]
    return min(tries, key=lambda found: float(((rows - found[0][found[1]]) ** 2).sum()))


def _begun(rows: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Centres far from each other: each is a row, drawn by its squared distance from those before it."""
    chosen = [int(rng.integers(len(rows)))]
    while len(chosen) < count:
        far = _squared(rows, rows[chosen]).min(1)
        chance = far / far.sum() if far.sum() > 0 else np.full(len(rows), 1 / len(rows))
        chosen.append(int(rng.choice(len(rows), p=chance)))
    return rows[chosen]


def _lloyd(rows: np.ndarray, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows to their nearest centre, centres to the mean of their rows, until nothing changes."""
    mine = _squared(rows, centres).argmin(1)
    for _ in range(ROUNDS):
        centres = np.stack([rows[mine == k].mean(0) if (mine == k).any() else c for k, c in enumerate(centres)])
        before, mine = mine, _squared(rows, centres).argmin(1)
        if (before == mine).all():
            break
    return centres, mine


def _squared(rows: np.ndarray, centres: np.ndarray) -> Float[np.ndarray, "n centres"]:
    return ((rows[:, None] - centres) ** 2).sum(-1)
