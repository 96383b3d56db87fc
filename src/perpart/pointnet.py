"""What an object's surface is like around each of its points: a small point encoder with metric neighbourhoods

Two levels of neighbourhoods, balls of 2 and of 6 cm: the shape of a handle and that of a whole mug are both seen,
and at the same size on every object, however dense its cloud. Inside a ball the first layer runs once per point and is
only then gathered; with the maximum taken first, taking away the centre costs one row per ball, not per neighbour.

Everything is plain torch, and every operation has a deterministic form on CPU and CUDA.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from perpart.balls import NEIGHBOURS, RADII, apart, ball, levels, scattered

BLUR = 0.005
"""Metres within which features of centres run into each other: half their usual spacing."""
UNIT = 0.05
"""Metres that the network sees as 1: objects for one hand then span about 1 to 4."""


class PointNet(nn.Module):
    """Per-point features and one feature of the whole, from points (metres) and unit normals.

    Encodes at most `points` of the cloud; any number of points can then be asked for their features. `tables` are the
    balls of a cloud of `points`, as `balls.tables` finds them beforehand; without them they are found here.
    """

    def __init__(self, width: int, points: int, radii: tuple[float, float] = RADII, norm: str = "layer"):
        super().__init__()
        self.points, self.radii = points, (radii[0], radii[1])
        self.centres = levels(points)
        self.lift = perceptron(6, width)
        self.near = Ball(width, 2 * width, norm)
        self.far = Ball(2 * width, 4 * width, norm)
        self.context = Context(4 * width)
        self.whole = nn.Linear(4 * width, 4 * width)
        self.down = perceptron(6 * width, 2 * width)

    def forward(
        self,
        points: Float[Tensor, "batch points 3"],
        normals: Float[Tensor, "batch points 3"],
        tables: tuple[Tensor, Tensor] | None = None,
    ) -> "Shape":
        order = scattered(points.shape[1], points.device)[: self.points]
        points, normals = points[:, order], normals[:, order]
        first, second = points[:, : self.centres[0]], points[:, : self.centres[1]]
        features = self.lift(torch.cat([points / UNIT, normals], dim=-1))
        around, beyond = tables or (
            ball(points, first, self.radii[0], NEIGHBOURS),
            ball(first, second, self.radii[1], NEIGHBOURS),
        )
        near = self.near(points, features, first, self.radii[0], around)
        far = self.far(first, near, second, self.radii[1], beyond)
        far = self.context(far, second)
        whole = self.whole(far).amax(dim=1)
        spread = blend(first, second) @ far
        return Shape(
            first, self.down(torch.cat([near, spread], dim=-1)), whole, torch.cat([far, second / UNIT], dim=-1)
        )


class Shape:
    """An encoded object: features at `centres`, to be asked for at any point; one feature of the `whole`; and `tokens`,
    what is around each of a few places and where that is, for whoever looks at the object part by part."""

    def __init__(
        self,
        centres: Float[Tensor, "batch centres 3"],
        features: Float[Tensor, "batch centres channels"],
        whole: Float[Tensor, "batch channels"],
        tokens: Float[Tensor, "batch tokens channels+3"],
    ):
        self.centres, self.features, self.whole, self.tokens = centres, features, whole, tokens

    def at(self, points: Float[Tensor, "batch points 3"]) -> Float[Tensor, "batch points channels"]:
        """The features at points in metres, blended from the nearest centres."""
        return blend(points, self.centres) @ self.features


class Context(nn.Module):
    """One attention layer: every ball looks at all others of the object, so that a handle knows of its mug."""

    HEADS = 4

    def __init__(self, channels: int):
        super().__init__()
        self.place = nn.Linear(3, channels)
        self.norm, self.between = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.ask = nn.Linear(channels, 3 * channels)
        self.answer = nn.Linear(channels, channels)
        self.inner, self.outer = perceptron(channels, 2 * channels), nn.Linear(2 * channels, channels)

    def forward(
        self, features: Float[Tensor, "batch centres channels"], centres: Float[Tensor, "batch centres 3"]
    ) -> Float[Tensor, "batch centres channels"]:
        rows = features + self.place(centres / UNIT)
        query, key, value = self.ask(self.norm(rows)).unflatten(-1, (3, self.HEADS, -1)).permute(2, 0, 3, 1, 4)
        rows = rows + self.answer(attend(query, key, value))
        return rows + self.outer(self.inner(self.between(rows)))


class Ball(nn.Module):
    """One set-abstraction level: what the points in the ball around each centre have in common."""

    def __init__(self, inputs: int, outputs: int, norm: str):
        super().__init__()
        self.feature = nn.Linear(inputs, inputs)
        self.place = nn.Linear(3, inputs, bias=False)
        self.norm = NORMS[norm](inputs)
        self.mix = perceptron(inputs, outputs)

    def forward(
        self,
        points: Float[Tensor, "batch points 3"],
        features: Float[Tensor, "batch points inputs"],
        centres: Float[Tensor, "batch centres 3"],
        radius: float,
        index: Int[Tensor, "batch centres k"],
    ) -> Float[Tensor, "batch centres outputs"]:
        rows = self.feature(features) + self.place(points / radius)
        grouped = gather(rows, index).max(dim=2).values
        # max_j(a_j) - c equals max_j(a_j - c): the centre is taken away after the maximum, once.
        relative = grouped - self.place(centres / radius)
        return self.mix(torch.relu(self.norm(relative.flatten(0, 1)).unflatten(0, relative.shape[:2])))


NORMS: dict[str, type[nn.Module]] = {"layer": nn.LayerNorm, "batch": nn.BatchNorm1d}
"""BatchNorm has running means, which a run must keep and which differ between training and evaluation."""


class Residual(nn.Module):
    """Two layers that change what passes, rather than replace it."""

    def __init__(self, channels: int, hidden: int):
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.inner = perceptron(channels, hidden)
        self.outer = nn.Linear(hidden, channels)

    def forward(self, rows: Float[Tensor, "*shape channels"]) -> Float[Tensor, "*shape channels"]:
        return rows + self.outer(self.inner(self.norm(rows)))


def attend(
    query: Float[Tensor, "batch heads rows each"],
    key: Float[Tensor, "batch heads tokens each"],
    value: Float[Tensor, "batch heads tokens each"],
) -> Float[Tensor, "batch rows channels"]:
    """What each row finds among the tokens, its heads side by side."""
    # Written out: the fused kernels of some devices add up in no fixed order.
    attention = (query @ key.mT * query.shape[-1] ** -0.5).softmax(-1)
    return (attention @ value).transpose(1, 2).flatten(2)


def perceptron(inputs: int, outputs: int) -> nn.Sequential:
    """A linear layer and its bend."""
    return nn.Sequential(nn.Linear(inputs, outputs), nn.ReLU())


@torch.no_grad()
def blend(
    points: Float[Tensor, "batch points 3"], centres: Float[Tensor, "batch centres 3"]
) -> Float[Tensor, "batch points centres"]:
    """Weights of the centres at each point, summing to 1: they fall with the fourth power of the distance, so on a
    surface the nearest few decide.

    A dense matrix: a matrix product and its gradient are faster than finding three rows, gathering and adding back.
    """
    weight = apart(points, centres).add_(BLUR**2).square_().reciprocal_()
    return weight.div_(weight.sum(dim=-1, keepdim=True))


def gather(
    rows: Float[Tensor, "batch points channels"], index: Int[Tensor, "batch centres k"]
) -> Float[Tensor, "batch centres k channels"]:
    """The rows of each centre's neighbours."""
    flat = index.long().flatten(1)[..., None].expand(-1, -1, rows.shape[-1])
    return rows.gather(1, flat).unflatten(1, index.shape[1:])
