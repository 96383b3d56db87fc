"""From a Lightning script: the module stays as it was, the trainer's two lines become a loop

python examples/08_lightning.py [WORK_DIR]

Before, below a class like the one here that was an L.LightningModule and called self.log("loss", loss):

    model = Classifier()
    loader = DataLoader(TensorDataset(x[:400], y[:400]), batch_size=32, shuffle=True)
    valid = DataLoader(TensorDataset(x[400:800], y[400:800]), batch_size=400)
    trainer = L.Trainer(max_epochs=6, default_root_dir="exp", callbacks=[ModelCheckpoint(save_last=True)])
    trainer.fit(model, loader, valid, ckpt_path="last")

After: five lines have become seventeen; in the class one word has changed, and self.log is gone, because steps return
what they measured. The lines more are the loop, which can be read now; the same command goes on inside an epoch.
Needs scikit-learn, for its digits.
"""

import sys

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler
from torch.utils.data import TensorDataset

import unbroken

Batch = tuple[Tensor, Tensor]


class Classifier(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, 10))

    def training_step(self, batch: Batch) -> Tensor:
        images, labels = batch
        return nn.functional.cross_entropy(self.net(images), labels)

    def validation_step(self, batch: Batch) -> Tensor:
        images, labels = batch
        return (self.net(images).argmax(1) == labels).double().mean()

    def configure_optimizers(self) -> tuple[list[Optimizer], list[LRScheduler]]:
        optimizer = torch.optim.Adam(self.parameters(), lr=3e-3)
        return [optimizer], [CosineAnnealingLR(optimizer, T_max=6)]


def main(work_dir: str = "exp_lightning") -> None:
    images, y = (torch.tensor(a) for a in load_digits(return_X_y=True))
    x = images.float() / 16
    feed = unbroken.Feed(TensorDataset(x[:400], y[:400]), batch_size=32)
    with unbroken.Run(work_dir, feed, epochs=6, seed=0) as run:
        model = Classifier()
        (optimizer,), (scheduler,) = model.configure_optimizers()
        run.keep(model=model, optimizer=optimizer, scheduler=scheduler)
        for epoch in run:
            model.train()
            for batch in epoch:
                loss = model.training_step(batch)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                run.log({"loss": loss})
            scheduler.step()
            model.eval()
            with torch.no_grad():
                run.log(valid=model.validation_step((x[400:800], y[400:800])))


if __name__ == "__main__":
    main(*sys.argv[1:])
