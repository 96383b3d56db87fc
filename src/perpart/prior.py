"""What is likely on this object: a flow from noise to latents, learned beside the autoencoder

Draws from a standard normal are seldom latents that any grasp has: the posteriors fill a thin, bent part of that
space, and which part depends on the object. So draws go through a flow first: a velocity field that carries noise to
latents along straight lines, told of the object (flow matching: Lipman et al.; rectified flow: Liu et al., ICLR 2023).
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from perpart.pointnet import Shape, attend

STEPS = 12
"""Midpoint steps from noise to latent."""
LOOKS = 8
"""Places along a line that the field is asked for in each training step: they are cheap, and steady its gradient."""
WAVES = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Angular frequencies by which the field knows the time."""


class Prior(nn.Module):
    """The velocity of latents on their way, per unit of time, given the object. `channels` is the size of its `whole`.

    Latents of one object go together, [batch, each, latents], and the object is read once for all of them.
    """

    def __init__(self, latents: int, channels: int, hidden: int):
        super().__init__()
        self.told = nn.Sequential(
            nn.Linear(channels + 2 * len(WAVES), hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU()
        )
        self.enter = nn.Linear(latents, hidden)
        self.blocks = nn.ModuleList(Block(hidden, channels + 3) for _ in range(4))
        last = nn.Linear(hidden, latents)
        nn.init.zeros_(last.weight)
        self.leave = nn.Sequential(nn.LayerNorm(hidden), last)

    def forward(
        self, latent: Float[Tensor, "batch each latents"], time: Float[Tensor, "batch each 1"], seen: "Seen"
    ) -> Float[Tensor, "batch each latents"]:
        phase = time * torch.tensor(WAVES, device=time.device)
        whole = seen.whole[:, None].expand(-1, latent.shape[1], -1)
        told = self.told(torch.cat([whole, phase.sin(), phase.cos()], dim=-1))
        rows = self.enter(latent)
        for block, (key, value) in zip(self.blocks, seen.blocks, strict=True):
            rows = block(rows, told, key, value)
        return self.leave(rows)

    def look(self, shape: Shape) -> "Seen":
        """What every block sees of these objects, whatever the latent and the time."""
        blocks = (block for block in self.blocks if isinstance(block, Block))
        return Seen(shape.whole, [block.look(shape.tokens) for block in blocks])

    def misfit(self, latent: Float[Tensor, "batch latents"], shape: Shape) -> Float[Tensor, ""]:
        """How far the field is from the straight lines between noise and these latents: mean squared error. Noise and
        places are drawn with torch's global generator in training, and are always the same in evaluation."""
        goal = latent[:, None].expand(-1, LOOKS, -1)
        generator = None if self.training else torch.Generator(goal.device).manual_seed(0)
        noise = torch.randn(goal.shape, generator=generator, device=goal.device, dtype=goal.dtype)
        time = torch.rand((*goal.shape[:2], 1), generator=generator, device=goal.device, dtype=goal.dtype)
        return (self(noise.lerp(goal, time), time, self.look(shape)) - (goal - noise)).square().mean()

    def carry(self, noise: Float[Tensor, "batch each latents"], shape: Shape) -> Float[Tensor, "batch each latents"]:
        """Where the field carries noise in one unit of time."""
        latent, seen = noise, self.look(shape)
        for step in range(STEPS):
            begin, middle = (torch.full_like(noise[..., :1], (step + half) / STEPS) for half in (0.0, 0.5))
            halfway = latent + self(latent, begin, seen) / (2 * STEPS)
            latent = latent + self(halfway, middle, seen) / STEPS
        return latent


class Seen(NamedTuple):
    """Objects as the field sees them: the whole of each, and keys and values of its tokens for every block."""

    whole: Float[Tensor, "batch channels"]
    blocks: list[tuple[Tensor, Tensor]]


class Block(nn.Module):
    """A look at the parts of the object, then two layers, which time and the whole object scale and shift."""

    HEADS, SEEN = 4, 128

    def __init__(self, hidden: int, token: int):
        super().__init__()
        self.before = nn.LayerNorm(hidden)
        self.ask = nn.Linear(hidden, self.SEEN)
        self.show = nn.Linear(token, 2 * self.SEEN)
        self.answer = nn.Linear(self.SEEN, hidden)
        self.norm = nn.LayerNorm(hidden, elementwise_affine=False)
        self.turn = nn.Linear(hidden, 3 * hidden)
        self.inner = nn.Sequential(nn.Linear(hidden, 2 * hidden), nn.SiLU())
        self.outer = nn.Linear(2 * hidden, hidden)
        for gate in (self.turn.weight, self.turn.bias):
            nn.init.zeros_(gate)

    def look(self, tokens: Float[Tensor, "batch tokens token"]) -> tuple[Tensor, Tensor]:
        """Keys and values, [batch, heads, tokens, channels] both."""
        key, value = self.show(tokens).unflatten(-1, (2, self.HEADS, -1)).permute(2, 0, 3, 1, 4)
        return key, value

    def forward(
        self,
        rows: Float[Tensor, "batch each hidden"],
        told: Float[Tensor, "batch each hidden"],
        key: Float[Tensor, "batch heads tokens channels"],
        value: Float[Tensor, "batch heads tokens channels"],
    ) -> Float[Tensor, "batch each hidden"]:
        query = self.ask(self.before(rows)).unflatten(-1, (self.HEADS, -1)).transpose(1, 2)
        rows = rows + self.answer(attend(query, key, value))
        scale, shift, gain = self.turn(told).chunk(3, dim=-1)
        return rows + (1 + gain) * self.outer(self.inner(self.norm(rows) * (1 + scale) + shift))
