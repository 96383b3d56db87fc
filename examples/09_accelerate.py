"""From an Accelerate script: what kept the books of the state goes away, the loop stays

python examples/09_accelerate.py [WORK_DIR]

Before, in the manner of its documentation, with model, optimizer, scheduler and data as below:

    loader = DataLoader(data, batch_size=32, shuffle=True)
    accelerator = Accelerator(project_dir="exp")
    model, optimizer, loader, scheduler = accelerator.prepare(model, optimizer, loader, scheduler)
    done = 0
    if os.path.isdir("exp/states"):
        newest = max(os.listdir("exp/states"), key=lambda name: int(name.removeprefix("step_")))
        accelerator.load_state(f"exp/states/{newest}")
        done = int(newest.removeprefix("step_"))
    for epoch in range(done // len(loader), 6):
        loader.set_epoch(epoch)
        skip = done % len(loader) if epoch == done // len(loader) else 0
        for inputs, targets in accelerator.skip_first_batches(loader, skip):
            loss = nn.functional.mse_loss(model(inputs), targets)
            accelerator.backward(loss)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
            done += 1
            if done % 10 == 0:
                accelerator.save_state(f"exp/states/step_{done}")

After: those twenty lines have become eleven. Where it begins, what it skips, when it saves and which state is the
newest whole one is nobody's business any more. One process, as yet.
"""

import sys

import torch
from torch import nn
from torch.utils.data import TensorDataset

import unbroken


def main(work_dir: str = "exp_accelerate") -> None:
    x = torch.linspace(-1, 1, 512).reshape(-1, 1)
    data = TensorDataset(x, x**2)
    feed = unbroken.Feed(data, batch_size=32)
    with unbroken.Run(work_dir, feed, epochs=6, seed=0) as run:
        model = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 1))
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
        scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=3e-2, total_steps=6 * feed.batches)
        run.keep(model=model, optimizer=optimizer, scheduler=scheduler)
        for epoch in run:
            for inputs, targets in epoch:
                loss = nn.functional.mse_loss(model(inputs), targets)
                loss.backward()
                optimizer.step()
                scheduler.step()
                optimizer.zero_grad()
                run.log({"loss": loss})


if __name__ == "__main__":
    main(*sys.argv[1:])
