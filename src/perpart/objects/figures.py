"""Recipes of plain bodies, of fruit and animals, and of twins

Each recipe takes `draw(low, high)` and returns a solid in millimetres. The ranges are those of common
household sizes, rounded; they are the source of every number here.
"""

from __future__ import annotations

import numpy as np

from perpart.objects.shapes import Solid, arc, box, chain, curve, ellipsoid, hull, lathe, prism, ring, rod


def cube(draw) -> Solid:
    return box(*(draw(28, 75) for _ in "xyz"), edge=draw(0.5, 4))


def cylinder(draw) -> Solid:
    return rod(draw(10, 40), draw(50, 180))


def sphere(draw) -> Solid:
    radius = draw(18, 48)
    return ellipsoid(radius, radius, radius, segments=48)


def cone(draw) -> Solid:
    radius, height = draw(22, 42), draw(60, 120)
    return lathe([(radius, 0), (radius, 4), (draw(2, 10), height)])


def torus(draw) -> Solid:
    return ring(draw(28, 50), draw(7, 16), 24)


def pyramid(draw) -> Solid:
    side, height = draw(40, 75), draw(45, 80)
    return hull([*arc(side * 0.7, 45, 405, 4), (0, 0, height)])


def wedge(draw) -> Solid:
    length, height = draw(50, 85), draw(30, 60)
    return prism([(-length / 2, 0), (length / 2, 0), (-length / 2, height)], draw(30, 60)).turned(x=90)


def capsule(draw) -> Solid:
    radius, length = draw(12, 32), draw(40, 110)
    return chain([(-length / 2, 0, 0), (length / 2, 0, 0)], radius, segments=32)


def egg(draw) -> Solid:
    radius, long = draw(20, 26), draw(1.3, 1.45)
    height = 2 * radius * long
    share = np.linspace(-1, 1, 26)
    width = radius * np.sqrt(np.maximum(1 - share**2, 1e-4)) * (1 - 0.12 * share)
    return lathe(np.stack([width, height / 2 * share], axis=1))


def banana(draw) -> Solid:
    bend, radius, span = draw(85, 120), draw(15, 19), draw(80, 105)
    path = arc(bend, 270 - span / 2, 270 + span / 2, 12)[:, [0, 2, 1]]
    radii = radius * np.interp(np.arange(13), [0, 1, 3, 6, 9, 11, 12], [0.3, 0.55, 0.92, 1, 0.92, 0.5, 0.3])
    stalk = [path[-1], path[-1] * [1.16, 1, 0.9]]
    return chain(path, radii) + chain(stalk, [radius * 0.33, radius * 0.36])


def pear(draw) -> Solid:
    radius, height = draw(30, 38), draw(80, 105)
    points = [
        (radius * 0.3, 0),
        (radius, height * 0.32),
        (radius * 0.55, height * 0.72),
        (radius * 0.45, height * 0.88),
    ]
    stalk = chain([(0, 0, height - 4), (3, 0, height + 14)], 1.8)
    return lathe(curve([*points, (radius * 0.12, height)])) + stalk


def carrot(draw) -> Solid:
    length, radius = draw(120, 180), draw(13, 20)
    points = [(1.5, 0), (radius * 0.6, length * 0.45), (radius, length * 0.9), (radius * 0.35, length)]
    leaves = [chain([(0, 0, length - 4), (12 * np.cos(a), 12 * np.sin(a), length + 30)], 2.6) for a in (0, 2.1, 4.2)]
    return (lathe(curve(points)) + leaves[0] + leaves[1] + leaves[2]).turned(y=90)


def duck(draw) -> Solid:
    size = draw(0.85, 1.25)
    body = ellipsoid(40, 28, 24) + ellipsoid(22, 18, 15).turned(y=-35).moved(-32, 0, 14)
    head = ellipsoid(20, 18, 19).moved(27, 0, 38) + chain([(20, 0, 12), (26, 0, 30)], 15)
    bill = ellipsoid(13, 10, 4).moved(49, 0, 34)
    wing = ellipsoid(22, 5, 13).turned(y=-15).moved(-8, 27, 4)
    return (body + head + bill + wing.mirrored()).stretched(size, size, size)


