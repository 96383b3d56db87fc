"""The ancestor's form (ContactGen, Liu et al., ICCV 2023): contact, then part, then direction, a latent for each

One channel says how much a point is touched, a part map by whom; sixteen maps are composed of them where they are asked
for. Its encoder and widths are ours, so that a comparison is one of forms.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import normalize, one_hot

from perpart.balls import RADII
from perpart.drawing import Drawing
from perpart.model import PARTS, RARE, thinned
from perpart.pointnet import UNIT, Shape, perceptron

STAGES = {"one": 1, "part": PARTS, "direction": 3}
"""What each stage tells of a point, and in how many numbers."""
SEEN = {"one": 1, "part": 1 + PARTS, "direction": PARTS + 3}
"""How many numbers of a grasp each stage's posterior reads at a point: its own, and those of the stage before."""
FAINT = 1e-4
"""Contact that composed maps have at least, so that their logits are finite."""


class ThreeStages(Drawing):
    """Contact per part, part and direction in three stages; `latents` is the size of the three latents together.

    Draws are of a standard normal: `prior` is taken for the sake of the other form's settings, and left aside.
    """

    def __init__(
        self,
        width: int = 32,
        points: int = 512,
        latents: int = 48,
        *,
        radii: tuple[float, float] = RADII,
        norm: str = "layer",
        prior: str = "normal",
    ):
        super().__init__(width, points, latents, radii, norm)
        self.prior = None
        self.sizes = [latents - 2 * (latents // 3), latents // 3, latents // 3]
        self.posteriors = nn.ModuleDict(
            {name: Reading(SEEN[name], width, size) for name, size in zip(STAGES, self.sizes, strict=True)}
        )
        self.decoder: Stages = Stages(width, self.sizes)  # pyright: ignore[reportIncompatibleVariableOverride]

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor | list[Tensor]]:
        """What ContactCVAE.forward gives, of each latent its `mu` and `logvar`, and `one`, the logits of contact with
        any part [batch, points]. In training every stage is told the truth of the one before, in evaluation its guess.
        """
        shape = self.encoded(batch)
        mu, logvar = self.read(batch, shape.whole)
        drawn = [self.drawn(*moments) for moments in zip(mu, logvar, strict=True)]
        query = self.decoder.ask(shape, batch["points"], batch["normals"])
        truth = evidence(batch) if self.training else None
        return {**self.decoder.staged(torch.cat(drawn, -1), shape.whole, query, truth), "mu": mu, "logvar": logvar}

    def read(
        self, batch: dict[str, Tensor], whole: Float[Tensor, "batch channels"]
    ) -> tuple[list[Tensor], list[Tensor]]:
        few = thinned(batch, self.points)
        moments = [self.posteriors[name](few, seen, whole) for name, seen in evidence(few).items()]
        return [mu for mu, _ in moments], [logvar for _, logvar in moments]


def evidence(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """What each stage's posterior reads of a grasp at each point: contact; contact and part; part and direction."""
    one, part = batch["contact"].amax(-1, keepdim=True), one_hot(batch["part"], PARTS).to(batch["contact"].dtype)
    return {
        "one": one,
        "part": torch.cat([one, part], dim=-1),
        "direction": torch.cat([part, batch["direction"]], dim=-1),
    }


class Reading(nn.Module):
    """The posterior of one stage: a small point network, its maximum taken over the points."""

    def __init__(self, seen: int, width: int, latents: int):
        super().__init__()
        self.point = nn.Sequential(perceptron(6 + seen, 2 * width), perceptron(2 * width, 4 * width))
        self.mix = perceptron(8 * width, 4 * width)
        self.moments = nn.Linear(4 * width, 2 * latents)

    def forward(
        self,
        batch: dict[str, Tensor],
        seen: Float[Tensor, "batch points seen"],
        whole: Float[Tensor, "batch channels"],
    ) -> tuple[Float[Tensor, "batch latents"], Float[Tensor, "batch latents"]]:
        rows = self.point(torch.cat([batch["points"] / UNIT, batch["normals"], seen], dim=-1))
        mu, logvar = self.moments(self.mix(torch.cat([rows.amax(1), whole], dim=-1))).chunk(2, dim=-1)
        return mu, logvar.clamp(-10.0, 10.0)


class Stages(nn.Module):
    """Three decoders, one after the other; each is told what the one before says, or in training what is true."""

    def __init__(self, width: int, sizes: list[int]):
        super().__init__()
        self.sizes = sizes
        self.each = nn.ModuleDict(
            {
                name: Stage(
                    2 * width + 6, size + 4 * width, before, tells, 4 * width, start=RARE if name == "one" else None
                )
                for (name, tells), before, size in zip(STAGES.items(), (0, 1, PARTS), sizes, strict=True)
            }
        )

    def ask(
        self, shape: Shape, points: Float[Tensor, "batch points 3"], normals: Float[Tensor, "batch points 3"]
    ) -> Float[Tensor, "batch points channels"]:
        """What every stage is told of each point, whatever the latent."""
        return torch.cat([shape.at(points), points / UNIT, normals], dim=-1)

    def forward(
        self,
        latent: Float[Tensor, "batch latents"],
        whole: Float[Tensor, "batch channels"],
        query: Float[Tensor, "batch points channels"],
        points: Float[Tensor, "batch points 3"],
    ) -> dict[str, Tensor]:
        return self.staged(latent, whole, query, None)

    def staged(
        self, latent: Tensor, whole: Tensor, query: Tensor, truth: dict[str, Tensor] | None
    ) -> dict[str, Tensor]:
        """The maps, each stage told the truth of the stage before, or, without it, what that stage says."""
        codes = [torch.cat([part, whole], dim=-1) for part in latent.split(self.sizes, dim=-1)]
        one = self.each["one"](codes[0], query, None)
        told = one.sigmoid() if truth is None else truth["one"]
        part = self.each["part"](codes[1], query, told)
        told = one_hot(part.argmax(-1), PARTS).to(part.dtype) if truth is None else truth["part"][..., 1:]
        turn = self.each["direction"](codes[2], query, told)
        return {
            "one": one[..., 0],
            "contact": self.composed(one, part),
            "part": part,
            "direction": normalize(turn, dim=-1),
        }

    def composed(
        self, one: Float[Tensor, "batch points 1"], part: Float[Tensor, "batch points 16"]
    ) -> Float[Tensor, "batch points 16"]:
        """Logits of sixteen maps: the one contact, shared out by how likely each part is while there is something to
        learn, and else given whole to the likeliest."""
        share = part.softmax(-1) if self.training else one_hot(part.argmax(-1), PARTS).to(part.dtype)
        return (one.sigmoid() * share).clamp(FAINT, 1 - FAINT).logit()


class Stage(nn.Module):
    """One decoder: latent and object as a bias, then two layers for every point; `start` is what it says at first."""

    def __init__(self, query: int, code: int, before: int, tells: int, hidden: int, *, start: float | None):
        super().__init__()
        self.code = nn.Linear(code, hidden)
        self.enter = nn.Linear(query + before, hidden)
        self.inner = nn.Sequential(perceptron(hidden, hidden), perceptron(hidden, hidden // 2))
        self.leave = nn.Linear(hidden // 2, tells)
        if start is not None:
            nn.init.constant_(self.leave.bias, start)

    def forward(self, code: Tensor, query: Tensor, before: Tensor | None) -> Tensor:
        rows = query if before is None else torch.cat([query, before], dim=-1)
        return self.leave(self.inner(torch.relu(self.enter(rows) + self.code(code)[:, None])))
