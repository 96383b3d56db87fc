"""On whose terms a set is made: the arguments, the limits, the versions and the code that decide its bytes"""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from perpart import anatomy, clouds, hand, hands, objects, preshapes
from perpart.errors import Mistake
from perpart.grasps import closing, filters, hold, pieces, plan, search
from perpart.objects import devices, field, figures, own, shapes, tools, vessels

Terms = dict[str, dict[str, Any]]
CODE = (
    anatomy, clouds, closing, devices, field, figures, filters, hand, hands, hold, objects, plan, preshapes, search,
    shapes, tools, vessels,
)  # fmt: skip
LIMITS = {
    "penetration depth, m": filters.DEPTH,
    "penetration volume, m3": filters.VOLUME,
    "touching parts": filters.LINKS,
    "touching digits, with thumb or palm": filters.DIGITS,
    "friction": filters.FRICTION,
    "resisted along the weakest axis": filters.EPSILON,
    "shift in six directions of gravity, m": hold.SHIFT,
    "turn in six directions of gravity, rad": float(hold.TURN),
    "seconds in each direction": hold.SHAKE * hold.STEP,
}


def of(wish: Any) -> Terms:
    """All that decides a set: equal terms, equal bytes."""
    terms = {
        "arguments": {k: v for k, v in asdict(wish).items() if k != "recipes"} | _own(wish),
        "limits": LIMITS,
        "made with": {name: version(name) for name in ("manifold3d", "mujoco", "numpy", "scipy", "torch", "trimesh")},
        "code": {module.__name__: own.digest(str(module.__file__)) for module in CODE},
    }
    return json.loads(json.dumps(terms))  # as they will be read


def _own(wish: Any) -> dict[str, str]:
    return {"recipes": own.digest(wish.recipes)} if wish.recipes else {}


def digest(terms: Terms) -> str:
    """Short for all of them."""
    return hashlib.sha256(json.dumps(terms, sort_keys=True).encode()).hexdigest()


def said(terms: Terms, command: str, catches: Sequence[search.Catch]) -> dict[str, Any]:
    """How the set came to be, for its json: the command, the terms, what was tried and which filters rejected it."""
    outcomes = sum((catch.reasons for catch in catches), Counter())
    return {"command": command, "tries": {name: outcomes[name] for name in sorted(outcomes)}, **terms}


def agree(folder: Path, ours: Terms) -> None:
    """Put our terms into a folder of unfinished work, or raise Mistake if the work there is on others."""
    path = folder / "terms.json"
    try:
        theirs = json.loads(path.read_bytes())
    except FileNotFoundError:
        pieces.write(path, json.dumps(ours, indent=1).encode())
        return
    if theirs != ours:
        raise Mistake(
            f"{folder} is a making with {_difference(theirs, ours)}; give another --out, or remove that folder"
        )


def committed(out: Path, ours: Terms) -> bool:
    """Whether the folder holds a finished set. Raises Mistake if it was made on other terms."""
    try:
        theirs = json.loads((out / "grasps.json").read_bytes())
    except FileNotFoundError:
        return False
    except ValueError:
        raise Mistake(f"{out / 'grasps.json'} cannot be read; remove it, or give another --out") from None
    if any(theirs.get(name) != part for name, part in ours.items()):
        raise Mistake(f"{out} holds a finished set made with {_difference(theirs, ours)}; give another --out")
    return True


def _difference(theirs: dict[str, Any], ours: Terms) -> str:
    """What differs, in words: the first kind of difference, by what weighs most."""
    for kind, part in ours.items():
        there = theirs.get(kind)
        there = there if isinstance(there, dict) else {}
        names = [name for name in {**part, **there} if part.get(name) != there.get(name)]
        if names and kind == "code":
            return f"other code ({', '.join(names)})"
        if names:
            return f"other {kind} ({', '.join(f'{name} {there.get(name)}, here {part.get(name)}' for name in names)})"
    return "other terms"
