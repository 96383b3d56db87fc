"""Recipes of turned things: bottles, bowls, glasses, and vessels with a handle

Each recipe takes `draw(low, high)` and returns a solid in millimetres. The ranges are those of common
household sizes, rounded; they are the source of every number here.
"""

from __future__ import annotations

from perpart.objects.shapes import Solid, arc, chain, curve, lathe, shell, vessel


def apple(draw) -> Solid:
    radius, squash = draw(32, 42), draw(0.82, 0.95)
    height = 2 * radius * squash
    outline = curve(
        [(radius * 0.35, 0), (radius * 0.8, height * 0.2), (radius, height * 0.58), (radius * 0.45, height)]
    )
    dimple = lathe([(0.5, height * 0.8), (radius * 0.12, height * 0.93), (radius * 0.42, height * 1.02)])
    stalk = chain([(0, 0, height * 0.78), (1, 0, height * 0.95), (4, 0, height * 1.08)], 1.6)
    return lathe(outline).carved(dimple) + stalk


def bottle(draw) -> Solid:
    radius, height, neck = draw(28, 42), draw(170, 260), draw(12, 15)
    shoulder = draw(0.55, 0.7) * height
    outline = curve([(radius, 4), (radius, shoulder), (neck, shoulder + (height - shoulder) * 0.6), (neck, height)], 20)
    return lathe([(radius - 4, 0), *outline]) + lathe([(neck + 2, height - 18), (neck + 2, height)])


def bowl(draw) -> Solid:
    radius, height = draw(55, 85), draw(42, 70)
    foot = radius * draw(0.38, 0.5)
    outline = curve([(foot, 0), (foot + 2, 4), (radius * 0.84, height * 0.5), (radius, height)], 18)
    return vessel(outline, wall=draw(3, 5), floor=8)


def cup(draw) -> Solid:
    low, high, height = draw(25, 33), draw(34, 44), draw(75, 125)
    return vessel([(low, 0), ((low + high) / 2, height / 2), (high, height)], wall=draw(2.5, 3.5), floor=4)


def vase(draw) -> Solid:
    belly, neck, height = draw(32, 52), draw(15, 22), draw(140, 240)
    points = [(belly * 0.6, 0), (belly, height * draw(0.3, 0.42)), (neck, height * 0.8), (neck * 1.5, height)]
    return vessel(curve(points), wall=4, floor=8)


def wine_glass(draw) -> Solid:
    foot, stem, bowl_radius = draw(30, 38), draw(65, 95), draw(32, 42)
    height, rim = draw(80, 110), draw(0.72, 0.88)
    base = lathe(curve([(foot, 0), (foot * 0.9, 2.5), (5.5, 9), (4, 16)], 12)) + lathe([(4, 10), (4, stem + 4)])
    points = [
        (5, 0),
        (bowl_radius * 0.75, height * 0.18),
        (bowl_radius, height * 0.45),
        (bowl_radius * rim, height),
    ]
    return base + vessel(curve(points, 22), wall=2.5, floor=7).moved(z=stem)


def light_bulb(draw) -> Solid:
    radius, cap = draw(27, 34), draw(12, 14)
    length = radius * draw(1.5, 1.8)
    points = [(cap, 26), (cap * 1.15, 32), (radius, 26 + length * 0.66), (radius * 0.8, 26 + length)]
    glass = lathe(curve([*points, (radius * 0.15, 28 + length * 1.2)]))
    thread = [(cap + (1 if k % 2 else -0.5), 6 + 2.5 * k) for k in range(9)]
    return glass + lathe([(cap * 0.4, 0), (cap * 0.5, 4), *thread])


def door_knob(draw) -> Solid:
    knob, length, plate = draw(24, 31), draw(28, 38), draw(28, 36)
    stem = lathe([(plate, 0), (plate, 5), (11, 8), (10, length)])
    points = [(10, length - 2), (knob * 0.9, length + knob * 0.35), (knob, length + knob * 0.8)]
    return stem + lathe(curve([*points, (knob * 0.55, length + knob * 1.35)], 20))


def plate(draw) -> Solid:
    radius, height = draw(75, 105), draw(16, 24)
    foot = radius * draw(0.55, 0.65)
    return vessel([(foot, 0), (foot + 4, 3), (foot + 10, 6), (radius, height)], wall=3, floor=4.5)


def jar(draw) -> Solid:
    radius, height, lid = draw(30, 45), draw(75, 130), draw(14, 20)
    body = lathe([(radius - 3, 0), (radius, 3), (radius, height - 12), (radius * 0.86, height)])
    return body + lathe([(radius * 0.93, height), (radius * 0.93, height + lid)])


