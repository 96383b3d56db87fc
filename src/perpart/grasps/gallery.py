"""A sheet of grasps drawn at random: the object in grey, the hand's parts in their digits' colours, from two sides"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import trimesh
from jaxtyping import Float, Int

from perpart import canvas, sheets
from perpart.clouds import cover
from perpart.colours import UNTOUCHED, colour
from perpart.data import things
from perpart.data.graspset import GraspSet
from perpart.errors import Mistake
from perpart.grasps.bodies import hand_of
from perpart.hand import PARTS, Posed
from perpart.surfels import surfels

SIZE, POINTS, SPACING = 230, 70_000, 0.0009  # pixels of a view; points on the object; metres between the hand's
COLUMNS = 6
COARSE, GLANCE = 10, 40  # every tenth point, and pixels: enough to choose where to look from
WAYS = [(float(azimuth), elevation) for elevation in (-15.0, 20.0, 50.0) for azimuth in range(0, 360, 30)]
APART = 80.0  # degrees: the second look comes from at least so far elsewhere
OBJECT = len(PARTS)


@dataclass(frozen=True)
class Scene:
    """A grasp as surface points (m, with normals), and what each is of: one of the hand's parts, or the object (16)."""

    points: Float[np.ndarray, "n 6"]
    of: Int[np.ndarray, "n"]

    @property
    def colours(self) -> Float[np.ndarray, "n 3"]:
        """sRGB per point."""
        return np.stack([*map(colour, PARTS), UNTOUCHED])[self.of]


def sheet(path: Path, grasps: GraspSet, n: int, seed: int) -> None:
    """Draw n grasps, drawn at random, and write the PNG. Raises Mistake when there are fewer."""
    if not 1 <= n <= len(grasps):
        raise Mistake(f"--n is {n}; this set has {len(grasps)} grasps, so it must be 1 to {len(grasps)}")
    chosen = np.sort(np.random.default_rng(seed).choice(len(grasps), n, replace=False))
    cells = [_cell(grasps, int(g)) for g in chosen]
    title = f"{n} of {len(grasps)} grasps, drawn at random (seed {seed}); each from two sides"
    sheets.sheet(path, cells, COLUMNS, title, shape=0.62)


def scene(mesh: trimesh.Trimesh, posed: Posed) -> Scene:
    """An object and a hand as one cloud of surface points."""
    skin, surface = surfels(posed, SPACING), cover(mesh, POINTS)
    return Scene(np.concatenate([surface, skin.points]), np.concatenate([np.full(POINTS, OBJECT), skin.part]))


def ways(seen: Scene) -> list[tuple[float, float]]:
    """Two directions to look from: that which shows most of the fingers and of the object, and the best far from it."""
    points, of = seen.points[::COARSE], seen.of[::COARSE]
    score = np.array([_shown(points, of, way) for way in WAYS])
    first = int(score.argmax())
    toward = np.stack([_toward(way) for way in WAYS])
    far = toward @ toward[first] < np.cos(np.radians(APART))
    return [WAYS[first], WAYS[int(np.where(far, score, -1).argmax())]]


def _shown(points: np.ndarray, of: np.ndarray, way: tuple[float, float]) -> float:
    """How much a look shows: the fingers' pixels times the object's, either beyond a third of all counting no more."""
    shown = canvas.look(points, *way, GLANCE).shown
    kinds = of[shown[shown >= 0]]
    fingers, thing = ((kinds > 0) & (kinds < OBJECT)).mean(), (kinds == OBJECT).mean()
    return min(fingers, 1 / 3) * min(thing, 1 / 3)


def _toward(way: tuple[float, float]) -> np.ndarray:
    around, above = np.radians(way)
    return np.array([np.cos(above) * np.cos(around), np.cos(above) * np.sin(around), np.sin(above)])


def _cell(grasps: GraspSet, g: int) -> tuple[np.ndarray, str]:
    thing = grasps.objects[grasps.object_of[g]]
    seen = scene(things.mesh(thing), hand_of(grasps, g).posed)
    images = [sheets.trimmed(canvas.look(seen.points, *way, SIZE).image(seen.colours)) for way in ways(seen)]
    caption = f"{g}: {things.name(thing).replace('_', ' ')}\n{grasps.preshapes[grasps.kind[g]].replace('_', ' ')}"
    return sheets.beside(images), caption
