"""All maps that are judged on one object: real, made by the model, guessed by the training set

One object after the other, so that a data set of any size fits in memory. The network runs on one thread: so small are
its steps that a second one helps little, and the figures do not depend on how many there are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from perpart.choice import TRIES, chosen, noises
from perpart.data.dataset import Contacts
from perpart.drawing import Drawing
from perpart.metrics import collate, evaluating
from perpart.scores.training import Training
from perpart.threads import single_threaded

BATCH = 32


@dataclass(frozen=True)
class Judged:
    """The maps on one object, contact in [0, 1] (float32), all on the same points."""

    thing: int  # which object of the source
    grasps: Int[np.ndarray, "grasps"]  # which grasps of the source
    cloud: Float[np.ndarray, "points 6"]
    real: Float[np.ndarray, "grasps points 16"]
    part: Int[np.ndarray, "grasps points"]
    direction: Float[np.ndarray, "grasps points 3"]
    rebuilt: Float[np.ndarray, "grasps points 16"]  # from each grasp itself, by the posterior's mean
    towards: Float[np.ndarray, "grasps points 3"]  # the rebuilt directions
    mu: Float[np.ndarray, "grasps latents"]  # the posterior's mean
    logvar: Float[np.ndarray, "grasps latents"]  # and the logarithm of its variance
    drawn: Float[np.ndarray, "draws points 16"]  # samples, each the best of some draws of the prior
    expected: Float[np.ndarray, "points 16"]  # the contact that first draws expect, calibrated
    touch: Float[np.ndarray, "points 16"]  # and the chance of touch
    nearest: Float[np.ndarray, "nearest points 16"]  # grasps of the nearest training object, carried over
    kin: Float[np.ndarray, "kin points 16"]  # training grasps of the same category, carried over; may be none


def judged(
    model: Drawing,
    dataset: Contacts,
    categories: Sequence[str],
    training: Training,
    *,
    draws: int,
    tries: int = TRIES,
    seed: int = 0,
) -> Iterator[Judged]:
    """One object after the other of a data set that does not augment, in their order; computed where the model is.
    `categories` says of every object of its source what it is."""
    for thing in np.unique(dataset.object_of):
        rows = np.flatnonzero(dataset.object_of == thing)
        items = [dataset[int(row)] for row in rows]
        cloud = torch.cat([items[0]["points"], items[0]["normals"]], dim=-1).numpy()
        real = {key: torch.stack([item[key] for item in items]).numpy() for key in ("contact", "part", "direction")}
        rebuilt, towards, mu, logvar = reconstructed(model, items)
        # Seeded by object: its draws stay the same whichever others are judged beside it.
        noise = noises(seed * 1_000_003 + int(thing), tries, draws, model.latents)
        yield Judged(
            int(thing), dataset.grasps[rows], cloud, real["contact"], real["part"], real["direction"],
            rebuilt, towards, mu, logvar, *drawn(model, cloud, noise),
            nearest=training.carried(training.of(training.nearest(cloud)[0]), cloud),
            kin=training.carried(training.kin(categories[int(thing)]), cloud),
        )  # fmt: skip


@torch.no_grad()
def reconstructed(model: Drawing, items: list[dict[str, Tensor]]) -> list[np.ndarray]:
    """Contact and direction of some grasps, as the model rebuilds them from its posterior's mean; and the posterior's
    mean and logarithm of variance."""
    parts, device = [], next(model.parameters()).device
    with evaluating(model), single_threaded():
        for start in range(0, len(items), BATCH):
            outputs = model(collate(items[start : start + BATCH], device))
            latent = (torch.cat(outputs[key], dim=-1) for key in ("mu", "logvar"))
            parts.append([model.chances.sharp(outputs["contact"]), outputs["direction"], *latent])
    return [torch.cat(part).cpu().numpy() for part in zip(*parts, strict=True)]


def drawn(model: Drawing, cloud: np.ndarray, noise: Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Contact maps of the prior on an object, and the means of their expected contact and of their chance of touch."""
    points, normals = torch.from_numpy(cloud[None]).to(next(model.parameters()).device).split(3, dim=-1)
    with evaluating(model), single_threaded():
        maps = model.draw(noise[0].to(points.device), points, normals)
        # Of draws as they come: for these the chances are calibrated.
        expected, touch = (chance.double().mean(0).cpu().numpy() for chance in (maps.expected, maps.touch))
        contact = chosen(model, noise, points, normals).maps.contact
    return contact.cpu().numpy(), expected, touch
