"""The network: a conditional variational autoencoder of which part of a hand touches where

The ancestor (ContactGen, Liu et al., ICCV 2023) draws three latents, for contact, part and direction, in three
stages. With one contact channel per part the three maps say the same thing three times - where the hand is - so one
latent describes them together, and samples from the prior agree with each other. It is spent the way a hand is built:
on sixteen affine frames, one per part, and the trunk sees every point in all of them.
"""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import normalize, one_hot

from perpart.balls import scattered
from perpart.errors import Mistake
from perpart.pointnet import UNIT, PointNet, Shape, perceptron

PARTS = 16
RARE = -3.0
"""Logit of contact to begin with: a part touches about one point in twenty, and need not spend steps to learn it."""


class ContactCVAE(nn.Module):
    """Contact per part, part and direction for any number of points of an object.

    Points are in metres with the centre of the object's bounding box in the origin (the caller's duty); normals are
    unit. `width` is the number of channels of the first layer, `points` how many points are encoded at most, `latents`
    the size of the latent.
    """

    def __init__(self, width: int = 32, points: int = 512, latents: int = 48):
        super().__init__()
        self.points, self.latents = points, latents
        self.shape = PointNet(width, points)
        self.posterior = Posterior(width, latents)
        self.decoder = Decoder(width, latents)

    @classmethod
    def restored(cls, state: dict[str, Any], path: str) -> "ContactCVAE":
        """The model of a run's state (`settings` and `state_dict`), in evaluation mode.

        Raises Mistake, which names `path`, when the state is not of such a model.
        """
        try:
            model = cls(*(state["settings"][name] for name in ("width", "points", "latents")))
            model.load_state_dict(state["state_dict"])
        except (KeyError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:160]
            raise Mistake(f"{path} holds another model than this version's ({reason}); train again") from error
        return model.eval()

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor | list[Tensor]]:
        """Reconstruct a batch of points, normals, contact, part and direction; where it carries the balls of its
        clouds, `near` and `far`, they are not looked for.

        Gives `contact` logits [batch, points, 16], `part` logits [batch, points, 16], unit `direction`
        [batch, points, 3], and the posterior's `mu` and `logvar`, lists of one [batch, latents] tensor. In training
        the latent is drawn with torch's global generator; in evaluation it is the posterior's mean.
        """
        known = "near" in batch and batch["points"].shape[1] == self.points  # balls of other clouds are others
        tables = (batch["near"], batch["far"]) if known else None
        shape = self.shape(batch["points"], batch["normals"], tables)
        mu, logvar = self.posterior(thinned(batch, self.points), shape.whole)
        latent = mu + torch.randn_like(mu) * (0.5 * logvar).exp() if self.training else mu
        query = self.decoder.ask(shape, batch["points"], batch["normals"])
        return {**self.decoder(latent, shape.whole, query, batch["points"]), "mu": [mu], "logvar": [logvar]}

    @torch.no_grad()
    def sample(
        self,
        points: Float[Tensor, "1 points 3"],
        normals: Float[Tensor, "1 points 3"],
        n: int,
        generator: torch.Generator,
    ) -> "Maps":
        """Draw n contact, part and direction maps for one object; all randomness comes from `generator`."""
        noise = torch.randn(n, self.latents, generator=generator, device=generator.device).to(points.device)
        return self.decode(noise, points, normals)

    def imagine(
        self,
        latent: Float[Tensor, "batch latents"],
        points: Float[Tensor, "batch points 3"],
        normals: Float[Tensor, "batch points 3"],
    ) -> dict[str, Tensor]:
        """What `forward` gives for the maps, with one given latent per object."""
        shape = self.shape(points, normals)
        return self.decoder(latent, shape.whole, self.decoder.ask(shape, points, normals), points)

    @torch.no_grad()
    def decode(
        self,
        latent: Float[Tensor, "n latents"],
        points: Float[Tensor, "1 points 3"],
        normals: Float[Tensor, "1 points 3"],
    ) -> "Maps":
        """The maps of n latents on one object, which is encoded once."""
        shape = self.shape(points, normals)
        query = self.decoder.ask(shape, points, normals)
        # One by one: a sample is then the same whatever the number drawn with it, and n of any size fits in memory.
        maps = [self.decoder(row[None], shape.whole, query, points) for row in latent]
        contact, part, direction = (torch.cat([m[key] for m in maps]) for key in ("contact", "part", "direction"))
        return Maps(contact.sigmoid(), part.argmax(dim=-1), direction)


@dataclass(frozen=True)
class Maps:
    """Contact in [0, 1], the part that is nearest, and the unit direction from its joint in its axes."""

    contact: Float[Tensor, "n points 16"]
    part: Int[Tensor, "n points"]
    direction: Float[Tensor, "n points 3"]


