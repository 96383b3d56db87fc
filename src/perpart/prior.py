"""What is likely on this object: a flow from noise to latents, learned beside the autoencoder

Draws from a standard normal are seldom latents that any grasp has: the posteriors fill a thin, bent part of that
space, and which part depends on the object. So draws go through a flow first: a velocity field that carries noise to
latents along straight lines, told of the object (flow matching: Lipman et al.; rectified flow: Liu et al., ICLR 2023).
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from perpart.pointnet import Residual

STEPS = 12
"""Midpoint steps from noise to latent."""
LOOKS = 4
"""Places along a line that the field is asked for in each training step: they are cheap, and steady its gradient."""


class Prior(nn.Module):
    """The velocity of a latent on its way, [batch, latents] per unit of time, given the object's `whole`."""

    def __init__(self, latents: int, channels: int, hidden: int):
        super().__init__()
        self.object = nn.Linear(channels, hidden)
        self.enter = nn.Linear(latents + 2 * len(WAVES), hidden)
        self.blocks = nn.ModuleList(Residual(hidden, 2 * hidden) for _ in range(3))
        self.leave = nn.Linear(hidden, latents)
        nn.init.zeros_(self.leave.weight)

    def forward(
        self,
        latent: Float[Tensor, "batch latents"],
        time: Float[Tensor, "batch 1"],
        whole: Float[Tensor, "batch channels"],
    ) -> Float[Tensor, "batch latents"]:
        phase = time * torch.tensor(WAVES, device=time.device)
        rows = self.enter(torch.cat([latent, phase.sin(), phase.cos()], dim=-1)) + self.object(whole)
        for block in self.blocks:
            rows = block(rows)
        return self.leave(torch.relu(rows))

    def misfit(
        self, latent: Float[Tensor, "batch latents"], whole: Float[Tensor, "batch channels"]
    ) -> Float[Tensor, ""]:
        """How far the field is from the straight lines between noise and these latents: mean squared error. Noise and
        places are drawn with torch's global generator in training, and are always the same in evaluation."""
        goal, whole = latent.repeat(LOOKS, 1), whole.repeat(LOOKS, 1)
        generator = None if self.training else torch.Generator(goal.device).manual_seed(0)
        noise = torch.randn(goal.shape, generator=generator, device=goal.device, dtype=goal.dtype)
        time = torch.rand((len(goal), 1), generator=generator, device=goal.device, dtype=goal.dtype)
        return (self(noise.lerp(goal, time), time, whole) - (goal - noise)).square().mean()

    def carry(
        self, noise: Float[Tensor, "n latents"], whole: Float[Tensor, "n channels"]
    ) -> Float[Tensor, "n latents"]:
        """Where the field carries noise in one unit of time."""
        latent = noise
        for step in range(STEPS):
            begin, middle = (torch.full_like(noise[:, :1], (step + half) / STEPS) for half in (0.0, 0.5))
            halfway = latent + self(latent, begin, whole) / (2 * STEPS)
            latent = latent + self(halfway, middle, whole) / STEPS
        return latent


WAVES = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Angular frequencies by which the field knows the time."""
