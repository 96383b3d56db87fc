"""Begin from somebody's weights: a file's tensors into the model by name, all else fresh

python examples/10_weights.py [WORK_DIR]

A run that begins takes the weights; a run that goes on does not look at the file again. It says what it took, what was
in the file and not in the model, and the other way round. Read are states of this package, state dicts of others, bare
or under "state_dict" and such keys, and safetensors. Outside of a run it is unbroken.initialise(model, path).
"""

import os
import sys

import torch
from torch import nn
from torch.utils.data import TensorDataset

import unbroken


def main(work_dir: str = "exp_weights") -> None:
    weights = f"{work_dir}-somebodys.pt"
    if not os.path.exists(weights):
        write(weights)
    x = torch.linspace(-1, 1, 512).reshape(-1, 1)
    feed = unbroken.Feed(TensorDataset(x, x**3), batch_size=32)
    with unbroken.Run(work_dir, feed, epochs=6, seed=0, init_from=weights) as run:
        model = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 1))
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        run.keep(model=model, optimizer=optimizer)
        for epoch in run:
            for inputs, targets in epoch:
                loss = nn.functional.mse_loss(model(inputs), targets)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                run.log({"loss": loss})


def write(path: str) -> None:
    """Stands for a file of another program: the first layer fits, the head is another one, names begin with module."""
    generator = torch.Generator().manual_seed(1)
    layer = {"module.0.weight": torch.randn(32, 1, generator=generator), "module.0.bias": torch.zeros(32)}
    torch.save({"state_dict": {**layer, "module.head.weight": torch.zeros(10, 32)}}, path)


if __name__ == "__main__":
    main(*sys.argv[1:])
