"""Hands fitted to known grasps: how near the true hand fits come, from whole and from blurred maps

python -m benchmarks.fit [--objects 34] [--each 8] [--split test] [--data DIR] [--picture FILE]. Objects are an even
part of the split, grasps an even part of each object's. Fitted hands are of mean size; the true ones are not. A hand's
joint error is the median over the joints of the parts that touch; that of angles is over all of them. Touch: any part
within 5 mm of the object. CPU s: to fit one hand, of as many as --each says at once.
Blurred: each value mixed 30 to 70 with the mean of the 60 nearest points (some 2 cm across), each part's map then
scaled by 0.6 to 1.2 at random, much as a model's maps are smooth and unsure.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from scipy.spatial import KDTree

from benchmarks import sitting
from perpart import sheets
from perpart.anatomy import MEAN_BONES
from perpart.data import graspset, things
from perpart.data.dataset import thinned
from perpart.data.graspset import GraspSet
from perpart.fits import picture, solve
from perpart.fits.asked import Maps
from perpart.fits.trials import Place, Worth, of
from perpart.hands import Hands
from perpart.scores.levels import STEPS, TOUCH

BLUR, MIX = 60, 0.7
HEAD = (
    "median of", "F1", "joints mm", "angles °", "depth mm", "most", "volume cm³", "shift mm", "touch %", "hold %",
    "CPU s",
)  # fmt: skip
ROW = tuple[Hands, Worth, float]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = sitting.parser(__doc__)
    parser.add_argument("--objects", type=int, default=34)
    parser.add_argument("--each", type=int, default=8, help="grasps of each object")
    parser.add_argument("--split", default="test", choices=["train", "valid", "test"])
    parser.add_argument("--data", help="a folder of grasps; by default the set that ships with the package")
    parser.add_argument("--picture", type=Path, help="draw ten of the hands fitted to whole maps")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    sitting.told("numpy", "scipy", "mujoco")
    found = graspset.load(options.data)
    objects, each = (1, 1) if options.quick else (options.objects, options.each)
    every = found.of(options.split)
    chosen = thinned(np.unique(found.object_of[every]), objects)
    rows: dict[str, list[tuple[np.ndarray, ...]]] = {}
    cells = []
    for thing in chosen:
        mine = thinned(every[found.object_of[every] == thing], each)
        place, maps = Place(of(found.objects[thing])), asked(found, mine)
        true = Hands.of(*(a[mine].astype(np.float64) for a in (found.angles, found.root, found.bones)))
        for name, hands, worth, seconds in contenders(place, true, maps):
            rows.setdefault(name, []).append(figures(hands, true, maps, worth, seconds))
            if name == "fit" and options.picture:
                cells.append((thing, hands, worth))
    grasps = sum(column[0].size for column in rows["fit"])
    print(f"{grasps} grasps of {len(chosen)} objects, split {options.split}\n")
    sitting.table(HEAD, [line(name, np.concatenate(found, axis=1)) for name, found in rows.items()])
    if options.picture:
        draw(options.picture, found, cells)


def asked(found: GraspSet, mine: np.ndarray) -> Maps:
    """The maps of some grasps of one object."""
    cloud = found.cloud(int(found.object_of[mine[0]]), 2048)
    contact, part, direction = found.label(mine, cloud[None], np.zeros(len(mine), np.int64))
    return Maps(cloud, contact.astype(np.float32) / STEPS, part, direction.astype(np.float32))


def contenders(place: Place, true: Hands, maps: Maps):
    """Who is judged on an object: name, hands, what they are worth, and seconds a grasp."""
    yield "the true hand", true, place.worth(true, maps), 0.0
    for name, seen in {
        "fit": maps,
        "fit, no directions": replace(maps, part=None, direction=None),
        "fit, blurred": replace(maps, contact=blurred(maps)),
        "fit, blurred, no directions": Maps(maps.cloud, blurred(maps)),
    }.items():
        began = time.process_time()  # on a shared machine others' work does not count
        fits = solve.fitted(seen, place.ground, 0, MEAN_BONES)
        seconds = (time.process_time() - began) / len(maps)
        hands = Hands.of(fits.angles, fits.root, fits.bones)
        yield name, hands, place.worth(hands, maps), seconds


def blurred(maps: Maps) -> np.ndarray:
    """Maps as a model that is unsure might give them."""
    near = KDTree(maps.cloud[:, :3]).query(maps.cloud[:, :3], k=BLUR)[1]
    smooth = np.stack([contact[near].mean(axis=1) for contact in maps.contact])
    scale = np.random.default_rng(0).uniform(0.6, 1.2, (len(maps), 1, 16))
    return (((1 - MIX) * maps.contact + MIX * smooth) * scale).clip(0, 1).astype(np.float32)


def figures(hands: Hands, true: Hands, maps: Maps, worth: Worth, seconds: float) -> tuple[np.ndarray, ...]:
    """Of each hand: F1, joint error (mm, degrees), depth, volume, shift, touches, holds, seconds."""
    touched = (maps.contact >= TOUCH).any(1)
    apart = 1000 * (hands.posed.frames - true.posed.frames)[:, :, :3, 3].norm(dim=-1).numpy()
    joints = [np.median(error[mine] if mine.any() else error) for error, mine in zip(apart, touched, strict=True)]
    angles = np.degrees(np.median(abs(hands.angles - true.angles), axis=1))
    return (
        worth.f1, np.array(joints), angles, 1e3 * worth.depth, 1e6 * worth.volume, 1e3 * worth.shift, worth.touches,
        worth.holds, np.full(len(hands), seconds),
    )  # fmt: skip


def line(name: str, found: np.ndarray) -> list[str]:
    f1, joints, angles, depth, volume, shift, touches, holds, seconds = found
    return [
        name, f"{np.median(f1):.2f}", f"{np.median(joints):.1f}", f"{np.median(angles):.0f}", f"{np.median(depth):.1f}",
        f"{depth.max():.1f}", f"{np.median(volume):.2f}", f"{np.median(shift):.1f}", f"{100 * touches.mean():.0f}",
        f"{100 * holds.mean():.0f}", f"{np.median(seconds):.2f}",
    ]  # fmt: skip


def draw(path: Path, found: GraspSet, cells: Sequence[tuple]) -> None:
    """Ten fitted hands, evenly chosen."""
    every = [(thing, hands[i : i + 1], worth, i) for thing, hands, worth in cells for i in range(len(hands))]
    chosen = [every[i] for i in thinned(np.arange(len(every)), 10)]
    pictures = [
        picture.cell(things.mesh(found.objects[t]), one, picture.words(things.name(found.objects[t]), worth, i))
        for t, one, worth, i in chosen
    ]
    sheets.sheet(path, pictures, 5, "hands fitted to the maps of known grasps", shape=0.62)


if __name__ == "__main__":
    main()
