"""The fit itself: many starts, fewer round by round; root and joints together, in torch, on one thread"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from perpart import hand
from perpart.anatomy import ANGLES, FINGERS, LIMITS, MEAN_BONES, limited
from perpart.fits import aims, starts
from perpart.fits.asked import Asked, Maps, thinned
from perpart.fits.ground import Ground
from perpart.threads import single_threaded

TOGETHER = 8
"""Maps fitted at once: enough for the cost of a call not to count, few enough for the cache."""


@dataclass(frozen=True)
class Round:
    """Some steps on what is left of the starts: how many of each map, on how many points, and what aims weigh."""

    keep: int
    points: int
    steps: int
    pace: float
    weights: aims.Weights


ROUNDS = (
    Round(8, 64, 40, 1.0, aims.Weights(deep=0.05, touch=0.0)),
    Round(3, 128, 50, 0.6, aims.Weights(deep=0.3, touch=0.2)),
    Round(1, 256, 80, 0.4, aims.Weights(deep=1.0)),
)
LAID = 30
"""Steps in which all starts are drawn to their points, before any distance is computed."""
PACE = (0.003, 0.06, 0.06)
"""Metres of place, and radians of turn and joints, of a step at first."""
MIDDLE = (0.075, 0.0, -0.02)
"""The point of the palm's frame (m) that the hand turns about: in its grip."""
_SIDEWAYS = [ANGLES.index(f"{finger}_abduction") for finger in FINGERS]
_KNUCKLE = [ANGLES.index(f"{finger}_mcp") for finger in FINGERS]
_LOW, _HIGH = torch.from_numpy(LIMITS).float().T


@dataclass(frozen=True)
class Fits:
    """A hand for each map: joint angles (radians), the palm's frame (m), sizes (m), and what it costs (mm)."""

    angles: Float[np.ndarray, "n angles"]
    root: Float[np.ndarray, "n 4 4"]
    bones: Float[np.ndarray, "n bones"]
    cost: Float[np.ndarray, "n"]


def fitted(maps: Maps, ground: Ground | None, seed: int, bones: np.ndarray = MEAN_BONES) -> Fits:
    """Fit a hand of the given sizes to every map. The same maps and seed give the same bits."""
    with single_threaded():
        parts = [_some(maps, slice(i, i + TOGETHER), ground, seed + i, bones) for i in range(0, len(maps), TOGETHER)]
    angles, root, cost = (np.concatenate(column) for column in zip(*parts, strict=True))
    # In double precision the limits hold to the last bit, which single precision may overstep.
    return Fits(limited(angles.astype(np.float64)), root.astype(np.float64), np.tile(bones, (len(maps), 1)), cost)


def _some(maps: Maps, which: slice, ground: Ground | None, seed: int, bones: np.ndarray) -> tuple[np.ndarray, ...]:
    """A few maps at once: lay every pre-shape on each, draw them near, then round after round with fewer."""
    chosen = maps[which]
    rng, sizes = np.random.default_rng(seed), torch.from_numpy(bones).float()
    asked = thinned(chosen, ROUNDS[0].points, rng)
    guess = _begun(asked, sizes, rng)
    for turn in ROUNDS:
        guess = guess.kept(_costs(guess, asked, ground, sizes, turn.weights), len(chosen), turn.keep)
        asked = thinned(chosen, turn.points, rng)
        _improve(guess, asked, ground, sizes, turn)
    total = _costs(guess, asked, ground, sizes, ROUNDS[-1].weights)
    return guess.angles.numpy(), guess.root().numpy(), total.numpy()


