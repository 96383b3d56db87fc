"""One file of HTML: words and numbers as JSON, arrays as bytes in base64, and the scripts that draw them"""

import base64
import json
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from perpart.anatomy import PARTS
from perpart.colours import DIGITS, UNTOUCHED, colour, digit
from perpart.shown.fitted import Fitted
from perpart.shown.sampled import Sampled
from perpart.shown.surface import Surface

BESIDE = Path(__file__).parent
SCRIPTS = ("maps.js", "scene.js", "page.js")
CONTACT, PLACE, UNIT, WEIGHT = 255, 32767, 127, 255  # steps of contact, of half the width, of a unit vector, of a weight


def page(
    sampled: Sampled, truth: np.ndarray | None, surface: Surface | None, hands: list[Fitted], area: float
) -> str:
    """The whole page. `area` is the surface's, in m²."""
    middle, half = _frame(sampled, surface, hands)
    arrays = _arrays(sampled, truth, surface, hands, middle, half)
    facts = _facts(sampled, truth, surface, hands)
    facts |= {"area": area * 1e4, "middle": [float(x) for x in middle], "half": half}
    words = json.dumps(facts, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    blobs = "\n".join(
        f'<script type="application/octet-stream" id="{name}">{base64.b64encode(array.tobytes()).decode()}</script>'
        for name, array in arrays.items()
    )
    scripts = "\n".join(f"<script>\n{_asset(name)}</script>" for name in SCRIPTS)
    parts = {"title": escape(facts["title"]), "style": _asset("page.css"), "data": words, "arrays": blobs}
    text = _asset("page.html")
    for name, part in {**parts, "scripts": scripts}.items():
        text = text.replace(f"<!-- {name} -->", part, 1)
    return text


def _asset(name: str) -> str:
    return (BESIDE / name).read_text(encoding="utf-8")


def _frame(sampled: Sampled, surface: Surface | None, hands: list[Fitted]) -> tuple[np.ndarray, float]:
    """The middle of the object and half the width of a cube around it that holds all that is drawn, in metres."""
    seen = sampled.points[:, :3] if surface is None else surface.corners[:, :3]
    middle = (seen.min(axis=0) + seen.max(axis=0)).astype(np.float64) / 2
    reach = [abs(each[:, :3] - middle).max() for each in (sampled.points, seen, *(hand.corners for hand in hands))]
    return middle, float(max(reach)) * 1.0001


def _arrays(
    sampled: Sampled, truth: np.ndarray | None, surface: Surface | None, hands: list[Fitted], middle: np.ndarray, half: float
) -> dict[str, np.ndarray]:
    """Every array of the page, in few bytes. Their names are those of the scripts."""

    def places(points: np.ndarray) -> np.ndarray:
        return np.round((points[:, :3] - middle) / half * PLACE).astype("<i2")

    def units(vectors: np.ndarray) -> np.ndarray:
        return np.round(np.clip(vectors, -1, 1) * UNIT).astype("i1")

    maps = sampled.contact if truth is None else np.concatenate([sampled.contact, truth])
    arrays = {
        "points": places(sampled.points),
        "normals": units(sampled.points[:, 3:]),
        "contact": np.round(maps * CONTACT).astype("u1"),
        "part": sampled.part.astype("u1"),
        "direction": units(sampled.direction),
    }
    if surface is not None:
        arrays["corners"], arrays["facing"] = places(surface.corners), units(surface.corners[:, 3:])
        arrays["faces"], arrays["near"] = surface.faces.astype("<u4" if _wide(surface) else "<u2"), surface.near.astype("<u2")
        arrays["weight"] = np.round(surface.weight * WEIGHT).astype("u1")
    if hands:
        arrays["skin"] = np.concatenate([places(hand.corners) for hand in hands])
        arrays["outward"] = np.concatenate([units(hand.corners[:, 3:]) for hand in hands])
        arrays["limb"] = np.concatenate([hand.part.astype("u1") for hand in hands])
        arrays["joined"] = np.concatenate([hand.faces.astype("<u2") for hand in hands])
    return arrays


def _wide(surface: Surface) -> bool:
    """Whether numbers of corners need four bytes."""
    return len(surface.corners) > 65_535


def _facts(
    sampled: Sampled, truth: np.ndarray | None, surface: Surface | None, hands: list[Fitted]
) -> dict[str, Any]:
    n, points = sampled.part.shape
    return {
        "title": str(sampled.meta.get("object", "contact maps")),
        "facts": _origin(sampled.meta),
        "n": n,
        "truths": 0 if truth is None else len(truth),
        "points": points,
        "mesh": surface is not None,
        "wide": surface is not None and _wide(surface),
        "parts": list(PARTS),
        "digits": [{"name": name, "parts": [i for i, p in enumerate(PARTS) if digit(p) == name]} for name in DIGITS],
        "colours": [_hex(colour(part)) for part in PARTS],
        "untouched": _hex(UNTOUCHED),
        "hands": [{"sample": h.sample, "corners": len(h.corners), "faces": len(h.faces)} for h in hands],
    }


def _origin(meta: dict[str, Any]) -> list[str]:
    """Where the samples come from, in a few words each."""
    told = {"seed": "seed {}", "checkpoint": "{}", "epoch": "after {} epochs"}
    return [words.format(meta[key]) for key, words in told.items() if isinstance(meta.get(key), int | str)]


def _hex(rgb: np.ndarray) -> str:
    return "#" + "".join(f"{round(255 * float(c)):02x}" for c in rgb)
