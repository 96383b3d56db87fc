"""Recipes of long tools and of tools in two halves

Each recipe takes `draw(low, high)` and returns a solid in millimetres, lying along x. The ranges are those of
common household sizes, rounded; they are the source of every number here.
"""

from __future__ import annotations

from perpart.objects.shapes import Solid, arc, box, chain, curve, hull, lathe, prism, ring, rod, vessel


def hammer(draw) -> Solid:
    length, head, face = draw(240, 320), draw(95, 125), draw(11, 15)
    path = [(0, 0, 0), (length * 0.2, 0, 0), (length * 0.5, 0, 0), (length, 0, 0)]
    handle = chain(path, [(13, 14, 11), (14, 15, 12), (9, 11, 8), (8, 10, 7)])
    block = box(24, 22, head * 0.45, 3)
    strike = lathe([(10, 0), (face - 2, 8), (face, 12), (face, 26), (face - 2, 28)]).moved(z=head * 0.2)
    claw = prism([(-10, 0), (10, 0), (4, head * 0.55), (-1, head * 0.55)], 22).turned(x=-90).moved(z=-head * 0.15)
    return handle + (block + strike + claw).moved(x=length - 10)


def screwdriver(draw) -> Solid:
    grip, radius, shaft = draw(85, 110), draw(11, 16), draw(70, 130)
    points = [
        (radius * 0.7, 0),
        (radius, grip * 0.2),
        (radius * 0.9, grip * 0.65),
        (radius * 0.6, grip * 0.85),
    ]
    handle = lathe(curve([*points, (radius * 0.75, grip)], 18))
    blade = lathe([(3.2, grip - 5), (3.2, grip + shaft)])
    tip = hull([(x, y, z) for x, y, z in _slab(3.2, 2.5, grip + shaft - 2) + _slab(4, 0.6, grip + shaft + 12)])
    return (handle + blade + tip).turned(y=90)


def toothbrush(draw) -> Solid:
    length, width = draw(165, 195), draw(11, 14)
    path = [(0, 0, 0), (length * 0.3, 0, 2), (length * 0.62, 0, 0), (length * 0.75, 0, 0), (length, 0, 0)]
    radii = [(5, width / 2, 4), (6, width / 2, 5), (5, width / 2.4, 4.5), (3, 3, 3), (4, width / 2.2, 3)]
    return chain(path, radii) + box(28, width * 0.85, 11, 1).moved(length - 10, 0, 7)


def knife(draw) -> Solid:
    grip, blade, height = draw(100, 125), draw(110, 190), draw(22, 38)
    handle = chain([(0, 0, 0), (grip * 0.5, 0, 2), (grip, 0, 0)], [(8, 8, 12), (8, 9, 13), (8, 7.5, 11)])
    back, tip = height * 0.4, grip + blade
    edge = [(grip - 4, -height * 0.6), (tip - blade * 0.25, -height * 0.55), (tip, back - 3)]
    return handle + prism([*edge, (tip - 6, back), (grip - 4, back)], 2.6).turned(x=90)


def spoon(draw) -> Solid:
    length, width = draw(110, 150), draw(17, 24)
    path = [(0, 0, 6), (length * 0.5, 0, 2), (length, 0, 4)]
    handle = chain(path, [(4, 8, 2.2), (4, 5, 2.2), (4, 3.5, 2.5)])
    outline = [(width * 0.4, 0), (width * 0.75, 2.5), (width, 9)]
    return handle + vessel(outline, wall=1.6, floor=1.8).stretched(x=1.4).moved(x=length + width * 1.3, z=-2)


def flute(draw) -> Solid:
    length, radius = draw(240, 340), draw(9, 13)
    body = rod(radius, length, "x") + rod(radius * 1.2, 24, "x").moved(x=-length * 0.33)
    holes = [rod(2.8, 8).moved(length * (0.0 + 0.07 * k), 0, radius) for k in range(6)]
    return body.carved(*holes, rod(4, 8).moved(-length * 0.42, 0, radius))


def pen(draw) -> Solid:
    length, radius = draw(125, 150), draw(4.2, 6.5)
    barrel = lathe([(1.0, 0), (radius * 0.6, 10), (radius, 22), (radius, length), (radius * 0.7, length + 3)])
    clip = box(2.4, 3, length * 0.28, 0.8).moved(radius + 1.2, 0, length * 0.82)
    return (barrel + clip + box(4, 3, 4, 0.8).moved(radius, 0, length * 0.95)).turned(y=90)


def flashlight(draw) -> Solid:
    length, radius, head = draw(90, 150), draw(12, 18), draw(1.4, 1.8)
    outline = [(radius, 0), (radius, length), (radius * head, length + 22), (radius * head, length + 45)]
    button = box(16, 9, 6, 1.5).moved(length * 0.75, 0, radius)
    return lathe([(radius - 2, -2), *outline]).turned(y=90) + button


