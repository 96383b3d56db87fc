"""What a trained model can do, beside the floor it must beat, as a table that anyone can recompute"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import tyro

import unbroken
from perpart.anatomy import PARTS
from perpart.data import cache, kinds
from perpart.data.dataset import Contacts
from perpart.errors import told
from perpart.metrics import Measured, Overlap, mean_map, measure
from perpart.model import ContactCVAE
from perpart.settings import usable_device


@dataclass(frozen=True)
class Evaluation:
    """Evaluate a checkpoint on objects it was not trained on."""

    checkpoint: str
    """The state to evaluate: checkpoint.pt or any snapshot of a run."""
    data: str | None = None
    """A folder made by `python -m perpart.grasps make`; by default the set that ships with the package."""
    split: Literal["valid", "test"] = "valid"
    """valid: unseen instances of seen categories; test: unseen categories."""
    device: str = "cpu"
    """Where the model runs: cpu, cuda or cuda:N."""


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line: `python evaluate_per_part.py --checkpoint exp_per_part/checkpoint.pt`."""
    with told(unbroken.Error):
        wish = tyro.cli(Evaluation, args=arguments)
        device = usable_device(wish.device)
        state = unbroken.load(wish.checkpoint)
        model = ContactCVAE.restored(state, wish.checkpoint).to(device)
        grasps = kinds.load(wish.data)
        data = Contacts(grasps, wish.split, model.points, augment=False, folders=cache.places(wish.data))
        print(heading(wish, state, data, grasps.fingerprint()))
        print(table(measure(model, data, device), mean_map(data), mean_map(data, without_own=True)))


def heading(wish: Evaluation, state: dict, data: Contacts, found: str) -> str:
    """What is compared with what."""
    trained = state["settings"].get("fingerprint")
    same = "the data it was trained with" if trained == found else "other data than it was trained with"
    return (
        f"{wish.checkpoint}: epoch {state['epoch']}\n"
        f"split {wish.split} of {same} (fingerprint {found[:12]}): {len(data)} grasps of "
        f"{len(np.unique(data.object_of))} objects, {data.points} points each; touch: contact of at least 0.5"
    )


def table(model: Measured, floor: Overlap, others: Overlap) -> str:
    """F1 per part and over all parts: the model's, and the mean maps' of the same objects at two thresholds."""
    threshold, _ = floor.best()
    elsewhere, _ = others.best()
    columns = {
        "rebuilt": (model.rebuilt, 0.5),
        "sampled": (model.imagined, 0.5),
        "mean map": (floor, 0.5),
        f"at {threshold:.2f}": (floor, threshold),
        f"others {elsewhere:.2f}": (others, elsewhere),
    }
    lines = ["F1".ljust(10) + "".join(name.rjust(13) for name in columns)]
    scores = [overlap.f1_per_part(cut) for overlap, cut in columns.values()]
    lines += [row(part, [score[i] for score in scores]) for i, part in enumerate(PARTS)]
    lines.append(row("all", [overlap.f1(cut) for overlap, cut in columns.values()]))
    lines.append(row("all, IoU", [overlap.iou(cut) for overlap, cut in columns.values()]))
    lines.append(row("all, MAE", [overlap.mae for overlap, _ in columns.values()]))
    return "\n".join(lines) + "\n" + remarks(model)


def row(name: str, scores: Sequence[float]) -> str:
    """One line of the table; a dash where there is nothing to score."""
    return name.ljust(10) + "".join(("–" if np.isnan(score) else f"{score:.3f}").rjust(13) for score in scores)


def remarks(model: Measured) -> str:
    """How the columns were made, and the figures that have no column."""
    figures = model.figures
    direction = f"{figures['degrees']:.1f} degrees off" if "degrees" in figures else "unknown in these data"
    return (
        "rebuilt: from the grasp itself, by the posterior's mean. sampled: one draw of the prior, against one of many\n"
        "grasps. mean map: the mean of all grasps of the object, this one included, at 0.5 and at the best threshold\n"
        "there is. others: the same without this one.\n"
        f"direction {direction}, {figures['active']:.0f} active latents, "
        f"{figures['kl']:.1f} nats"
    )