@dataclass
class Guess:
    """Hands on the way: for which map, joint angles, the palm's turn, a small turn on top, and where the grip is."""

    of: Tensor
    angles: Float[Tensor, "batch angles"]
    base: Float[Tensor, "batch 3 3"]
    spin: Float[Tensor, "batch 3"]
    place: Float[Tensor, "batch 3"]

    def root(self) -> Float[Tensor, "batch 4 4"]:
        """The palm's frame."""
        turn = self.base @ _turn(self.spin)
        at = self.place - turn @ torch.tensor(MIDDLE)
        upper = torch.cat([turn, at[..., None]], -1)
        return torch.cat([upper, torch.tensor([[[0.0, 0.0, 0.0, 1.0]]]).expand(len(upper), 1, 4)], 1)

    def free(self) -> Iterator[Tensor]:
        """What a step may change, in the order of PACE."""
        yield from (self.place, self.spin, self.angles)

    def kept(self, cost: Float[Tensor, "batch"], maps: int, count: int) -> "Guess":
        """The cheapest `count` of each map."""
        rows = cost.reshape(maps, -1).argsort(dim=1, stable=True)[:, :count]
        chosen = (rows + torch.arange(maps)[:, None] * (len(cost) // maps)).flatten()
        root = self.root()[chosen]
        return Guess(
            self.of[chosen], self.angles[chosen], root[:, :3, :3], torch.zeros(len(chosen), 3), self.place[chosen]
        )


def _begun(asked: Asked, bones: Tensor, rng: np.random.Generator) -> Guess:
    """Every pre-shape laid on every map, and drawn to the places its parts should be in."""
    angles = starts.shapes(rng)
    own = hand.pose(angles, torch.eye(4).expand(len(angles), 4, 4), bones.expand(len(angles), -1)).frames
    place, normal = starts.places(asked, bones)
    root = starts.laid(own, asked, place, normal).flatten(0, 1)
    of = torch.arange(len(asked)).repeat_interleave(len(angles))
    middle = root[:, :3, :3] @ torch.tensor(MIDDLE) + root[:, :3, 3]
    guess = Guess(of, angles.repeat(len(asked), 1), root[:, :3, :3], torch.zeros(len(of), 3), middle)
    weight = starts.weights(asked)
    spots = asked.points[of], asked.part[of], place[of], weight[of]

    def apart() -> Tensor:
        posed = hand.pose(guess.angles, guess.root(), bones.expand(len(of), -1))
        return starts.apart(posed.frames, *spots)

    _descend(guess, apart, LAID, 1.5)
    return guess


def _improve(guess: Guess, asked: Asked, ground: Ground | None, bones: Tensor, turn: Round) -> None:
    mine, sizes = asked[guess.of], bones.expand(len(guess.of), -1)

    def price() -> Tensor:
        posed = hand.pose(guess.angles, guess.root(), sizes)
        return aims.cost(posed, guess.angles, mine, ground, turn.weights)

    _descend(guess, price, turn.steps, turn.pace)


def _descend(guess: Guess, price: Callable[[], Tensor], steps: int, pace: float) -> None:
    """Adam, slower and slower; joints are brought back within their limits after every step."""
    for free in guess.free():
        free.requires_grad_(True)
    groups = [{"params": [free], "lr": pace * rate} for free, rate in zip(guess.free(), PACE, strict=True)]
    adam = torch.optim.Adam(groups, betas=(0.9, 0.95))
    slower = torch.optim.lr_scheduler.LambdaLR(adam, lambda step: 1 - 0.9 * step / steps)
    for _ in range(steps):
        adam.zero_grad()
        price().sum().backward()
        adam.step()
        slower.step()
        _limit(guess.angles)
    for free in guess.free():
        free.requires_grad_(False)


@torch.no_grad()
def _costs(guess: Guess, asked: Asked, ground: Ground | None, bones: Tensor, weights: aims.Weights) -> Tensor:
    posed = hand.pose(guess.angles, guess.root(), bones.expand(len(guess.of), -1))
    return aims.cost(posed, guess.angles, asked[guess.of], ground, weights)


@torch.no_grad()
def _limit(angles: Tensor) -> None:
    """What `anatomy.limited` does, in place."""
    angles.copy_(angles.maximum(_LOW).minimum(_HIGH))
    room = _HIGH[_SIDEWAYS] * (1 - angles[:, _KNUCKLE].clamp_min(0) / _HIGH[_KNUCKLE])
    angles[:, _SIDEWAYS] = angles[:, _SIDEWAYS].maximum(-room).minimum(room)


def _turn(spin: Float[Tensor, "batch 3"]) -> Float[Tensor, "batch 3 3"]:
    """A rotation from the vector part of half a quaternion: about the vector, by its length where that is small."""
    w, (x, y, z) = torch.ones_like(spin[:, 0]), (spin / 2).unbind(-1)
    norm = w + x * x + y * y + z * z
    rows = (
        w + x * x - y * y - z * z, 2 * (x * y - z), 2 * (x * z + y),
        2 * (x * y + z), w - x * x + y * y - z * z, 2 * (y * z - x),
        2 * (x * z - y), 2 * (y * z + x), w - x * x - y * y + z * z,
    )  # fmt: skip
    return torch.stack([row / norm for row in rows], -1).unflatten(-1, (3, 3))
