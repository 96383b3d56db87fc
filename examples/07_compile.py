"""torch.compile: compile as you like, keep the model itself

python examples/07_compile.py [WORK_DIR] [BACKEND]

The compiled model shares its weights with the model; the model is kept, so the names in the file are its own, and a
program that compiles nothing reads it.

A resumed run compiles anew, and must come to the same kernels. Two habits see to that. dynamic=False: otherwise the
second shape that is seen makes a kernel for all shapes, and which one is second depends on where the run was stopped.
drop_last=True: one shape only. The backend is "aot_eager" here, which needs no compiler on the machine: the graph is
captured as by the default one, "inductor", and computed by torch's own kernels.
"""

import sys

import torch
from torch import nn
from torch.utils.data import TensorDataset

import unbroken


def main(work_dir: str = "exp_compile", backend: str = "aot_eager") -> None:
    x = torch.linspace(-1, 1, 500).reshape(-1, 1)
    feed = unbroken.Feed(TensorDataset(x, x**2), batch_size=32, drop_last=True)
    with unbroken.Run(work_dir, feed, epochs=6, seed=0) as run:
        model = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Dropout(0.1), nn.Linear(32, 1))
        compiled = torch.compile(model, dynamic=False, backend=backend)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        run.keep(model=model, optimizer=optimizer)
        for epoch in run:
            for inputs, targets in epoch:
                loss = nn.functional.mse_loss(compiled(inputs), targets)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                run.log({"loss": loss})


if __name__ == "__main__":
    main(*sys.argv[1:])
