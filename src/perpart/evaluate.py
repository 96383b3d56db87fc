"""What a trained model can do, beside floors and ceilings, as numbers that anyone can recompute"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np
import scipy
import tyro

import unbroken
from perpart import forms, outs
from perpart.anatomy import PARTS
from perpart.choice import TRIES
from perpart.data import cache, kinds, things
from perpart.data.dataset import POOL, Contacts
from perpart.data.source import Source
from perpart.drawing import Drawing
from perpart.errors import Mistake, told
from perpart.scores import intervals, record, table
from perpart.scores.calibration import BINS
from perpart.scores.fitted import Grasps
from perpart.scores.forecasts import HALVINGS, Chances, Sets
from perpart.scores.judged import judged
from perpart.scores.levels import STEPS, TOUCH
from perpart.scores.tallies import THRESHOLDS, Directions, Figure, Latents, Tally, Touching
from perpart.scores.training import Training
from perpart.settings import usable_device
from perpart.ship import MODEL

TALLIES: tuple[type[Tally], ...] = (Touching, Directions, Latents, Chances, Sets)
"""What is told of the judged objects, one after the other."""


@dataclass(frozen=True)
class Form:
    """How much is judged: grasps at most (None: all), draws of the prior for each object, points of each."""

    grasps: int | None
    draws: int
    points: int | None  # None: as many as the model was trained on
    fits: int  # hands fitted for each object to each kind of maps


QUICK, FULL = Form(640, 32, None, 0), Form(None, 128, POOL, 4)


@dataclass(frozen=True)
class Evaluation:
    """Evaluate a checkpoint on objects it was not trained on: tables on the terminal, and as JSON and CSV.

    Three examples:

    python evaluate_per_part.py --checkpoint exp_per_part/best.pt

    python evaluate_per_part.py --checkpoint exp_per_part/best.pt --split test --full

    python evaluate_per_part.py --split test --fits 4

    --debug tells the traceback of an error too.
    """

    checkpoint: str = MODEL
    """The state to evaluate: best.pt or any other of a run; by default the model that ships with the package."""
    data: str | None = None
    """A folder of grasps, as training takes it; by default the set that ships with the package."""
    train_data: str | None = None
    """The folder whose training grasps are the floor; by default that of --data. For objects that were made for the
    evaluation alone, it is the set that the model was trained on."""
    split: Literal["valid", "test"] = "valid"
    """valid: unseen instances of seen categories; test: unseen categories."""
    latest: bool = False
    """Judge the weights of the latest step instead of their mean over the latest steps."""
    full: bool = False
    """All grasps, 128 draws an object, 2048 points. Otherwise 640 grasps, an even part of the split, 32 draws, and as
    many points as the model was trained on."""
    grasps: int | None = None
    """So many grasps instead, an even part of the split."""
    draws: int | None = None
    """So many draws of the prior for each object instead."""
    points: int | None = None
    """So many points of each object instead."""
    fits: int | None = None
    """So many hands fitted to draws, real and nearest maps of each object; by default 4 with --full, or else none."""
    tries: int = TRIES
    """How many draws each sample is chosen from, as sample_per_part.py does; 1 judges the prior alone."""
    seed: int = 0
    """Decides the draws and the resamplings: the same seed, the same figures."""
    resamplings: int = intervals.DRAWS
    """How often the objects are drawn anew for the intervals."""
    device: str = "cpu"
    """Where the model runs: cpu, cuda or cuda:N."""
    out: str | None = None
    """The folder for the figures as JSON and CSV; by default `evaluation` beside the checkpoint, or here for the model
    that ships."""


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line: `python evaluate_per_part.py --checkpoint exp_per_part/checkpoint.pt`."""
    with told(arguments, unbroken.Error) as words:
        evaluate(tyro.cli(Evaluation, args=words))