def paint_brush(draw) -> Solid:
    grip, width = draw(110, 140), draw(30, 60)
    handle = chain([(0, 0, 0), (grip * 0.4, 0, 0), (grip, 0, 0)], [(7, 9, 6), (9, 13, 8), (6, 9, 6)])
    ferrule = box(34, width, 14, 2).moved(x=grip + 12)
    bristle = hull([(x, y, z) for x, y, z in _slab(width * 0.47, 5.5, 0) + _slab(width * 0.42, 1.5, 50)])
    return handle + ferrule + bristle.turned(z=90).turned(y=90).moved(x=grip + 24)


def wrench(draw) -> Solid:
    length, width, jaw = draw(130, 200), draw(12, 17), draw(13, 19)
    fork = [chain(arc(jaw, 48, 170, 6) * [1, side, 1], [(6, 6, 4.5)]) for side in (1, -1)]
    eye = ring(jaw * 0.75, 4.5, 12)
    shaft = box(length, width, 6, 2)
    return shaft + fork[0].moved(x=length / 2 + jaw) + fork[1].moved(x=length / 2 + jaw) + eye.moved(x=-length / 2 - 7)


def scissors(draw) -> Solid:
    blade, bow, thickness = draw(75, 110), draw(17, 22), draw(4.5, 6)
    outline = [(-8, -6), (10, -7), (blade, -1), (blade, 0.5), (10, 6), (-8, 6)]
    edge = prism(outline, 3)
    arm = chain([(0, 0, 0), (-30, 7, 0), (-46, 12, 0)], [(5, 5, 3.5)])
    eye = ring(bow, thickness, 16).stretched(x=1.25).moved(-44 - bow * 1.1, 11 + bow * 0.75)
    half = (edge + arm + eye).turned(z=-7)
    return half.moved(z=1.6) + half.stretched(y=-1).moved(z=-1.6) + rod(5, 9)


def pliers(draw) -> Solid:
    jaw, grip, spread = draw(45, 60), draw(95, 120), draw(9, 13)
    jaws = prism([(-6, -9), (10, -10), (jaw, -4), (jaw, 0), (-6, 2)], 10)
    path = [(4, 4, 0), (-18, 6, 0), (-grip * 0.6, spread + 9, 0), (-grip, spread + 6, 0)]
    half = jaws + chain(path, [(7, 7, 5), (6, 5, 5), (6, 6, 7), (6, 6, 6.5)])
    return half.mirrored() + rod(10, 12)


def stapler(draw) -> Solid:
    length, width, gape = draw(110, 150), draw(28, 38), draw(8, 13)
    base = box(length, width, 12, 3)
    arm = box(length * 0.96, width * 0.8, 20, 7).turned(y=-gape * 0.8).moved(0, 0, 20 + gape)
    hinge = box(28, width * 0.9, 34, 5).moved(-length / 2 + 16, 0, 14)
    return base + arm + hinge


def tweezers(draw) -> Solid:
    length, spread, width = draw(95, 130), draw(7, 11), draw(9, 12)
    path = [(0, 0.5, 0), (length * 0.4, spread, 0), (length * 0.75, spread * 0.9, 0), (length, 3, 0)]
    radii = [(3, 2.4, width / 2), (3, 2.4, width / 2), (2.5, 2.2, width / 3), (1.5, 1.6, 1.6)]
    return chain(path, radii).mirrored() + box(18, 7, width, 2)


def _slab(half_x: float, half_y: float, z: float) -> list[tuple[float, float, float]]:
    """The corners of a rectangle at a height."""
    return [(x, y, z) for x in (-half_x, half_x) for y in (-half_y, half_y)]


FAMILIES = {
    "long tools": {
        "flashlight": (flashlight, 1300, "mirror-y"),
        "flute": (flute, 900, "mirror-y"),
        "hammer": (hammer, 2500, "mirror-y"),
        "knife": (knife, 2200, "mirror-y"),
        "paint_brush": (paint_brush, 800, "mirror-y"),
        "pen": (pen, 1200, "mirror-y"),
        "screwdriver": (screwdriver, 1500, "mirror-y"),
        "spoon": (spoon, 4000, "mirror-y"),
        "toothbrush": (toothbrush, 1000, "mirror-y"),
        "wrench": (wrench, 5000, "mirror-y"),
    },
    "two halves": {
        "pliers": (pliers, 4000, "mirror-y"),
        "scissors": (scissors, 2500, "none"),
        "stapler": (stapler, 1800, "mirror-y"),
        "tweezers": (tweezers, 4000, "mirror-y"),
    },
}
