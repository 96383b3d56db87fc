"""Several processes: the model is shared, each batch is cut into pieces, and their number changes no bit

python examples/11_ranks.py [WORK_DIR]
torchrun --nproc-per-node 4 examples/11_ranks.py [WORK_DIR]

Stop it, and go on with 1, 2 or 4 processes: with four virtual ranks it ends in the same bits. Without them
(`virtual_ranks=0`) DistributedDataParallel trains: quicker, and bit for bit with the same number of processes.
"""

import sys

import torch
from torch import nn
from torch.utils.data import TensorDataset

import unbroken


def main(work_dir: str = "exp_ranks") -> None:
    x = torch.linspace(-1, 1, 512).reshape(-1, 1)
    feed = unbroken.Feed(TensorDataset(x, x**2), batch_size=32)  # 32 in all, however many processes share them
    with unbroken.Run(work_dir, feed, epochs=6, seed=0, virtual_ranks=4) as run:
        model = nn.Sequential(nn.Linear(1, 32), nn.BatchNorm1d(32), nn.Tanh(), nn.Dropout(0.1), nn.Linear(32, 1))
        shared = run.parallel(model)  # the same weights in every process
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        run.keep(model=model, optimizer=optimizer)
        for epoch in run:
            for batch in epoch:
                optimizer.zero_grad()
                for inputs, targets in run.pieces(batch):  # those that are this process's
                    loss = nn.functional.mse_loss(shared(inputs), targets)
                    loss.backward()
                    run.log({"loss": loss})
                optimizer.step()  # with the gradients of the whole batch, in every process


if __name__ == "__main__":
    main(*sys.argv[1:])
