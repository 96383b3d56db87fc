"""Drawing maps from a model: what every form of it can do, once it encodes objects and decodes latents"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Protocol

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import pad

from perpart.chances import Chances
from perpart.pointnet import PointNet, Shape
from perpart.prior import Prior

TOGETHER = 32
"""Draws that go through the prior at once."""
SURE = 0.02
"""Variance that a posterior has at least, where it is asked how far a latent is from what it sees: of one that it is
nearly certain of, a hair would weigh more than all others."""


class Decoding(Protocol):
    """What turns latents into maps."""

    def ask(self, shape: Shape, points: Tensor, normals: Tensor) -> Tensor:
        """What is told of each point, whatever the latent."""
        ...

    def __call__(self, latent: Tensor, whole: Tensor, query: Tensor, points: Tensor) -> dict[str, Tensor]:
        """Logits of `contact` and `part` [batch, points, 16], and the unit `direction` [batch, points, 3]."""
        ...


class Drawing(nn.Module):
    """A model that can be drawn from.

    Points are in metres with the centre of the object's bounding box in the origin (the caller's duty); normals are
    unit. `points` is how many of them are encoded at most, `latents` the size of the latent.
    """

    decoder: Decoding
    prior: Prior | None

    def __init__(self, width: int, points: int, latents: int, radii: tuple[float, float], norm: str):
        super().__init__()
        self.points, self.latents = points, latents
        self.shape = PointNet(width, points, radii, norm)
        self.chances = Chances()

    def read(
        self, batch: dict[str, Tensor], whole: Float[Tensor, "batch channels"]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """The posterior's `mu` and `logvar` of these maps, of each latent."""
        raise NotImplementedError

    def drawn(
        self, mu: Float[Tensor, "batch latents"], logvar: Float[Tensor, "batch latents"]
    ) -> Float[Tensor, "batch latents"]:
        """A latent of the posterior: drawn with torch's global generator in training, its mean in evaluation."""
        return mu + torch.randn_like(mu) * (0.5 * logvar).exp() if self.training else mu

    def draw(
        self,
        noise: Float[Tensor, "n latents"],
        points: Float[Tensor, "1 points 3"],
        normals: Float[Tensor, "1 points 3"],
    ) -> "Maps":
        """The maps that standard normal noise stands for on one object: near noise gives near maps."""
        return Maps.joined(list(self.draws(noise, points, normals)))

    @torch.no_grad()
    def draws(
        self,
        noise: Float[Tensor, "n latents"],
        points: Float[Tensor, "1 points 3"],
        normals: Float[Tensor, "1 points 3"],
    ) -> Iterator["Maps"]:
        """What `draw` gives, one map after the other, so that only what is kept takes memory."""
        n = len(noise)
        shape = self.shape(points, normals)
        # Always as many rows at once: a sample is then the same, to the bit, whatever the number drawn with it.
        rows = pad(noise, (0, 0, 0, -n % TOGETHER)).split(TOGETHER)
        latents = torch.cat([self.likely(some[None], shape)[0] for some in rows])[:n]
        yield from self._maps(latents, shape, points, normals)

    @torch.no_grad()
    def dream(self, batch: dict[str, Tensor], n: int, generator: torch.Generator) -> Float[Tensor, "n batch points 16"]:
        """Contact maps of n draws for each object of a batch, computed together: for a look at many objects. They are
        as soft as the decoder leaves them."""
        shape = self.encoded(batch)
        query = self.decoder.ask(shape, batch["points"], batch["normals"])
        noise = torch.randn(n, len(shape.whole), self.latents, generator=generator).to(query.device)
        latents = self.likely(noise.transpose(0, 1), shape).transpose(0, 1)
        maps = [self.decoder(latent, shape.whole, query, batch["points"])["contact"] for latent in latents]
        return torch.stack(maps).sigmoid()

    def likely(self, noise: Float[Tensor, "batch each latents"], shape: Shape) -> Float[Tensor, "batch each latents"]:
        """The latents that noise stands for on these objects."""
        return self.prior.carry(noise, shape) if self.prior else noise

    def encoded(self, batch: dict[str, Tensor]) -> Shape:
        """The objects of a batch; where it carries their balls, `near` and `far`, they are not looked for."""
        known = "near" in batch and batch["points"].shape[1] == self.points  # balls of other clouds are others
        return self.shape(batch["points"], batch["normals"], (batch["near"], batch["far"]) if known else None)

    @torch.no_grad()
    def decode(
        self,
        latent: Float[Tensor, "n latents"],
        points: Float[Tensor, "1 points 3"],
        normals: Float[Tensor, "1 points 3"],
    ) -> "Maps":
        """The maps of n latents on one object, which is encoded once."""
        return Maps.joined(list(self._maps(latent, self.shape(points, normals), points, normals)))

    def _maps(self, latents: Tensor, shape: Shape, points: Tensor, normals: Tensor) -> Iterator["Maps"]:
        query = self.decoder.ask(shape, points, normals)
        # One by one: a sample is then the same whatever the number drawn with it, and n of any size fits in memory.
        for latent in latents.split(1):
            told = self.decoder(latent, shape.whole, query, points)
            contact, part, direction = self.chances.sharp(told["contact"]), told["part"].argmax(-1), told["direction"]
            expected, touch = self.chances(told["contact"])
            # Doubted is the map as the decoder leaves it: what it is unsure of is to count.
            soft = {**told, "points": points, "normals": normals, "contact": told["contact"].sigmoid(), "part": part}
            yield Maps(contact, part, direction, expected, touch, doubt(latent, *self.read(soft, shape.whole)))


def doubt(latent: Float[Tensor, "n latents"], mu: list[Tensor], logvar: list[Tensor]) -> Float[Tensor, "n"]:
    """How far a latent is from what is read in its maps: squared, over the variance, the mean over latents."""
    away = torch.cat(mu, dim=-1) - latent
    return (away.square() / (torch.cat(logvar, dim=-1).exp() + SURE)).mean(dim=-1)


@dataclass(frozen=True)
class Maps:
    """Contact in [0, 1], the part that is nearest, and the unit direction from its joint in its axes.

    `contact` is the map of a grasp, as sharp as real ones, to be looked at and cut at a threshold. How sure the model
    is of it say `expected`, the contact that is to be expected there, and `touch`, the chance of a contact of at least
    0.5: both are calibrated. `doubt` is high where the posterior reads another latent in a map than it was made of: no
    grasp is like it.
    """

    contact: Float[Tensor, "n points 16"]
    part: Int[Tensor, "n points"]
    direction: Float[Tensor, "n points 3"]
    expected: Float[Tensor, "n points 16"]
    touch: Float[Tensor, "n points 16"]
    doubt: Float[Tensor, "n"]

    @classmethod
    def joined(cls, some: Sequence["Maps"]) -> "Maps":
        """Many as one."""
        return cls(*(torch.cat([getattr(maps, field.name) for maps in some]) for field in fields(cls)))
