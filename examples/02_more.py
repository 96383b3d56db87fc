"""Keep more: an average of the weights, a gradient scaler, and gradients accumulated over batches

python examples/02_more.py [WORK_DIR]

Whatever has a state_dict can be kept, by a name of your choice. The gradients are state too: four batches make one
step here, and a run may be stopped after the second.
"""

import sys

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import TensorDataset

import unbroken

ACCUMULATE = 4  # batches to one step of the optimizer


def main(work_dir: str = "exp_more") -> None:
    x = torch.linspace(-1, 1, 480).reshape(-1, 1)
    feed = unbroken.Feed(TensorDataset(x, x**2), batch_size=32)
    with unbroken.Run(work_dir, feed, epochs=6, seed=0) as run:
        model = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 1))
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
        scaler = torch.amp.GradScaler("cpu", growth_interval=5)  # on a GPU: "cuda", and float16 below
        run.keep(model=model, optimizer=optimizer, average=average, scaler=scaler)
        run.keep(gradients=unbroken.Gradients(model))
        for epoch in run:
            for inputs, targets in epoch:
                with torch.autocast("cpu", torch.bfloat16):
                    loss = nn.functional.mse_loss(model(inputs), targets) / ACCUMULATE
                scaler.scale(loss).backward()
                run.log({"loss": loss * ACCUMULATE}, scale=scaler.get_scale())
                if (epoch.step + 1) % ACCUMULATE == 0:  # counted over all epochs: an epoch has fifteen batches
                    scaler.step(optimizer)
                    scaler.update()
                    optimizer.zero_grad()
                    average.update_parameters(model)


if __name__ == "__main__":
    main(*sys.argv[1:])
