"""The network: a conditional variational autoencoder of which part of a hand touches where

The ancestor (ContactGen, Liu et al., ICCV 2023) draws three latents, for contact, part and direction, in three
stages. With one contact channel per part the three maps say the same thing three times - where the hand is - so one
latent describes them together, and samples from the prior agree with each other. It is spent the way a hand is built:
on sixteen affine frames, one per part, and the trunk sees every point in all of them.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import normalize, one_hot

from perpart.balls import RADII, scattered
from perpart.drawing import Drawing
from perpart.pointnet import UNIT, Residual, Shape, perceptron
from perpart.prior import Prior

PARTS = 16
RARE = -3.0
"""Logit of contact to begin with: a part touches about one point in twenty, and need not spend steps to learn it."""


class ContactCVAE(Drawing):
    """Contact per part, part and direction for any number of points of an object. `width` is the number of channels of
    the first layer; the rest as `Drawing` has it.
    """

    def __init__(
        self,
        width: int = 32,
        points: int = 512,
        latents: int = 48,
        *,
        radii: tuple[float, float] = RADII,
        norm: str = "layer",
        prior: str = "flow",
    ):
        super().__init__(width, points, latents, radii, norm)
        self.posterior = Posterior(width, latents)
        self.decoder = Decoder(width, latents)
        self.prior = Prior(latents, 4 * width, 8 * width) if prior == "flow" else None

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor | list[Tensor]]:
        """Reconstruct a batch of points, normals, contact, part and direction; where it carries the balls of its
        clouds, `near` and `far`, they are not looked for.

        Gives `contact` logits [batch, points, 16], `part` logits [batch, points, 16], unit `direction`
        [batch, points, 3], and the posterior's `mu` and `logvar`, lists of one [batch, latents] tensor. In training
        the latent is drawn with torch's global generator; in evaluation it is the posterior's mean.
        """
        shape = self.encoded(batch)
        (mu,), (logvar,) = self.read(batch, shape.whole)
        latent = self.drawn(mu, logvar)
        query = self.decoder.ask(shape, batch["points"], batch["normals"])
        maps = self.decoder(latent, shape.whole, query, batch["points"])
        # The posterior is not bent to what the prior can do: the prior follows.
        flow = {"flow": self.prior.misfit(latent.detach(), shape)} if self.prior else {}
        return {**maps, **flow, "mu": [mu], "logvar": [logvar]}

    def read(
        self, batch: dict[str, Tensor], whole: Float[Tensor, "batch channels"]
    ) -> tuple[list[Tensor], list[Tensor]]:
        mu, logvar = self.posterior(thinned(batch, self.points), whole)
        return [mu], [logvar]


class Posterior(nn.Module):
    """Reads the maps of one grasp: every part pools the points that it touches."""

    def __init__(self, width: int, latents: int):
        super().__init__()
        self.point = nn.Sequential(perceptron(9 + 2 * PARTS, 2 * width), perceptron(2 * width, 2 * width))
        self.parts = nn.Linear(PARTS * (2 * width + 10) + 4 * width, 8 * width)
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
        # Where the parts touch is told as it is too: layers would have to learn to pass it on.
        pooled = contact.mT @ torch.cat([features, place], dim=-1) / (mass[..., None] + 0.1)
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
        self.trunk = nn.Sequential(Residual(hidden, hidden), Residual(hidden, hidden))
        self.touch = Heads(hidden)
        self.heads = nn.Linear(hidden, PARTS + 3)

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
        local = torch.cat([local, away[..., None]], dim=-1)
        seen = self.seen(local.flatten(-2))
        rows = self.trunk(torch.relu(query + seen + self.bias(code)[:, None]))
        contact = self.touch(rows, local)
        part, turn = self.heads(rows).split([PARTS, 3], dim=-1)
        # A direction is where the point lies in its part's own axes: the frames say so, the trunk corrects.
        direction = (part.softmax(-1)[..., None] * local[..., :3]).sum(-2) + turn
        return {"contact": contact, "part": part, "direction": normalize(direction, dim=-1)}


class Heads(nn.Module):
    """Contact of each part by a head of its own, which looks at what the trunk says and where the point lies in the
    frame of that part."""

    EACH = 8

    def __init__(self, channels: int):
        super().__init__()
        self.told = nn.Linear(channels, PARTS * self.EACH)
        self.place = nn.Parameter(torch.randn(PARTS, 4, self.EACH) / 2)
        self.leave = nn.Parameter(torch.randn(PARTS, self.EACH, 1) * self.EACH**-0.5)
        self.bias = nn.Parameter(torch.full((PARTS,), RARE))

    def forward(
        self, rows: Float[Tensor, "batch points channels"], local: Float[Tensor, "batch points 16 4"]
    ) -> Float[Tensor, "batch points 16"]:
        # Sixteen small products as one large one with zeros in it: that is faster than to go from part to part.
        own = local.flatten(-2) @ torch.block_diag(*self.place)
        return torch.relu(self.told(rows) + own) @ torch.block_diag(*self.leave) + self.bias


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
