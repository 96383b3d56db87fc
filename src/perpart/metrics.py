"""How good the maps are: per-part F1 and IoU, active latents, and the floor that a model must beat

A part touches a point where its contact is at least 0.5, a gap of 6 mm. Hits and misses are counted over a whole
set and per part, and only then divided: so a grasp with a tiny patch weighs as much as its patch.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from perpart import losses
from perpart.data.dataset import Contacts
from perpart.model import ContactCVAE

TOUCH = 0.5
"""Contact from which a part is said to touch a point."""
STEPS = 100
"""How finely guesses are binned: thresholds are multiples of 1 / STEPS."""


class Overlap:
    """Where guessed and true touch overlap, counted per part and for every threshold on the guess at once."""

    def __init__(self, touch: float = TOUCH):
        self.touch = touch
        self.of_touched = np.zeros((16, STEPS), np.int64)
        self.of_free = np.zeros((16, STEPS), np.int64)
        self.error, self.values = 0.0, 0

    def add(self, guess: Float[Tensor, "*shape 16"], target: Float[Tensor, "*shape 16"]) -> None:
        """Count a batch of contact maps in [0, 1]."""
        guess, target = (maps.detach().cpu().flatten(0, -2) for maps in (guess, target))
        cell = (guess * STEPS).long().clamp(0, STEPS - 1) + STEPS * torch.arange(16)
        touched = target >= self.touch
        self.of_touched += histogram(cell[touched])
        self.of_free += histogram(cell[~touched])
        self.error += (guess - target).abs().double().sum().item()
        self.values += guess.numel()

    def counts(self, threshold: float) -> NDArray:
        """Hits, false alarms and misses [3, 16] when guesses from `threshold` on are called touch."""
        step = round(threshold * STEPS)
        hits = self.of_touched[:, step:].sum(1)
        return np.stack([hits, self.of_free[:, step:].sum(1), self.of_touched.sum(1) - hits])

    def f1_per_part(self, threshold: float = TOUCH) -> NDArray:
        """F1 of each part [16]; nan where a part neither touches nor is guessed."""
        hits, alarms, misses = self.counts(threshold)
        return share(2 * hits, 2 * hits + alarms + misses)

    def f1(self, threshold: float = TOUCH) -> float:
        """F1 over all parts' counts together."""
        hits, alarms, misses = self.counts(threshold).sum(1)
        return float(share(2 * hits, 2 * hits + alarms + misses))

    def iou_per_part(self, threshold: float = TOUCH) -> NDArray:
        """Intersection over union of each part [16]; nan where a part neither touches nor is guessed."""
        hits, alarms, misses = self.counts(threshold)
        return share(hits, hits + alarms + misses)

    def iou(self, threshold: float = TOUCH) -> float:
        """Intersection over union over all parts' counts together."""
        hits, alarms, misses = self.counts(threshold).sum(1)
        return float(share(hits, hits + alarms + misses))

    def best(self) -> tuple[float, float]:
        """The threshold with the highest F1, and that F1: more than any honest guesser could choose."""
        scores = [np.nan_to_num(self.f1(step / STEPS)) for step in range(1, STEPS)]
        top = int(np.argmax(scores))
        return (top + 1) / STEPS, float(scores[top])

    @property
    def mae(self) -> float:
        """Mean absolute error over all points and parts."""
        return self.error / self.values


def histogram(cells: Tensor) -> NDArray:
    """How often each part's each step occurs [16, STEPS]."""
    return torch.bincount(cells, minlength=16 * STEPS).view(16, STEPS).numpy()


def share(part: NDArray, whole: NDArray) -> NDArray:
    """part / whole, and nan for nothing of nothing."""
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) > 0)


def evaluate(model: ContactCVAE, dataset: Contacts, device: torch.device | str = "cpu") -> dict[str, float]:
    """A model's figures on a data set that does not augment: the loss terms, F1, IoU, MAE and direction error (degrees,
    left out where directions are unknown) of what it reconstructs from the posterior's mean, `f1_prior` of one sample
    of the prior per grasp, and how many latents are `active`.
    """
    return measure(model, dataset, device).figures


@dataclass(frozen=True)
class Measured:
    """What a pass over a data set found: figures, and the counts behind them."""

    figures: dict[str, float]
    rebuilt: Overlap
    imagined: Overlap


@torch.no_grad()
def measure(
    model: ContactCVAE, dataset: Contacts, device: torch.device | str = "cpu", batch_size: int = 32
) -> Measured:
    """Reconstruct every grasp from its posterior's mean, and imagine one from the prior beside it.

    The same bits each time: it draws from a generator of its own, and leaves the model in the mode it was in.
    """
    tally, rebuilt, imagined, means, known = {}, Overlap(), Overlap(), [], False
    generator = torch.Generator().manual_seed(0)
    with evaluating(model):
        for start in range(0, len(dataset), batch_size):
            batch = collate(dataset, range(start, min(start + batch_size, len(dataset))), device)
            outputs = model(batch)
            known = known or bool(batch["direction"].any())
            add_up(tally, losses.objective(outputs, batch, losses.KL_WEIGHT), len(batch["points"]))
            rebuilt.add(outputs["contact"].sigmoid(), batch["contact"])
            means.append(torch.cat(outputs["mu"], dim=-1))
            noise = torch.randn(means[-1].shape, generator=generator).to(device)
            guess = model.imagine(noise, batch["points"], batch["normals"])["contact"].sigmoid()
            imagined.add(guess, batch["contact"])
    figures = {key: float(total) / len(dataset) for key, total in tally.items()}
    if known:
        figures["degrees"] = float(np.degrees(figures["direction"]))
    figures |= {"f1": rebuilt.f1(), "iou": rebuilt.iou(), "mae": rebuilt.mae, "f1_prior": imagined.f1()}
    figures["active"] = float(losses.active(torch.cat(means)))
    return Measured(figures, rebuilt, imagined)


@contextmanager
def evaluating(model: torch.nn.Module) -> Iterator[None]:
    """The model in evaluation mode, and afterwards in the mode it was in."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


def mean_map(dataset: Contacts, without_own: bool = False) -> Overlap:
    """The floor: each grasp guessed as the mean of all grasps of its object, point by point.

    It has seen the answers: the grasp itself is in its mean, which flatters it most where an object has few grasps.
    `without_own` leaves the grasp out; of an object with a single grasp it then knows nothing and guesses no touch.
    """
    overlap = Overlap()
    for thing in np.unique(dataset.object_of):
        mine = np.flatnonzero(dataset.object_of == thing)
        maps = torch.stack([dataset[int(i)]["contact"] for i in mine])
        guess = maps.mean(0).expand_as(maps)
        if without_own:
            guess = (maps.sum(0) - maps).clamp_min(0.0) / max(len(maps) - 1, 1)
        overlap.add(guess, maps)
    return overlap


def collate(dataset: Contacts, indices: range, device: torch.device | str) -> dict[str, Tensor]:
    """The items of some indices as one batch on a device."""
    items = [dataset[i] for i in indices]
    return {key: torch.stack([item[key] for item in items]).to(device) for key in items[0]}


def add_up(tally: dict[str, Tensor], terms: dict[str, Tensor], weight: int) -> None:
    """Add a batch's mean terms to running sums, in float64 on the CPU."""
    for key, value in terms.items():
        tally[key] = tally.get(key, torch.zeros((), dtype=torch.float64)) + weight * value.detach().cpu().double()
