"""A GAN: two networks, two optimizers, and noise that needs no seed of its own

python examples/06_gan.py [WORK_DIR]

Each optimizer's state goes back to its own parameters, by their names. Noise drawn in a step is a function of the step.
"""

import sys

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits as misfit
from torch.utils.data import TensorDataset

import unbroken


def main(work_dir: str = "exp_gan") -> None:
    angle = torch.linspace(0, 2 * torch.pi, 512)
    ring = TensorDataset(torch.stack([angle.cos(), angle.sin()], 1))
    with unbroken.Run(work_dir, unbroken.Feed(ring, batch_size=32), epochs=5, seed=0) as run:
        drawer, judge = network(4, 2), network(2, 1)
        draws = torch.optim.Adam(drawer.parameters(), lr=1e-3, betas=(0.5, 0.99))
        judges = torch.optim.Adam(judge.parameters(), lr=2e-3, betas=(0.5, 0.99))
        run.keep(drawer=drawer, judge=judge, draws=draws, judges=judges)
        for epoch in run:
            for (real,) in epoch:
                drawn = drawer(torch.randn(len(real), 4))
                told = misfit(judge(real), ones(real)) + misfit(judge(drawn.detach()), 1 - ones(real))
                step(judges, told)
                fooled = misfit(judge(drawn), ones(real))
                step(draws, fooled)
                run.log({"judge": told, "drawer": fooled, "radius": drawn.detach().norm(dim=1).mean()})


def network(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, 32), nn.LeakyReLU(0.2), nn.Linear(32, 32), nn.LeakyReLU(0.2),
                         nn.Linear(32, outputs))  # fmt: skip


def ones(batch: Tensor) -> Tensor:
    return torch.ones(len(batch), 1)


def step(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()  # the drawer's loss left gradients in the judge: not carried from batch to batch
    loss.backward()
    optimizer.step()


if __name__ == "__main__":
    main(*sys.argv[1:])
