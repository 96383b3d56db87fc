"""Draws contact maps for an object from a trained model, and writes them to a folder"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import tyro

import unbroken
from perpart import clouds, export
from perpart.errors import Mistake, told
from perpart.model import ContactCVAE
from perpart.settings import usable_device


@dataclass(frozen=True)
class Sampling:
    """Draw which part of a hand touches where on an object, and write maps, coloured point clouds and a picture."""

    checkpoint: str
    """A state that train_per_part.py wrote: checkpoint.pt, or a snapshot such as checkpoints/E1000_net.pt."""
    object: str
    """The object: a mesh (.ply .obj .stl .glb .off) or a point cloud (.ply .npy .xyz), with z up."""
    out: str
    """The folder to write to; files of an earlier sampling there are replaced."""
    n: int = 8
    """How many samples to draw."""
    seed: int = 0
    """Decides the points and the samples: the same seed, the same files."""
    unit: Literal["m", "cm", "mm"] | None = None
    """The unit of the object's file; by default inferred from its size, and said."""
    points: int = 2048
    """Points of the object's surface to draw contact for."""
    device: str = "auto"
    """cpu, cuda or cuda:N; auto takes the GPU where there is one."""


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line: `python sample_per_part.py --checkpoint exp/checkpoint.pt --object mug.ply --out DIR`."""
    with told(unbroken.Error):
        sample(tyro.cli(Sampling, args=arguments))


def sample(sampling: Sampling) -> list[Path]:
    """Draws and writes as asked, says what it did, and gives the paths of the files.

    Raises `Mistake` and what reading the checkpoint raises.
    """
    _check(sampling)
    device = usable_device(sampling.device)
    model, state = restored(sampling.checkpoint, device)
    cloud = clouds.read(sampling.object, sampling.unit)
    print(cloud.said)
    drawn = draw(model, cloud, sampling.points, sampling.n, sampling.seed)
    stem = Path(sampling.object).name
    title = f"{stem}: {sampling.n} samples, seed {sampling.seed}, model after {state['epoch']} epochs"
    files = export.write(sampling.out, drawn, cloud.mesh, title, _facts(sampling, state, cloud.unit))
    print(f"wrote {len(files)} files to {sampling.out}: look at {Path(sampling.out) / 'sheet.png'} first")
    return files


def restored(path: str, device: torch.device) -> tuple[ContactCVAE, dict[str, Any]]:
    """The model of a checkpoint, ready to draw from, and the whole state.

    Raises `Mistake` if the weights are not those of this model, and what `unbroken.load` raises.
    """
    state = unbroken.load(path)
    return ContactCVAE.restored(state, path).to(device), state


def draw(model: ContactCVAE, cloud: clouds.Cloud, points: int, n: int, seed: int) -> export.Drawn:
    """n samples on `points` surface points of an object; the seed decides the points and the samples."""
    surface = cloud.sample(points, np.random.default_rng(seed)).astype(np.float32)
    device = next(model.parameters()).device
    bounds = cloud.points[:, :3] if cloud.mesh is None else cloud.mesh.bounds
    centre = (bounds.min(axis=0) + bounds.max(axis=0)) / 2
    # The model was trained on objects centred like this; only it sees them so, the files keep the object's place.
    seen = torch.from_numpy((surface[:, :3] - centre).astype(np.float32)).to(device)
    normals = torch.from_numpy(surface[:, 3:].copy()).to(device)
    # A generator on the CPU draws the same numbers whatever the device.
    maps = model.sample(seen[None], normals[None], n, torch.Generator().manual_seed(seed))
    return export.Drawn(surface, maps.contact.cpu().numpy(), maps.part.cpu().numpy(), maps.direction.cpu().numpy())


def _facts(sampling: Sampling, state: dict[str, Any], unit: str) -> dict[str, Any]:
    """Where the samples come from. Names without folders: the record is the same wherever the files lie."""
    return {
        "seed": sampling.seed,
        "object": Path(sampling.object).name,
        "object_unit": unit,
        "checkpoint": Path(sampling.checkpoint).name,
        "checkpoint_digest": state["digest"],
        "epoch": state["epoch"],
    }


def _check(sampling: Sampling) -> None:
    for name, least, most in (("n", 1, 10_000), ("points", 16, 1_000_000), ("seed", 0, 2**63 - 1)):
        if not least <= getattr(sampling, name) <= most:
            raise Mistake(f"--{name} {getattr(sampling, name)}: at least {least}, at most {most}")
    if not sampling.out:
        raise Mistake("--out is empty: name a folder to write to")
