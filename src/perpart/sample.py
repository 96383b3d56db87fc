"""Draws contact maps for an object from a trained model, and writes them to a folder"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import tyro

import unbroken
from perpart import choice, clouds, export, forms, outs
from perpart.data import things
from perpart.drawing import Drawing
from perpart.errors import Mistake, told
from perpart.settings import usable_device
from perpart.ship import MODEL


@dataclass(frozen=True)
class Sampling:
    """Draw which part of a hand touches where on an object, and write maps, coloured point clouds and a picture.

    Three examples:

    python sample_per_part.py --object mug.ply --out maps

    python sample_per_part.py --object mug.stl bottle.obj --unit mm --n 16 --out maps

    python sample_per_part.py --object mug.ply --checkpoint exp_per_part/best.pt --between 0 3 --out maps

    --debug tells the traceback of an error too.
    """

    object: tuple[str, ...]
    """The objects: meshes (.ply .obj .stl .glb .off) or point clouds (.ply .npy .xyz), with z up."""
    out: str
    """The folder to write to, of several objects a folder in it for each; files of an earlier sampling are replaced."""
    checkpoint: str = MODEL
    """A state that train_per_part.py wrote: best.pt, or a snapshot such as checkpoints/E1000_net.pt; by default the
    model that ships with the package."""
    n: int = 8
    """How many samples to draw."""
    temperature: float = 1.0
    """How far draws stray: below 1 they keep to what is most likely, above 1 they try more."""
    between: tuple[int, int] | None = None
    """Draw n steps on the way from one sample of this seed to another, for example 0 3, instead of n samples."""
    tries: int = choice.TRIES
    """How many draws each sample is chosen from: a grasp (three parts touch, of two digits, thumb or palm among them),
    and the one that the model reads most nearly as it was meant. 1 keeps whatever comes first, as suits models of
    contact that is no grasp."""
    seed: int = 0
    """Decides the points and the samples: the same seed, the same files."""
    unit: Literal["m", "cm", "mm"] | None = None
    """The unit of the object's file; by default inferred from its size, and said."""
    points: int = 2048
    """Points of the object's surface to draw contact for."""
    device: str = "auto"
    """cpu, cuda or cuda:N; auto takes the GPU where there is one."""


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line: `python sample_per_part.py --object mug.ply --out DIR`."""
    with told(arguments, unbroken.Error) as words:
        sample(tyro.cli(Sampling, args=words))


def sample(sampling: Sampling) -> list[Path]:
    """Draws and writes as asked, says what it did, and gives the paths of the files.

    Raises `Mistake` and what reading the checkpoint raises.
    """
    _check(sampling)
    folders = _folders(sampling)
    read = {name: _sane(name, clouds.read(name, sampling.unit)) for name in folders}  # all, before anything is written
    model, state = restored(sampling.checkpoint, usable_device(sampling.device))
    files = []
    for name, cloud in read.items():
        print(cloud.said)
        drawn, found = draw(model, cloud, sampling)
        print(choice.said(found), end="")
        title, facts = _title(sampling, name, state), _facts(sampling, name, state, cloud.unit, found)
        written = export.write(folders[name], drawn, cloud.mesh, title, facts)
        print(f"wrote {len(written)} files to {folders[name]}: look at {folders[name] / 'sheet.png'} first")
        files += written
    return files


def _sane(name: str, cloud: clouds.Cloud) -> clouds.Cloud:
    """Raises `Mistake` for what no hand holds, by the limits of objects to train on."""
    size, (least, most) = float(np.ptp(cloud.points[:, :3], axis=0).max()), things.SANE
    if not least <= size <= most:
        raise Mistake(
            f"{name}: is {1000 * size:,.0f} mm wide as {cloud.unit}; say another --unit, or give an object of "
            f"{1000 * least:.0f} to {1000 * most:,.0f} mm"
        )
    return cloud


def _title(sampling: Sampling, name: str, state: dict[str, Any]) -> str:
    way = "" if sampling.between is None else " from {} to {}".format(*sampling.between)
    warm = "" if sampling.temperature == 1.0 else f", temperature {sampling.temperature:g}"
    return f"{_shown(name)}: {sampling.n} samples{way}, seed {sampling.seed}{warm}, model after {state['epoch']} epochs"


def _shown(name: str) -> str:
    """A file's name as a picture can show it, whose bytes may be of another language than this machine's."""
    return os.fsencode(Path(name).name).decode(errors="replace")


def _folders(sampling: Sampling) -> dict[str, Path]:
    """Where each object's files go. Raises `Mistake` where two objects would share a folder."""
    if len(sampling.object) == 1:
        return {sampling.object[0]: Path(sampling.out)}
    folders = {name: Path(sampling.out) / Path(name).stem for name in sampling.object}
    if len(set(folders.values())) < len(sampling.object):
        raise Mistake("--object: two of the files have the same name, and so would their folders; sample them apart")
    return folders