class Posterior(nn.Module):
    """Reads the maps of one grasp: every part pools the points that it touches."""

    def __init__(self, width: int, latents: int):
        super().__init__()
        self.point = nn.Sequential(perceptron(9 + 2 * PARTS, 2 * width), perceptron(2 * width, 2 * width))
        self.parts = nn.Linear(PARTS * (2 * width + 1) + 4 * width, 8 * width)
        self.norm = nn.LayerNorm(8 * width)
        self.moments = nn.Linear(8 * width, 2 * latents)

    def forward(
        self, batch: dict[str, Tensor], whole: Float[Tensor, "batch channels"]
    ) -> tuple[Float[Tensor, "batch latents"], Float[Tensor, "batch latents"]]:
        contact = batch["contact"]
        touched = contact.amax(dim=-1, keepdim=True)
        part = one_hot(batch["part"], PARTS) * touched
        place = torch.cat([batch["points"] / UNIT, batch["normals"], batch["direction"] * touched], dim=-1)
        features = self.point(torch.cat([place, contact, part], dim=-1))
        mass = contact.sum(dim=1)
        pooled = contact.mT @ features / (mass[..., None] + 0.1)
        seen = torch.cat([pooled.flatten(1), mass.log1p(), whole], dim=-1)
        mu, logvar = self.moments(torch.relu(self.norm(self.parts(seen)))).chunk(2, dim=-1)
        return mu, logvar.clamp(-10.0, 10.0)


class Decoder(nn.Module):
    """One trunk for all three maps: the latent enters as frames of the parts and as a bias, never per point."""

    def __init__(self, width: int, latents: int):
        super().__init__()
        hidden = 2 * width
        self.latent = nn.Sequential(perceptron(latents + 4 * width, 8 * width), perceptron(8 * width, 8 * width))
        self.frames = nn.Linear(8 * width, PARTS * 12)
        self.bias = nn.Linear(8 * width, hidden)
        self.query = nn.Linear(2 * width + 6, hidden)
        self.seen = nn.Linear(4 * PARTS, hidden, bias=False)
        self.trunk = nn.Sequential(Residual(hidden), Residual(hidden))
        self.heads = nn.Linear(hidden, 2 * PARTS + 3)
        with torch.no_grad():
            self.heads.bias[:PARTS] = RARE

    def ask(
        self, shape: Shape, points: Float[Tensor, "batch points 3"], normals: Float[Tensor, "batch points 3"]
    ) -> Float[Tensor, "batch points hidden"]:
        """What the trunk is told of each point, whatever the latent."""
        return self.query(torch.cat([shape.at(points), points / UNIT, normals], dim=-1))

    def forward(
        self,
        latent: Float[Tensor, "batch latents"],
        whole: Float[Tensor, "batch channels"],
        query: Float[Tensor, "batch points hidden"],
        points: Float[Tensor, "batch points 3"],
    ) -> dict[str, Tensor]:
        code = self.latent(torch.cat([latent, whole], dim=-1))
        local = in_frames(self.frames(code), points)
        away = (local.square().sum(-1) + 1e-4).sqrt()
        seen = self.seen(torch.cat([local.flatten(-2), away], dim=-1))
        rows = self.trunk(torch.relu(query + seen + self.bias(code)[:, None]))
        contact, part, turn = self.heads(rows).split([PARTS, PARTS, 3], dim=-1)
        # A direction is where the point lies in its part's own axes: the frames say so, the trunk corrects.
        direction = (part.softmax(-1)[..., None] * local).sum(-2) + turn
        return {"contact": contact, "part": part, "direction": normalize(direction, dim=-1)}


class Residual(nn.Module):
    """Two layers that change what passes, rather than replace it."""

    def __init__(self, channels: int):
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.inner = perceptron(channels, channels)
        self.outer = nn.Linear(channels, channels)

    def forward(self, rows: Float[Tensor, "*shape channels"]) -> Float[Tensor, "*shape channels"]:
        return rows + self.outer(self.inner(self.norm(rows)))


def in_frames(
    flat: Float[Tensor, "batch numbers"], points: Float[Tensor, "batch points 3"]
) -> Float[Tensor, "batch points 16 3"]:
    """Every point in the sixteen affine frames given by 12 numbers each."""
    frames = flat.unflatten(-1, (PARTS, 3, 4))
    turned = points / UNIT @ frames[..., :3].flatten(1, 2).mT
    return turned.unflatten(-1, (PARTS, 3)) + frames[:, None, :, :, 3]


def thinned(batch: dict[str, Tensor], points: int) -> dict[str, Tensor]:
    """The same few points of every cloud that its shape is encoded from."""
    if batch["points"].shape[1] <= points:
        return batch
    order = scattered(batch["points"].shape[1], batch["points"].device)[:points]
    return {key: batch[key][:, order] for key in ("points", "normals", "contact", "part", "direction")}
