"""The data card of a folder of grasps: one page, the same numbers as JSON, and pictures of them

Everything is computed from the folder alone; the same folder gives the same bytes.
"""

import json
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any

from perpart.data.graspset import SPLITS, GraspSet, load
from perpart.grasps import measures, plots

SPREAD = ("least", "5 %", "median", "mean", "95 %", "most")


def card(data: Path | None, out: Path | None) -> Path:
    """Write card.md, card.json and the pictures beside the data (or into `out`); returns the page's path. The set that
    ships with the package is only read: its card goes to the current folder, unless `out` says where."""
    folder = Path(str(resources.files("perpart") / "shipped")) if data is None else data
    place = out if out is not None else Path() if data is None else data
    grasps = load(data)
    said = json.loads((folder / "grasps.json").read_text(encoding="utf-8"))
    numbers, found = _numbers(grasps, said)
    place.mkdir(parents=True, exist_ok=True)
    (place / "card.json").write_text(json.dumps(numbers, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    names = plots.draw(place, grasps, numbers, found)
    (place / "card.md").write_text(page(numbers, names), encoding="utf-8")
    return place / "card.md"


def _numbers(grasps: GraspSet, said: dict[str, Any]) -> tuple[dict[str, Any], measures.Touched]:
    found = measures.touched(grasps)
    return {
        "command": said.get("command"),
        "digest": grasps.fingerprint(),
        **measures.counts(grasps),
        "quality": measures.quality(grasps),
        "contact": measures.contact(found),
        "diversity": measures.diversity(grasps, found),
        "tries": measures.rejections(said.get("tries", {})),
        "limits": said.get("limits", {}),
        "made with": said.get("made with", {}),
    }, found


def page(numbers: dict[str, Any], pictures: dict[str, str]) -> str:
    """The card as Markdown; `pictures` are file names by what they show."""
    sections = [
        _head(numbers),
        *(f"![{what}]({name})" for what, name in pictures.items()),
        _quality(numbers),
        _contact(numbers),
        _diversity(numbers),
        _rejections(numbers),
        _shapes(numbers),
        _categories(numbers),
        _made(numbers),
    ]
    return "\n\n".join(sections) + "\n"


def _head(numbers: dict[str, Any]) -> str:
    splits = [(name, row["objects"], row["grasps"]) for name, row in numbers["splits"].items()]
    return "\n\n".join([
        f"# {numbers['grasps']} grasps on {numbers['objects']} objects of {len(numbers['categories'])} categories",
        f"Digest of the data: `{numbers['digest']}`. Made by",
        f"```\n{numbers['command'] or 'not said'}\n```",
        _table(("split", "objects", "grasps"), splits),
    ])  # fmt: skip


def _quality(numbers: dict[str, Any]) -> str:
    rows = [
        (f"{name}, {row['unit']}", *_figures({key: row.get(key) for key in SPREAD}))
        for name, row in numbers["quality"].items()
    ]
    return "\n\n".join([
        "## How good the grasps are",
        "Depth and volume: of what hand and object have in common. Epsilon: the smallest wrench that the contacts "
        "cannot resist. Shift and turn: how far the object moved while gravity pulled in six directions.",
        _table(("figure", *SPREAD), rows),
    ])  # fmt: skip


def _contact(numbers: dict[str, Any]) -> str:
    said = numbers["contact"]
    rows = [(name, f"{100 * row['touches']:.1f} %", *_figures(row["area"])) for name, row in said["parts"].items()]
    parts = said["parts touching in a grasp"]
    measured = f"on {said['measured grasps']} grasps"
    if said["measured grasps"] < numbers["grasps"]:
        measured += f" drawn from the {numbers['grasps']} (seed 0)"
    return "\n\n".join([
        "## What touches",
        f"Measured {measured}: a part touches where its contact is at least {measures.variety.TOUCH} (a gap of 6 mm), "
        f"on {measures.POINTS} points of the object. Areas in cm², over the grasps in which the part touches at all."
        + (f" In the median grasp {parts['median']:g} of 16 parts touch." if parts else ""),
        _table(("part", "touches in", *SPREAD), rows),
    ])  # fmt: skip


def _diversity(numbers: dict[str, Any]) -> str:
    said = numbers["diversity"]
    rows = [(name, *_figures(row)) for name, row in said.items() if isinstance(row, dict) and "median" in row]
    joints = sorted(said["joints, sd in °"].items(), key=lambda item: -item[1])
    return "\n\n".join([
        "## How different they are",
        "Two maps of one object differ by D(a, b) = 1 - mean of Σ min(a, b) / Σ max(a, b) over the parts that touch in "
        f"either (0: the same, 1: nothing in common); at most {measures.PAIRED} grasps an object are compared, drawn "
        "with seed 0. Palms and joints: all pairs of one object. Nearest: each grasp and the one "
        "nearest to it in that figure.",
        _table(("between grasps of one object", *SPREAD), rows),
        f"Near-duplicates: {said['near-duplicates']}. Nine tenths of the joints' variance lie in "
        f"{said['components for 90 % of joint variance']} of {len(joints)} components; the most moved joints are "
        + ", ".join(f"{name} (sd {sd:.3g}°)" for name, sd in joints[:4])
        + f". Hands differ in size by {100 * said['hands, sd of size']:.2g} % (sd).",
    ])  # fmt: skip


def _rejections(numbers: dict[str, Any]) -> str:
    rows = [(why, row["tries"], f"{100 * row['share']:.2f} %") for why, row in numbers["tries"].items()]
    return "## What became of the tries\n\n" + (_table(("outcome", "tries", "share"), rows) if rows else "Not said.")


def _shapes(numbers: dict[str, Any]) -> str:
    rows = [(name, *(row[split] for split in SPLITS), row["grasps"]) for name, row in numbers["pre-shapes"].items()]
    return "## Pre-shapes\n\n" + _table(("pre-shape", *SPLITS, "all"), rows)


def _categories(numbers: dict[str, Any]) -> str:
    rows = [
        (name, row["family"], row["objects"], *(row[split] for split in SPLITS), row["grasps"], len(row["pre-shapes"]))
        for name, row in numbers["categories"].items()
    ]
    head = ("category", "family", "objects", *SPLITS, "all", "pre-shapes")
    return "## Categories\n\n" + _table(head, rows) + "\n\nGrasps per category and pre-shape stand in `card.json`."


def _made(numbers: dict[str, Any]) -> str:
    limits, versions = numbers["limits"], numbers["made with"]
    return "\n\n".join([
        "## Limits and versions",
        _table(("limit", "value"), limits.items()) if limits else "No limits are said.",
        _table(("made with", "version"), versions.items()) if versions else "No versions are said.",
    ])  # fmt: skip


def _figures(spread: dict[str, float] | None) -> list[str]:
    return ["–" if spread is None or spread[key] is None else f"{spread[key]:.3g}" for key in SPREAD]


def _table(head: Iterable[Any], rows: Iterable[Iterable[Any]]) -> str:
    lines = [[*map(str, head)]]
    lines += [["---"] * len(lines[0]), *([*map(str, row)] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
