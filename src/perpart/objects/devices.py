"""Recipes of boxes with features, of tubes, and of thin and open things

Each recipe takes `draw(low, high)` and returns a solid in millimetres. The ranges are those of common
household sizes, rounded; they are the source of every number here.
"""

from __future__ import annotations

import numpy as np

from perpart.objects.shapes import Solid, arc, box, chain, ellipsoid, hull, lathe, prism, ring, rod


def camera(draw) -> Solid:
    width, height, depth = draw(110, 138), draw(65, 84), draw(30, 45)
    lens, barrel = draw(24, 31), draw(35, 60)
    body = box(width, depth, height, 5) + box(26, depth + 14, height * 0.92, 9).moved(-width / 2 + 12, -4)
    optic = lathe([(lens, 0), (lens, barrel), (lens - 3, barrel + 3)]).turned(x=90).moved(8, -depth / 2 + 2, -3)
    finder = box(36, depth * 0.9, 20, 5).moved(8, 0, height / 2 + 5)
    shutter = rod(7, 8).moved(-width / 2 + 14, -depth * 0.25, height / 2 + 3)
    return body + optic + finder + shutter


def phone(draw) -> Solid:
    width, height, depth = draw(64, 78), draw(135, 165), draw(7.5, 10)
    lenses = box(26, 3.5, 30, 1.5).moved(-width / 2 + 19, depth / 2, height / 2 - 21)
    return box(width, depth, height, depth * 0.45) + lenses


def clock(draw) -> Solid:
    radius, depth = draw(38, 55), draw(28, 40)
    face = lathe([(radius - 3, -depth / 2), (radius, 3 - depth / 2), (radius, depth / 2)]).turned(x=90)
    bell = ellipsoid(15, 12, 11)
    bells = [bell.turned(y=30 * side).moved(side * radius * 0.62, 0, radius * 0.88) for side in (-1, 1)]
    feet = [chain([(s * radius * 0.5, 0, -radius * 0.7), (s * radius * 0.75, 0, -radius * 1.15)], 5) for s in (-1, 1)]
    hoop = chain(arc(radius * 0.62, 0, 180, 10)[:, [0, 2, 1]] * [1, 1, 0.8], 2.8).moved(z=radius * 0.9)
    return face + bells[0] + bells[1] + feet[0] + feet[1] + hoop


def game_controller(draw) -> Solid:
    width, depth = draw(95, 112), draw(56, 66)
    body = box(width, depth, 28, 11)
    horn = chain([(width * 0.42, 0, 0), (width * 0.55, -depth * 0.75, -8)], [(24, 26, 16), (15, 17, 13)])
    stick = lathe([(5, 0), (4.5, 8), (8.5, 10), (8.5, 13)])
    sticks = stick.moved(-width * 0.2, -12, 13) + stick.moved(width * 0.2, -12, 13)
    return body + horn + horn.stretched(x=-1) + sticks


def mouse(draw) -> Solid:
    length, width, height = draw(95, 118), draw(56, 66), draw(34, 42)
    dome = chain(
        [(-length * 0.2, 0, 0), (length * 0.22, 0, 0)],
        [(length * 0.3, width / 2, height), (length * 0.28, width * 0.46, height * 0.72)],
        segments=28,
    )
    wheel = rod(9, 7, "y").moved(length * 0.33, 0, height * 0.58)
    under = box(2 * length, 2 * width, 2 * height, 0).moved(z=-height)
    half = Solid(dome.body, ()).carved(under)
    return hull(half.body.to_mesh64().vert_properties[:, :3]) + wheel


def remote(draw) -> Solid:
    length, width, depth = draw(140, 190), draw(40, 50), draw(15, 22)
    body = box(length, width, depth, 5)
    rows = [(length * (0.06 * k - 0.1), width * 0.22 * j) for k in range(7) for j in (-1, 0, 1)]
    keys = [box(6.5, 6.5, 4, 1).moved(x, y, depth / 2) for x, y in rows]
    pad = rod(13, 4).moved(-length * 0.32, 0, depth / 2)
    for key in keys:
        body = body + key
    return body + pad


