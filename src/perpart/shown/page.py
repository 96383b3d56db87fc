"""One file of HTML: words and numbers as JSON, arrays as bytes in base64, and the scripts that draw them"""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from perpart.anatomy import PARTS
from perpart.colours import DIGITS, UNTOUCHED, colour, digit
from perpart.sampled import Sampled
from perpart.shown.grips import Fitted
from perpart.shown.surface import Surface

BESIDE = Path(__file__).parent
SCRIPTS = ("maps.js", "scene.js", "page.js")
CONTACT, PLACE, UNIT, WEIGHT = 255, 32767, 127, 255
"""Steps of contact, of half the cube's width, of a unit vector's axis, of a weight."""


@dataclass(frozen=True)
class Shown:
    """All that a page shows. `area` is the surface's, in m²; `truth` are true maps on the same points."""

    sampled: Sampled
    area: float
    truth: Float[np.ndarray, "m points 16"] | None = None
    surface: Surface | None = None
    hands: Sequence[Fitted] = ()


def page(shown: Shown) -> str:
    """The whole page."""
    middle, half = _frame(shown)
    arrays = {**_maps(shown), **_shapes(shown, middle, half)}
    facts = _facts(shown) | {"middle": [float(x) for x in middle], "half": half}
    words = json.dumps(facts, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    blobs = [
        f'<script type="application/octet-stream" id="{name}">{base64.b64encode(array.tobytes()).decode()}</script>'
        for name, array in arrays.items()
    ]
    scripts = [f"<script>\n{_asset(name)}</script>" for name in SCRIPTS]
    parts = {"title": escape(facts["title"]), "style": _asset("page.css"), "data": words}
    text = _asset("page.html")
    for name, part in {**parts, "arrays": "\n".join(blobs), "scripts": "\n".join(scripts)}.items():
        text = text.replace(f"<!-- {name} -->", part)
    return text


def _asset(name: str) -> str:
    return (BESIDE / name).read_text(encoding="utf-8")


def _frame(shown: Shown) -> tuple[np.ndarray, float]:
    """The middle of the object and half the width of a cube around it that holds all that is drawn, in metres."""
    points = shown.sampled.points
    seen = points[:, :3] if shown.surface is None else shown.surface.corners[:, :3]
    middle = (seen.min(axis=0) + seen.max(axis=0)).astype(np.float64) / 2
    reach = [abs(each[:, :3] - middle).max() for each in (points, seen, *(hand.corners for hand in shown.hands))]
    return middle, float(max(reach)) * 1.0001


def _maps(shown: Shown) -> dict[str, np.ndarray]:
    """What is said of the points: contact of the samples and then of the truth, parts, directions."""
    sampled = shown.sampled
    maps = sampled.contact if shown.truth is None else np.concatenate([sampled.contact, shown.truth])
    return {
        "contact": np.round(maps * CONTACT).astype("u1"),
        "part": sampled.part.astype("u1"),
        "direction": _units(sampled.direction),
    }


def _shapes(shown: Shown, middle: np.ndarray, half: float) -> dict[str, np.ndarray]:
    """What is drawn: points, the surface and how it carries their values, and all hands one after another."""

    def places(points: np.ndarray) -> np.ndarray:
        return np.round((points[:, :3] - middle) / half * PLACE).astype("<i2")

    points, surface, hands = shown.sampled.points, shown.surface, shown.hands
    arrays = {"points": places(points), "normals": _units(points[:, 3:])}
    if surface is not None:
        arrays["corners"], arrays["facing"] = places(surface.corners), _units(surface.corners[:, 3:])
        arrays["faces"] = surface.faces.astype("<u4" if _wide(surface) else "<u2")
        arrays["near"], arrays["weight"] = surface.near.astype("<u2"), np.round(surface.weight * WEIGHT).astype("u1")
    if hands:
        arrays["skin"] = np.concatenate([places(hand.corners) for hand in hands])
        arrays["outward"] = np.concatenate([_units(hand.corners[:, 3:]) for hand in hands])
        arrays["limb"] = np.concatenate([hand.part.astype("u1") for hand in hands])
        arrays["joined"] = np.concatenate([hand.faces.astype("<u2") for hand in hands])
    return arrays


def _units(vectors: np.ndarray) -> np.ndarray:
    return np.round(np.clip(vectors, -1, 1) * UNIT).astype("i1")


def _wide(surface: Surface) -> bool:
    """Whether numbers of corners need four bytes."""
    return len(surface.corners) > 65_535


def _facts(shown: Shown) -> dict[str, Any]:
    sampled = shown.sampled
    n, points = sampled.part.shape
    return {
        "title": str(sampled.meta.get("object", "contact maps")),
        "facts": _origin(sampled.meta),
        "n": n,
        "truths": 0 if shown.truth is None else len(shown.truth),
        "points": points,
        "area": shown.area * 1e4,
        "mesh": shown.surface is not None,
        "wide": shown.surface is not None and _wide(shown.surface),
        "parts": list(PARTS),
        "digits": [{"name": name, "parts": [i for i, p in enumerate(PARTS) if digit(p) == name]} for name in DIGITS],
        "colours": [_hex(colour(part)) for part in PARTS],
        "untouched": _hex(UNTOUCHED),
        "hands": [{"sample": h.sample, "corners": len(h.corners), "faces": len(h.faces)} for h in shown.hands],
    }


def _origin(meta: dict[str, Any]) -> list[str]:
    """Where the samples come from, in a few words each."""
    told = {"seed": "seed {}", "checkpoint": "{}", "epoch": "after {} epochs"}
    return [words.format(meta[key]) for key, words in told.items() if isinstance(meta.get(key), int | str)]


def _hex(rgb: np.ndarray) -> str:
    return "#" + "".join(f"{round(255 * float(c)):02x}" for c in rgb)
