"""Figures as a table for a terminal: who guesses what how well, with intervals, and what the words mean"""

from collections.abc import Sequence

import numpy as np

from perpart.scores.calibration import BINS
from perpart.scores.levels import TOUCH
from perpart.scores.tallies import ALL, GUESSES, MODEL, NAMES, NEAREST, REBUILT, Figure

NOTES = """\
rebuilt: from the grasp itself, by the posterior's mean. draw: one sample of the prior, against one of many real grasps.
nearest: a grasp (or the mean of all) of the training object of the nearest shape, carried over. category: training
grasps of its category. * has seen real grasps of the object, or the grasp itself: floors that cheat, and ceilings.
best F1: at the threshold that suits the answers best. AP: average precision. parts: Jaccard index of the sets of parts
that touch. degrees: the direction's error where there is contact. ECE, Brier: chances against held-out grasps, of
contact (its mean) and of touch. MMD: distance of a real grasp from its nearest sample. COV: share of the real grasps
that are some sample's nearest. 1-NN: as real * (50 % for large sets) where nobody can tell samples from real, 100 %
where anybody can. energy: distance of the distributions, 0 for the same. grasps: maps that are of grasps by the rule of
the shipped ones. draws: each the best of --tries. draws - nearest: the difference, object by object; clear where its
interval holds no 0. training's: the parts' means in training.
[ ]: 95 %, bootstrap over objects. What each figure means: docs/evaluation.md."""


class Shelf:
    """Figures, found by what they are of."""

    def __init__(self, figures: Sequence[Figure]):
        self.of = {(f.table, f.guess, f.measure, f.at, f.part): f for f in figures}
        self.guesses = {table: list(dict.fromkeys(f.guess for f in figures if f.table == table)) for table in TABLES}

    def value(self, table: str, guess: str, measure: str, at: float | None = None, part: str = ALL, *, digits: int = 3):
        """A figure as text; a dash where there is none."""
        return number(self.of[table, guess, measure, at, part].value, digits)

    def sure(self, table: str, guess: str, measure: str, at: float | None = None, part: str = ALL, *, digits: int = 3):
        """A figure with its interval."""
        found = self.of[table, guess, measure, at, part]
        low, high = number(found.low, digits), number(found.high, digits)
        return number(found.value, digits) + ("" if np.isnan(found.low) else f" [{low}, {high}]")


TABLES = ("touch", "direction", "chance of contact", "chance of touch", "sets", "grasps")


def text(figures: Sequence[Figure]) -> str:
    """All tables."""
    shelf = Shelf(figures)
    told = [touch(shelf), parts(shelf), chances(shelf), reliability(shelf), likeness(shelf), latent(shelf)]
    return "\n\n".join([*told, *([grasps(shelf)] if shelf.guesses["grasps"] else []), NOTES])


def touch(shelf: Shelf) -> str:
    """All parts together, a line for each guesser."""
    head = ["touch, all parts", "F1 at 0.5", "0.25", "0.75", "best F1", "IoU at 0.5", "AP", "MAE", "parts"]
    rows = []
    for guess in GUESSES:
        best = next(key[3] for key in shelf.of if key[:3] == ("touch", guess, "best f1"))
        rows.append([
            guess, shelf.sure("touch", guess, "f1", TOUCH),
            *(shelf.value("touch", guess, "f1", at) for at in (0.25, 0.75)),
            f"{shelf.value('touch', guess, 'best f1', best)} at {best:.2f}",
            shelf.value("touch", guess, "iou", TOUCH), shelf.sure("touch", guess, "precision"),
            shelf.value("touch", guess, "mae", digits=4), shelf.sure("touch", guess, "part sets", TOUCH, digits=2),
        ])  # fmt: skip
    return lines(head, rows)


def parts(shelf: Shelf) -> str:
    """The model's figures part by part."""
    head = ["part by part", "rebuilt F1", "IoU", "AP", "MAE", "degrees", "draw F1", "nearest F1", "draws: ECE", "Brier"]
    mean = shelf.sure("direction", "training's mean", "degrees", TOUCH, digits=0)
    return lines(head, [*(by_part(shelf, part) for part in NAMES), ["training's mean", *[""] * 4, mean]])


def by_part(shelf: Shelf, part: str) -> list[str]:
    """One line of that table."""
    return [
        part,
        shelf.sure("touch", REBUILT, "f1", TOUCH, part),
        shelf.value("touch", REBUILT, "iou", TOUCH, part),
        shelf.value("touch", REBUILT, "precision", None, part),
        shelf.value("touch", REBUILT, "mae", None, part, digits=4),
        shelf.sure("direction", REBUILT, "degrees", TOUCH, part, digits=0),
        *(shelf.value("touch", guess, "f1", TOUCH, part) for guess in ("draw", NEAREST)),
        *(shelf.value("chance of contact", MODEL, measure, None, part, digits=4) for measure in ("ece", "brier")),
    ]


