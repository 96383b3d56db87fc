"""A model's figures after every epoch: what it reconstructs, what it draws from its prior, and one score of both

evaluate_per_part.py says more, and how sure it is; this is what a training run can afford.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from perpart import losses
from perpart.data.dataset import Contacts
from perpart.drawing import Drawing
from perpart.forms import Objective
from perpart.scores import sets
from perpart.scores.distance import apart
from perpart.scores.levels import TOUCH
from perpart.scores.overlap import Overlap
from perpart.scores.platt import Platt

DRAWS = 2
"""Draws of the prior for each object: the fewest that tell whether draws differ; more cost every epoch."""


@torch.no_grad()
def evaluate(
    model: Drawing,
    dataset: Contacts,
    device: torch.device | str = "cpu",
    objective: Objective = losses.objective,
    *,
    price: float = losses.KL_WEIGHT,
    batch_size: int = 32,
    calibrate: bool = False,
) -> dict[str, float]:
    """A model's figures on a data set that does not augment: the loss terms (a nat costs `price`), F1, IoU, MAE and
    direction error (degrees, left out where directions are unknown) of what it reconstructs from the posterior's mean,
    how many latents are `active`, `f1_prior` of one draw of the prior per grasp, `prior` of the draws as a set, and
    `score`: the higher, the better the model.

    The same bits each time: it draws from a generator of its own, and leaves the model in the mode it was in. With
    `calibrate` the model's chances, and how sharp its maps are, are fitted to what it rebuilt. The figures are of maps
    before that: they depend on the weights alone.
    """
    tally, rebuilt, mu, known = {}, Overlap.empty(), [], False
    expected, touch = Platt(), Platt()
    with evaluating(model):
        for batch in batches(dataset, device, batch_size):
            outputs = model(batch)
            known = known or bool(batch["direction"].any())
            # A loss may weigh its angles as it likes: what is told in degrees is one measure for all.
            angle = losses.direction(outputs["direction"], batch["direction"], batch["contact"])
            terms = objective(outputs, batch, price)
            add_up(tally, terms | {"degrees": angle.double().rad2deg()}, len(batch["points"]))
            rebuilt.add(outputs["contact"].sigmoid().cpu(), batch["contact"].cpu())
            logits, contact = (maps["contact"].cpu().numpy() for maps in (outputs, batch))
            expected.add(logits, contact)
            touch.add(logits, contact >= TOUCH)
            mu.append(torch.cat(outputs["mu"], dim=-1))
        imagined, prior = imagine(model, dataset, device, batch_size)
    if calibrate:
        model.chances.fit(expected, touch)
    figures = {key: float(total) / len(dataset) for key, total in tally.items()}
    if not known:
        del figures["degrees"]
    f1, iou, mae = (float(scores[0, -1]) for scores in (rebuilt.f1(), rebuilt.iou(), rebuilt.mae()))
    figures |= {"f1": f1, "iou": iou, "mae": mae, "f1_prior": float(imagined.f1()[0, -1])}
    figures["active"] = float(losses.active(torch.cat(mu)))
    return {**figures, "prior": prior, "score": score(f1, prior)}


def score(f1: float, prior: float) -> float:
    """One number to keep the best model by: the geometric mean of F1 and `prior`, so that a tenth more of either is
    worth the same, and a model that fails at one of them has nothing. Without any touch F1 (nan) counts as 0."""
    return float(np.sqrt(np.nan_to_num(f1) * prior))


def imagine(model: Drawing, dataset: Contacts, device: torch.device | str, batch_size: int) -> tuple[Overlap, float]:
    """Draws of the prior held against the grasps of their objects: each grasp against one draw; and all as sets.

    The latter is the mean over objects of 2 - 2 E D(x, y) + E D(x, x') with draws x and real grasps y: an energy
    score, 0 for draws that are all the same and fit nothing. No set scores higher, on average, than real grasps do
    (about 1 + the real ones' likeness): blur, collapse and noise all cost.
    """
    generator, imagined, found = torch.Generator().manual_seed(0), Overlap.empty(), []
    things, first = np.unique(dataset.object_of, return_index=True)
    for start in range(0, len(things), batch_size):
        batch = collate([dataset[int(i)] for i in first[start : start + batch_size]], device)
        maps = model.dream(batch, DRAWS, generator).cpu()
        for thing, drawn in zip(things[start : start + batch_size], maps.unbind(1), strict=True):
            real = torch.stack([dataset[int(i)]["contact"] for i in np.flatnonzero(dataset.object_of == thing)])
            imagined.add(drawn[torch.arange(len(real)) % DRAWS], real)
            found.append(2.0 - 2.0 * apart(drawn, real).mean() + sets.diversity(apart(drawn, drawn)))
    return imagined, float(np.mean(found))


@contextmanager
def evaluating(model: torch.nn.Module) -> Iterator[None]:
    """The model in evaluation mode, and afterwards in the mode it was in."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


def batches(dataset: Contacts, device: torch.device | str, size: int) -> Iterator[dict[str, Tensor]]:
    """The whole data set in its order, batch by batch, on a device."""
    for start in range(0, len(dataset), size):
        yield collate([dataset[i] for i in range(start, min(start + size, len(dataset)))], device)


def collate(items: list[dict[str, Tensor]], device: torch.device | str) -> dict[str, Tensor]:
    """Some items as one batch on a device."""
    return {key: torch.stack([item[key] for item in items]).to(device) for key in items[0]}


def add_up(tally: dict[str, Tensor], terms: dict[str, Tensor], weight: int) -> None:
    """Add a batch's mean terms to running sums, in float64 on the CPU."""
    for key, value in terms.items():
        tally[key] = tally.get(key, torch.zeros((), dtype=torch.float64)) + weight * value.detach().cpu().double()
