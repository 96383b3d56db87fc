"""Everyday objects grown from a category and a seed: watertight, in metres

`build("mug", 3)` is the same mug everywhere: all its sizes are drawn from the ranges in its recipe by one
generator seeded with the category and the seed. The recipes, by family, stand in `vessels`, `tools`,
`devices` and `figures`.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import trimesh
from manifold3d import Manifold
from numpy.typing import NDArray

from perpart.errors import Mistake
from perpart.objects import devices, figures, tools, vessels
from perpart.objects import field as fields
from perpart.objects.shapes import Solid

MILLIMETRE = 1e-3
UP = (0.0, 0.0, 1.0)
"""The axis that points up, by construction: every recipe sets its thing upright, or lays it down, on the x-y plane."""
SYMMETRIES = {
    "sphere": "any turn about the centre",
    "turn-z": "any turn about the upright axis",
    "turn-x": "any turn about the x axis",
    "box": "mirrored across all three planes",
    "mirror-x": "mirrored across the plane x = 0",
    "mirror-y": "mirrored across the plane y = 0",
    "none": "nothing but itself",
}
"""Motions that leave a shape as it is, to about 3 mm; planes and axes go through the centre of its bounding box."""


@dataclass(frozen=True)
class Recipe:
    """How a category is made.

    `make` draws a solid in millimetres, its sizes from the ranges that stand there; `density` is the mass (kg) per
    cubic metre of the solid's volume, chosen so that the whole weighs what such a thing weighs (a camera is mostly
    air); `symmetry` is one of SYMMETRIES.
    """

    family: str
    make: Callable[[Callable[[float, float], float]], Solid]
    density: float
    symmetry: str


@dataclass(frozen=True, eq=False)
class Object:
    """One instance: a watertight mesh in metres, `up` up, the centre of its bounding box in the origin."""

    category: str
    seed: int
    mesh: trimesh.Trimesh
    hulls: tuple[NDArray, ...]  # the corners [n, 3] of each convex piece
    density: float
    symmetry: str
    up: tuple[float, float, float] = UP

    @cached_property
    def field(self) -> fields.Field:
        """The signed distance to the surface, in metres, negative inside."""
        return fields.build(self.mesh)

    @cached_property
    def pieces(self) -> list[trimesh.Trimesh]:
        """Convex meshes in metres that cover the same volume, for physics."""
        return [_mesh(Manifold.hull_points(corners)) for corners in self.hulls]

    @property
    def mass(self) -> float:
        """Kilograms."""
        return float(self.density * self.mesh.volume)


def build(category: str, seed: int) -> Object:
    """Grows the object of a category and a seed, the same one every time.

    Raises `Mistake` for a category that is not in `CATEGORIES` or a negative seed.
    """
    if category not in CATEGORIES:
        raise Mistake(f"no object category is called {category!r}; there are: {', '.join(CATEGORIES)}")
    if seed < 0:
        raise Mistake(f"object {category!r}: a seed is 0 or more, not {seed}")
    recipe = CATEGORIES[category]
    generator = np.random.default_rng([zlib.crc32(category.encode()), seed])
    solid = recipe.make(lambda low, high: float(generator.uniform(low, high)))
    # Booleans leave slivers far below a hair's breadth; melting them keeps normals honest.
    mesh = _mesh(solid.body.simplify(0.01), MILLIMETRE)
    centre = mesh.bounds.mean(axis=0)
    mesh.apply_translation(-centre)
    hulls = tuple(hull.to_mesh64().vert_properties[:, :3] * MILLIMETRE - centre for hull in solid.hulls)
    return Object(category, seed, mesh, hulls, recipe.density, recipe.symmetry)


def _mesh(body: Manifold, scale: float = 1.0) -> trimesh.Trimesh:
    arrays = body.to_mesh64()
    return trimesh.Trimesh(arrays.vert_properties[:, :3] * scale, arrays.tri_verts.astype(np.int64), process=False)


CATEGORIES: dict[str, Recipe] = {
    name: Recipe(family, make, density, symmetry)
    for family, entries in (vessels.FAMILIES | tools.FAMILIES | devices.FAMILIES | figures.FAMILIES).items()
    for name, (make, density, symmetry) in entries.items()
}