def evaluate(wish: Evaluation) -> list[Figure]:
    """Evaluates as asked, prints tables, writes files, and gives the figures.

    Raises Mistake, and what reading the checkpoint raises.
    """
    form, folder = formed(wish), _folder(wish)
    state = unbroken.load(wish.checkpoint)
    model = forms.restored(state, wish.checkpoint, latest=wish.latest).to(usable_device(wish.device))
    source = kinds.load(wish.data)
    points, folders = form.points or model.points, cache.places(wish.data)
    # The balls that come with the points are the model's own, or it would look into others than in training.
    data = Contacts(
        source, wish.split, points, augment=False, most=form.grasps, radii=model.shape.radii, folders=folders
    )
    floor = source if wish.train_data is None else kinds.load(wish.train_data)
    facts = {**known(wish, form, state, model), **seen(source, floor, data, wish.split, state)}
    print(heading(wish, facts), end="\n\n", flush=True)
    training = Training(floor, categories(floor), form.draws // 2)
    figures = figured(wish, model, source, data, training, draws=form.draws, fits=form.fits)
    print(table.text(figures))
    name = f"{Path(wish.checkpoint).stem}-{wish.split}{'-full' if wish.full else ''}{'-latest' if wish.latest else ''}"
    print("wrote " + " and ".join(str(path) for path in record.write(folder, name, facts, figures)))
    return figures


def _folder(wish: Evaluation) -> Path:
    """Where the figures go. Raises Mistake where they cannot."""
    beside = Path() if wish.checkpoint == MODEL else Path(wish.checkpoint).parent
    return outs.folder(str(beside / "evaluation") if wish.out is None else wish.out)


def categories(source: Source) -> list[str]:
    """What each object of a source is."""
    return [things.category(thing) for thing in source.objects]


def figured(
    wish: Evaluation, model: Drawing, source: Source, data: Contacts, training: Training, *, draws: int, fits: int = 0
) -> list[Figure]:
    """All figures of a model on a data set, which is of that source."""
    count, plain = len(np.unique(data.object_of)), training.plain()
    grasps = [Grasps(count, source, fits, wish.seed)] if fits else []
    tallies = [*(tally(count, plain) for tally in TALLIES), *grasps]
    every = judged(model, data, categories(source), training, draws=draws, tries=wish.tries, seed=wish.seed)
    for row, one in enumerate(every):
        for tally in tallies:
            tally.add(one, row)
    weights = intervals.resamplings(count, wish.resamplings, wish.seed)
    return [figure for tally in tallies for figure in tally.figures(weights)]


def formed(wish: Evaluation) -> Form:
    """How much is asked for. Raises Mistake for what nothing can be computed from."""
    base = FULL if wish.full else QUICK
    fits = base.fits if wish.fits is None else wish.fits
    form = Form(wish.grasps or base.grasps, wish.draws or base.draws, wish.points or base.points, fits)
    for name, least, most in (
        ("grasps", 1, 10**9), ("draws", 2, 10_000), ("points", 32, 65_000), ("fits", 0, 1000),
        ("tries", 1, 1000), ("seed", 0, 2**31), ("resamplings", 10, 100_000),
    ):  # fmt: skip
        value = getattr(wish, name)
        if value is not None and not least <= value <= most:
            raise Mistake(f"--{name} {value}: at least {least}, at most {most}")
    return form


def known(wish: Evaluation, form: Form, state: dict[str, Any], model: Drawing) -> dict[str, Any]:
    """What was evaluated, how, and with what: enough to do it again."""
    here, sharpness = unbroken.environment(), model.chances.sharpness
    given = {f.name: getattr(wish, f.name) for f in fields(wish) if f.name != "out"}
    if wish.checkpoint == MODEL:  # whose place is another one on every machine
        del given["checkpoint"]
    flags = [f"--{k}" if v is True else f"--{k}={v}" for k, v in given.items() if v is not None and v is not False]
    return {
        "what": "figures of a per-part contact model; docs/evaluation.md says what each means",
        "command": shlex.join(["python", "evaluate_per_part.py", *flags]),
        "checkpoint": {
            "digest": state["digest"], "epoch": state["epoch"], "name": Path(wish.checkpoint).name,
            "sharpness": 1.0 if sharpness is None else round(sharpness.item(), 4),
        },
        "form": {"draws": form.draws, "tries": wish.tries, "fits": form.fits, "seed": wish.seed},
        "constants": {
            "touch": TOUCH, "thresholds": list(THRESHOLDS), "steps": STEPS, "bins": BINS, "halvings": HALVINGS,
            "resamplings": wish.resamplings, "parts": list(PARTS),
        },
        "versions": {name: here[name] for name in ("python", "torch", "numpy", "machine", "cpu", "gpu")}
        | {"scipy": scipy.__version__},
    }  # fmt: skip


def seen(source: Source, floor: Source, data: Contacts, split: str, state: dict[str, Any]) -> dict[str, Any]:
    """What it was evaluated on, and whose training grasps are the floor."""
    return {
        "data": {
            "fingerprint": source.fingerprint(),
            "floor": floor.fingerprint(),
            "trained with": state["settings"].get("fingerprint"),
            "split": split,
            "grasps": len(data),
            "of": len(source.of(split)),
            "objects": len(np.unique(data.object_of)),
            "points": data.points,
        }
    }


def heading(wish: Evaluation, facts: dict[str, Any]) -> str:
    """What is compared with what."""
    data, form = facts["data"], facts["form"]
    part = f"{data['grasps']} grasps" if data["grasps"] == data["of"] else (
        f"{data['grasps']} of {data['of']} grasps, evenly chosen,"
    )  # fmt: skip
    chosen = f", every one the best of {wish.tries}" if wish.tries > 1 else ""
    return (
        f"{wish.checkpoint}: epoch {facts['checkpoint']['epoch']}, digest {facts['checkpoint']['digest'][:12]}, "
        f"maps sharpened by {facts['checkpoint']['sharpness']:g}\n"
        f"split {data['split']} of {whose(data, 'fingerprint')}: {part} of {data['objects']} "
        f"objects, {data['points']} points and {form['draws']} draws each{chosen}; touch: contact of at least {TOUCH}"
        + (f"\nthe floor: training grasps of {whose(data, 'floor')}" if data["floor"] != data["fingerprint"] else "")
    )


def whose(data: dict[str, Any], name: str) -> str:
    """Which data those are that have this fingerprint, to who has trained."""
    same = data[name] == data["trained with"]
    return f"{'the data' if same else 'other data than'} it was trained with (fingerprint {data[name][:12]})"