def pitcher(draw) -> Solid:
    radius, height = draw(40, 52), draw(140, 190)
    points = [
        (radius * 0.85, 0),
        (radius, height * 0.3),
        (radius * 0.68, height * 0.78),
        (radius * 0.82, height),
    ]
    body = vessel(curve(points, 18), wall=4, floor=6)
    return body + _handle(radius * 0.76, height * 0.86, height * 0.3, reach=draw(38, 48), thickness=draw(6, 8))


def mug(draw) -> Solid:
    radius, height, wall = draw(36, 45), draw(80, 105), draw(3, 4.5)
    body = vessel([(radius - 3, 0), (radius, 4), (radius, height)], wall, floor=5)
    return body + _handle(radius, height * draw(0.8, 0.87), height * 0.2, reach=draw(32, 38), thickness=draw(4.5, 6))


def teapot(draw) -> Solid:
    radius, height = draw(45, 56), draw(85, 110)
    points = [
        (radius * 0.6, 0),
        (radius, height * 0.42),
        (radius * 0.55, height * 0.92),
        (radius * 0.45, height),
    ]
    lid = lathe([(radius * 0.5, height - 4), (radius * 0.35, height + 6), (5, height + 10)])
    knob = lathe(curve([(5, height + 8), (9, height + 16), (4, height + 23)], 10))
    spout = [
        (-radius * 0.8, 0, height * 0.3),
        (-radius * 1.35, 0, height * 0.5),
        (-radius * 1.65, 0, height * 0.95),
    ]
    handle = _handle(radius * 0.75, height * 0.85, height * 0.2, reach=draw(40, 48), thickness=draw(5.5, 7))
    return lathe(curve(points)) + lid + knob + chain(spout, [14, 9, 7]) + handle


def frying_pan(draw) -> Solid:
    radius, height, length = draw(85, 125), draw(35, 48), draw(150, 190)
    pan = vessel([(radius * 0.78, 0), (radius * 0.9, height * 0.4), (radius, height)], wall=3.5, floor=5)
    path = [(radius * 0.95, 0, height * 0.7), (radius + 40, 0, height + 4), (radius + length, 0, height + 18)]
    return pan + chain(path, [(6, 8, 5), (7, 9, 6), (9, 12, 8)])


def watering_can(draw) -> Solid:
    radius, height = draw(45, 55), draw(95, 130)
    spout = [(-radius * 0.9, 0, height * 0.25), (-radius * 2.1, 0, height * 1.15)]
    rose = lathe([(9, -8), (20, 6), (20, 10)]).turned(y=-50).moved(-radius * 2.1, 0, height * 1.15)
    body = vessel([(radius, 0), (radius, height * 0.5), (radius * 0.9, height)], wall=3.5, floor=4)
    return body + chain(spout, [11, 8]) + rose + _handle(radius * 0.94, height * 0.93, height * 0.2, draw(40, 50), 7)


def basket(draw) -> Solid:
    radius, height = draw(60, 85), draw(50, 70)
    body = vessel([(radius * 0.8, 0), (radius * 0.9, height / 2), (radius, height)], wall=4, floor=5)
    hoop = chain(arc(radius - 3, 0, 180, 14), draw(5, 7)).turned(x=90).stretched(z=draw(1.0, 1.3))
    return body + hoop.moved(z=height - 6)


def tape(draw) -> Solid:
    inner, thickness, width = draw(20, 38), draw(8, 18), draw(15, 50)
    outer = inner + thickness
    return shell([(outer, 0), (outer, width)], [(inner, 0), (inner, width)])


def _handle(radius: float, top: float, bottom: float, reach: float, thickness: float) -> Solid:
    """An ear in the x-z plane, from `top` to `bottom` on a wall of the given radius."""
    middle, half = (top + bottom) / 2, (top - bottom) / 2
    ear = arc(1, 90, -90, 10)[:, [0, 2, 1]] * [reach, 1, half] + [radius - thickness * 0.4, 0, middle]
    return chain(ear, thickness)


FAMILIES = {
    "turned": {
        "apple": (apple, 850, "mirror-y"),
        "bottle": (bottle, 900, "turn-z"),
        "bowl": (bowl, 2000, "turn-z"),
        "cup": (cup, 1200, "turn-z"),
        "door_knob": (door_knob, 2500, "turn-z"),
        "jar": (jar, 1000, "turn-z"),
        "light_bulb": (light_bulb, 350, "turn-z"),
        "plate": (plate, 2000, "turn-z"),
        "vase": (vase, 1800, "turn-z"),
        "wine_glass": (wine_glass, 2000, "turn-z"),
    },
    "handled": {
        "basket": (basket, 600, "mirror-y"),
        "frying_pan": (frying_pan, 2700, "mirror-y"),
        "mug": (mug, 2000, "mirror-y"),
        "pitcher": (pitcher, 1500, "mirror-y"),
        "teapot": (teapot, 700, "mirror-y"),
        "watering_can": (watering_can, 900, "mirror-y"),
    },
    "hollow": {"tape": (tape, 900, "turn-z")},
}