def elephant(draw) -> Solid:
    size = draw(0.8, 1.15)
    body = ellipsoid(42, 28, 30) + ellipsoid(22, 20, 22).moved(44, 0, 18)
    leg = chain([(0, 16, -12), (0, 16, -52)], [13, 11])
    legs = (leg.moved(x=24) + leg.moved(x=-24)).mirrored()
    trunk = chain([(58, 0, 14), (74, 0, -6), (76, 0, -30), (86, 0, -42)], [11, 8, 6.5, 5.5])
    ear = ellipsoid(6, 20, 19).turned(z=-35).moved(38, 27, 22)
    tail = chain([(-38, 0, 4), (-48, 0, -16)], [3.5, 3])
    return (body + legs + trunk + ear.mirrored() + tail).stretched(size, size, size)


def fish(draw) -> Solid:
    length, height = draw(100, 150), draw(20, 28)
    body = ellipsoid(length / 2, height * 0.5, height)
    tail = prism([(0, 0), (-28, 24), (-22, 0)], 7).turned(x=90)
    tails = (tail + tail.stretched(z=-1)).moved(x=-length * 0.43)
    fin = prism([(-18, 0), (16, 0), (-10, 20)], 6).turned(x=90).moved(0, 0, height * 0.85)
    return body + tails + fin


def binoculars(draw) -> Solid:
    length, eye, lens, gap = draw(95, 135), draw(16, 19), draw(22, 28), draw(31, 35)
    outline = [
        (eye, 0),
        (eye, length * 0.3),
        (lens * 0.85, length * 0.42),
        (lens, length * 0.62),
        (lens, length),
    ]
    barrel = lathe([(eye + 2, -8), *outline]).moved(x=gap)
    bridge = box(2 * gap, 16, length * 0.3, 4).moved(z=length * 0.48) + rod(8, length * 0.45).moved(z=length * 0.45)
    return (barrel + barrel.stretched(x=-1) + bridge).turned(x=90)


def dumbbell(draw) -> Solid:
    grip, radius, weight = draw(95, 125), draw(12, 17), draw(26, 42)
    thick = draw(28, 45)
    disc = lathe([(weight - 4, 0), (weight, 4), (weight, thick - 4), (weight - 4, thick)]).turned(y=90)
    end = disc.moved(x=grip / 2)
    return rod(radius, grip + 8, "x") + end + end.stretched(x=-1)


def hourglass(draw) -> Solid:
    radius, height = draw(24, 34), draw(90, 130)
    points = [
        (radius * 0.85, -height / 2),
        (radius * 0.7, -height * 0.25),
        (5, 0),
        (radius * 0.7, height * 0.25),
    ]
    glass = lathe(curve([*points, (radius * 0.85, height / 2)]))
    disc = rod(radius * 1.15, 8).moved(z=height / 2)
    posts = [rod(3, height).moved(*(arc(radius, 120 * k, 360, 1)[0, :2])) for k in range(3)]
    return glass + disc + disc.stretched(z=-1) + posts[0] + posts[1] + posts[2]


FAMILIES = {
    "plain": {
        "capsule": (capsule, 600, "turn-x"),
        "cone": (cone, 600, "turn-z"),
        "cube": (cube, 600, "box"),
        "cylinder": (cylinder, 600, "turn-z"),
        "pyramid": (pyramid, 600, "mirror-y"),
        "sphere": (sphere, 600, "sphere"),
        "torus": (torus, 600, "turn-z"),
        "wedge": (wedge, 600, "mirror-y"),
    },
    "organic": {
        "banana": (banana, 950, "mirror-y"),
        "carrot": (carrot, 1000, "none"),
        "duck": (duck, 300, "mirror-y"),
        "egg": (egg, 1050, "turn-z"),
        "elephant": (elephant, 500, "mirror-y"),
        "fish": (fish, 800, "mirror-y"),
        "pear": (pear, 950, "mirror-y"),
    },
    "twins": {
        "binoculars": (binoculars, 1400, "mirror-x"),
        "dumbbell": (dumbbell, 2500, "turn-x"),
        "hourglass": (hourglass, 900, "mirror-y"),
    },
}
