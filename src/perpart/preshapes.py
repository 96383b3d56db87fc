"""Pre-shapes: how a hand opens before it grasps, which way it comes, and how far each joint may close

Fourteen types of the human grasp taxonomy. All angles here are degrees. `approach` is the way the hand travels,
in the palm's frame (see `hand`).
"""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int

from perpart.anatomy import ANGLES, FINGERS, limited

FLEXIONS: np.ndarray = np.array(  # [digit, joint]: the angles that close a digit, base to tip
    [[ANGLES.index(f"thumb_{joint}") for joint in ("cmc_flexion", "mcp", "ip")]]
    + [[ANGLES.index(f"{finger}_{joint}") for joint in ("mcp", "pip", "dip")] for finger in FINGERS]
)
COUPLING = 2 / 3  # the distal joint bends two thirds as far as the middle one: one tendon flexes both
DOWN, AHEAD = (0.0, 0.0, -1.0), (1.0, 0.0, -0.6)
ACROSS = (0.0, 1.0, 0.0)  # the palm's breadth


@dataclass(frozen=True)
class Preshape:
    """One type of grasp.

    `thumb` = palmar abduction, radial abduction, CMC flexion, MCP, IP; `bend` = MCP and PIP of the fingers in use
    when open; `close` = how far these two may travel; `rest` = MCP and PIP of the other fingers. With `precise`
    the fingertips meet the thumb's at a point under the surface, or with `side` the index finger's middle bone does;
    otherwise the palm goes on until something touches.
    """

    thumb: tuple[float, float, float, float, float]
    bend: tuple[float, float]
    close: tuple[float, float]
    thumb_close: tuple[float, float, float] = (35.0, 50.0, 70.0)
    fingers: tuple[str, ...] = FINGERS
    rest: tuple[float, float] = (30.0, 40.0)
    spread: float = 0.0
    approach: tuple[float, float, float] = DOWN
    precise: bool = False
    side: bool = False
    own: dict[str, float] = field(default_factory=dict)  # single angles that differ


PRESHAPES: dict[str, Preshape] = {
    "large_cylinder": Preshape((40, 55, -20, -5, 0), (-5, 12), (90, 85)),
    "medium_cylinder": Preshape((42, 45, -18, 0, 0), (5, 22), (80, 75)),
    "small_cylinder": Preshape((40, 38, -12, 5, 5), (16, 34), (70, 64)),
    "adducted_thumb": Preshape((12, 30, -15, 5, 0), (8, 25), (78, 72)),
    "index_extension": Preshape(
        (32, 36, -15, 5, 5), (8, 28), (78, 70), fingers=FINGERS[1:], rest=(5, 12), own={"index_dip": 5}
    ),
    "sphere": Preshape((45, 52, -18, 0, 0), (-2, 18), (85, 75), spread=14.0),
    "hook": Preshape((25, 38, -15, 0, 0), (0, 30), (65, 70)),
    "palm_press": Preshape((20, 58, -18, 0, 0), (-8, 5), (80, 80), spread=8.0),
    "disk": Preshape((45, 5, -20, 0, 15), (5, 24), (75, 36), spread=14.0, approach=AHEAD, precise=True),
    "lateral": Preshape((10, 52, -20, 0, 0), (45, 60), (12, 15), (35, 45, 55), approach=AHEAD, precise=True, side=True),
    "two_finger_pinch": Preshape(
        (45, 12, -20, 0, 10), (8, 24), (75, 42), fingers=FINGERS[:2], rest=(0, 8), approach=AHEAD, precise=True
    ),
    "tripod": Preshape(
        (45, 12, -20, 0, 0), (12, 28), (70, 40), fingers=FINGERS[:2], rest=(60, 75), approach=AHEAD, precise=True
    ),
    "four_finger_pinch": Preshape((45, 5, -8, 0, 0), (12, 20), (75, 42), approach=AHEAD, precise=True),
    "pen": Preshape(
        (45, 12, -20, 0, 0), (28, 34), (60, 40), fingers=FINGERS[:2], rest=(60, 75), approach=AHEAD, precise=True
    ),
}
NAMES: tuple[str, ...] = tuple(PRESHAPES)


def opened(kinds: Int[np.ndarray, "n"], rng: np.random.Generator) -> Float[np.ndarray, "n angles"]:
    """Open hands (radians) for pre-shapes given by their place in NAMES, with synergy noise: the fingers bend
    and spread together (sd 7 and 4 degrees), the thumb turns (sd 6), and every joint has a little of its own (sd 3)."""
    angles = np.stack([_open(PRESHAPES[NAMES[kind]]) for kind in kinds])
    mcp, pip, dip, sideways = ([ANGLES.index(f"{f}_{j}") for f in FINGERS] for j in ("mcp", "pip", "dip", "abduction"))
    n = len(kinds)
    angles[:, mcp] += 7 * rng.standard_normal((n, 1))
    bent = 7 * rng.standard_normal((n, 1))
    angles[:, pip] += bent
    angles[:, dip] += COUPLING * bent
    angles[:, sideways] += 4 * rng.standard_normal((n, 1)) * np.array([1.0, 0.3, -0.3, -1.0])
    angles[:, :3] += 6 * rng.standard_normal((n, 3))
    angles += 3 * rng.standard_normal(angles.shape)
    return limited(np.radians(angles))


def travels(kinds: Int[np.ndarray, "n"]) -> Float[np.ndarray, "n 5 3"]:
    """How far (radians) each digit's joints may close, base to tip; nothing for the fingers not in use."""
    return np.radians(np.stack([_travel(PRESHAPES[NAMES[kind]]) for kind in kinds]))


def _open(shape: Preshape) -> Float[np.ndarray, "angles"]:
    degrees = dict.fromkeys(ANGLES, 0.0)
    degrees |= dict(zip(ANGLES[:5], shape.thumb, strict=True))
    for place, finger in enumerate(FINGERS):
        mcp, pip = shape.bend if finger in shape.fingers else shape.rest
        degrees[f"{finger}_mcp"], degrees[f"{finger}_pip"] = mcp, pip
        degrees[f"{finger}_dip"] = COUPLING * pip
        degrees[f"{finger}_abduction"] = shape.spread * (1.0, 0.3, -0.4, -1.0)[place]
    return np.array(list((degrees | shape.own).values()))


def _travel(shape: Preshape) -> Float[np.ndarray, "5 3"]:
    mcp, pip = shape.close
    rows = [(mcp, pip, COUPLING * pip) if finger in shape.fingers else (0.0, 0.0, 0.0) for finger in FINGERS]
    return np.array([shape.thumb_close, *rows])