def arc(start: torch.Tensor, stop: torch.Tensor, n: int) -> torch.Tensor:
    """n steps from one vector to another, turning evenly, their lengths changing evenly: noise on the way is then as
    long as noise is, where a straight line would pass nearer to 0."""
    share = torch.linspace(0, 1, n)[:, None]
    lengths = start.norm().lerp(stop.norm(), share)
    angle = (start @ stop / (start.norm() * stop.norm())).clamp(-1, 1).acos()
    turned = ((1 - share) * angle).sin() * start / start.norm() + (share * angle).sin() * stop / stop.norm()
    return lengths * turned / turned.norm(dim=1, keepdim=True)


def restored(path: str, device: torch.device) -> tuple[Drawing, dict[str, Any]]:
    """The model of a checkpoint, ready to draw from, and the whole state.

    Raises `Mistake` if the weights are not those of this model, and what `unbroken.load` raises.
    """
    state = unbroken.load(path)
    return forms.restored(state, path).to(device), state


def draw(model: Drawing, cloud: clouds.Cloud, sampling: Sampling) -> tuple[export.Drawn, choice.Chosen]:
    """Samples on an object as asked for, on surface points that the seed decides."""
    surface = cloud.sample(sampling.points, np.random.default_rng(sampling.seed)).astype(np.float32)
    device = next(model.parameters()).device
    bounds = cloud.points[:, :3] if cloud.mesh is None else cloud.mesh.bounds
    centre = (bounds.min(axis=0) + bounds.max(axis=0)) / 2
    # The model was trained on objects centred like this; only it sees them so, the files keep the object's place.
    seen = torch.from_numpy((surface[:, :3] - centre).astype(np.float32)).to(device)
    normals = torch.from_numpy(surface[:, 3:].copy()).to(device)
    noise = _noise(model, sampling, seen[None], normals[None])
    found = choice.chosen(model, sampling.temperature * noise, seen[None], normals[None])
    contact, part, direction = (
        each.cpu().numpy() for each in (found.maps.contact, found.maps.part, found.maps.direction)
    )
    return export.Drawn(surface, contact, part, direction), found


def _noise(model: Drawing, sampling: Sampling, points: torch.Tensor, normals: torch.Tensor) -> torch.Tensor:
    """Noise [tries n latents] for n samples, or [1 n latents] for n steps from one of them to another, which are taken
    as they come; says which of their draws the two are."""
    if sampling.between is None:
        return choice.noises(sampling.seed, sampling.tries, sampling.n, model.latents)
    noise = choice.noises(sampling.seed, sampling.tries, max(sampling.between) + 1, model.latents)
    ends = noise[:, list(sampling.between)]
    tries = choice.chosen(model, sampling.temperature * ends, points, normals).tries
    if sampling.tries > 1:
        print("samples {} and {}: draws {} and {} of {} each".format(*sampling.between, *tries, sampling.tries))
    start, stop = ends[tries - 1, range(2)]  # as long as noise is: at temperature 0 there is no way to turn
    return arc(start, stop, sampling.n)[None]


def _facts(sampling: Sampling, name: str, state: dict[str, Any], unit: str, found: choice.Chosen) -> dict[str, Any]:
    """Where the samples come from. Names without folders: the record is the same wherever the files lie."""
    return {
        "seed": sampling.seed,
        "temperature": sampling.temperature,
        "between": sampling.between,
        "tries": sampling.tries,
        "drawn_at_try": found.tries.tolist(),
        "is_grasp": found.grasps.tolist(),
        "doubt": [round(value, 4) for value in found.maps.doubt.tolist()],
        "object": Path(name).name,
        "object_unit": unit,
        "checkpoint": Path(sampling.checkpoint).name,
        "checkpoint_digest": state["digest"],
        "epoch": state["epoch"],
    }


def _check(sampling: Sampling) -> None:
    for name, least, most in (
        ("n", 1, 10_000), ("points", 16, 1_000_000), ("seed", 0, 2**63 - 1), ("temperature", 0.0, 10.0),
        ("tries", 1, 1000),
    ):  # fmt: skip
        if not least <= getattr(sampling, name) <= most:
            raise Mistake(f"--{name} {getattr(sampling, name)}: at least {least}, at most {most}")
    if sampling.between and not (0 <= min(sampling.between) < max(sampling.between) < 10_000):
        raise Mistake("--between {} {}: two different samples, from 0 to 9999".format(*sampling.between))
    if not sampling.object:
        raise Mistake("--object: name at least one file")
    for name in sampling.object:
        if Path(name).is_dir():
            raise Mistake(f"--object {name}: is a folder; name the files in it")
    outs.folder(sampling.out)