def toothpaste(draw) -> Solid:
    length, radius, cap = draw(105, 150), draw(17, 23), draw(9, 13)
    crimp = box(3, radius * 3, 6, 1)
    round_end = lathe([(radius, length - 4), (radius, length), (cap * 0.7, length + 8)])
    flat = [(x, y, 4) for x in (-1.4, 1.4) for y in (-1.5 * radius, 1.5 * radius)]
    tube = hull([*np.add(arc(radius, 0, 360, 32), (0, 0, length)), *flat])
    lid = lathe([(cap, length + 6), (cap * 0.9, length + 26)])
    return (crimp.moved(z=3) + tube + round_end + lid).turned(y=90)


def matchbox(draw) -> Solid:
    length, width, height = draw(50, 58), draw(34, 40), draw(13, 18)
    slide = draw(4, 16)
    return box(length, width, height, 0.6) + box(length - 1, width - 3, height - 3, 0.4).moved(x=slide)


def eyeglasses(draw) -> Solid:
    lens, bridge, arm = draw(21, 26), draw(9, 11), draw(125, 145)
    rim = ring(lens, 2.6, 20).stretched(y=0.82).turned(x=90)
    glass = rod(lens, 2.5).stretched(y=0.82).turned(x=90)
    middle = lens + bridge
    nose = chain([(-bridge, 0, 4), (0, -1.5, 7), (bridge, 0, 4)], 2.6)
    path = [(middle + lens, 0, 6), (middle + lens + 5, 6, 6), (middle + lens + 5, arm * 0.75, 6)]
    temple = chain([*path, (middle + lens + 1, arm, -18)], 2.6)
    half = (rim + glass).moved(x=middle) + temple
    return half + half.stretched(x=-1) + nose


def headphones(draw) -> Solid:
    radius, cup_radius = draw(72, 82), draw(32, 40)
    band = chain(arc(radius, 0, 180, 18)[:, [0, 2, 1]] * [1, 1, 1.12], [(5, 11, 5)])
    cup = lathe([(cup_radius * 0.8, 0), (cup_radius, 7), (cup_radius, 18), (cup_radius * 0.85, 24)]).turned(y=-90)
    ear = cup.moved(radius + 6, 0, -cup_radius * 0.5)
    return band + ear + ear.stretched(x=-1)


def key(draw) -> Solid:
    bow, shaft = draw(10, 14), draw(28, 38)
    head = chain(arc(bow, 0, 360, 14) * [0.85, 1, 1], [(4, 4, 2.5)]).moved(x=-bow)
    teeth = [box(4, 6 + 2 * (k % 2), 3.5, 0.5).moved(shaft - 5 - 7 * k, -4, 0) for k in range(3)]
    return head + box(shaft + 6, 6, 5, 1.5).moved(x=shaft / 2) + teeth[0] + teeth[1] + teeth[2]


def comb(draw) -> Solid:
    length, height, count = draw(120, 170), draw(24, 34), 16
    spine = box(length, 6, height * 0.45, 2).moved(z=height * 0.3)
    pitch = (length - 8) / count
    tooth = prism([(-pitch * 0.33, -height / 2), (pitch * 0.33, -height / 2), (pitch * 0.36, 6), (-pitch * 0.36, 6)], 3)
    for k in range(count):
        spine = spine + tooth.turned(x=90).moved(x=(k + 0.5) * pitch - length / 2 + 4)
    return spine


FAMILIES = {
    "boxes": {
        "camera": (camera, 900, "none"),
        "clock": (clock, 900, "mirror-x"),
        "game_controller": (game_controller, 700, "mirror-x"),
        "matchbox": (matchbox, 300, "mirror-y"),
        "mouse": (mouse, 600, "mirror-y"),
        "phone": (phone, 2000, "none"),
        "remote": (remote, 900, "mirror-y"),
    },
    "tubes": {"toothpaste": (toothpaste, 1200, "mirror-y")},
    "thin": {
        "comb": (comb, 1100, "mirror-x"),
        "eyeglasses": (eyeglasses, 1300, "mirror-x"),
        "headphones": (headphones, 700, "mirror-x"),
        "key": (key, 7000, "none"),
    },
}