def chances(shelf: Shelf) -> str:
    """Calibration of all parts together."""
    head = ["chances", "contact: ECE", "Brier", "touch: ECE", "Brier"]
    rows = [
        [guess, *(
            show(f"chance of {event}", guess, measure, digits=4)
            for event in ("contact", "touch")
            for show, measure in ((shelf.sure, "ece"), (shelf.sure, "brier"))
        )]
        for guess in shelf.guesses["chance of contact"]
    ]  # fmt: skip
    rates = [shelf.value(f"chance of {event}", MODEL, "rate", digits=4) for event in ("contact", "touch")]
    return lines(head, [*rows, ["(mean contact)", rates[0], "", f"{rates[1]} (touch)"]])


def reliability(shelf: Shelf) -> str:
    """The reliability curve of the draws' mean contact, all parts together."""
    begins = [bin / BINS for bin in range(BINS)]
    head = ["draws' contact", *(f"from {begin:.1f}" for begin in begins)]
    return lines(head, [
        [measure, *(shelf.value("chance of contact", MODEL, measure, begin, digits=digits) for begin in begins)]
        for measure, digits in (("forecast", 3), ("observed", 3), ("share", 4))
    ])  # fmt: skip


def likeness(shelf: Shelf) -> str:
    """Sets of samples against the real grasps."""
    if not shelf.guesses["sets"]:
        return "sets, per object: none, as no object has four grasps here or more; judge more of them (--grasps)"
    head = ["sets, per object", "MMD", "COV %", "1-NN %", "diversity", "energy", "grasps %", "objects"]
    return lines(head, [
        [
            name, shelf.sure("sets", name, "mmd", digits=fine(name)),
            *(percent(shelf, name, measure) for measure in ("coverage", "1-nna")),
            *(shelf.sure("sets", name, measure, digits=fine(name)) for measure in ("diversity", "energy")),
            percent(shelf, name, "grasps"), shelf.value("sets", name, "objects", digits=0),
        ]
        for name in shelf.guesses["sets"]
    ])  # fmt: skip


def fine(name: str) -> int:
    """Digits of a distance: one more for a difference of two, so that what is beyond 0 is seen to be."""
    return 4 if " - " in name else 3


def grasps(shelf: Shelf) -> str:
    """Hands fitted to maps, judged as hands."""
    head = ["grasps, per object", "depth mm", "volume cm³", "contact %", "shift mm", "holds %", "F1", "entropy",
            "cluster", "hands"]  # fmt: skip
    return lines(head, [
        [
            name, scaled(shelf, name, "depth", 1e3, 1), scaled(shelf, name, "volume", 1e6, 2),
            scaled(shelf, name, "touches", 100, 0), scaled(shelf, name, "shift", 1e3, 1),
            scaled(shelf, name, "holds", 100, 0), shelf.sure("grasps", name, "f1", digits=2),
            *(shelf.value("grasps", name, measure, digits=2) for measure in ("entropy", "cluster size")),
            shelf.value("grasps", name, "hands", digits=0),
        ]
        for name in shelf.guesses["grasps"]
    ])  # fmt: skip


def scaled(shelf: Shelf, name: str, measure: str, scale: float, digits: int) -> str:
    """A figure of grasps in its unit, with its interval."""
    found = shelf.of["grasps", name, measure, None, ALL]
    value, low, high = (number(scale * figure, digits) for figure in (found.value, found.low, found.high))
    return value if np.isnan(found.low) else f"{value} [{low}, {high}]"


def latent(shelf: Shelf) -> str:
    """One line on the latent."""
    active, nats = (shelf.sure("latent", REBUILT, measure, digits=0) for measure in ("active", "nats"))
    return f"latent: {active} active units, {nats} nats a grasp"


def percent(shelf: Shelf, name: str, measure: str) -> str:
    """A share in per cent, with its interval."""
    found = shelf.of["sets", name, measure, None, ALL]
    return "{} [{}, {}]".format(*(number(100 * value, 0) for value in (found.value, found.low, found.high)))


def number(value: float, digits: int) -> str:
    return "–" if np.isnan(value) else f"{value:z.{digits}f}"  # no "-0"


def lines(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as they must be, the first to the left."""
    filled = [[*row, *[""] * (len(head) - len(row))] for row in (head, *rows)]
    widths = [max(len(row[column]) for row in filled) for column in range(len(head))]
    return "\n".join(
        (
            row[0].ljust(widths[0])
            + "".join(cell.rjust(width + 2) for cell, width in zip(row[1:], widths[1:], strict=True))
        ).rstrip()
        for row in filled
    )
