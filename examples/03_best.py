"""Validation, and the best model so far: a small class of your own that is kept like any other part

python examples/03_best.py [WORK_DIR]

Validate after the inner loop: it belongs to the epoch and is committed with it. A state is made of tensors, numbers,
strings, lists and dicts. Needs scikit-learn, for its digits.
"""

import copy
import sys
from typing import Any

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.utils.data import TensorDataset

import unbroken


class Best:
    """The weights with the highest score so far."""

    def __init__(self) -> None:
        self.score, self.weights = -1.0, {}

    def offer(self, model: nn.Module, score: float) -> None:
        if score > self.score:
            self.score, self.weights = score, copy.deepcopy(model.state_dict())  # a copy: the model goes on to change

    def state_dict(self) -> dict[str, Any]:
        return {"score": self.score, "weights": self.weights}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.score, self.weights = state_dict["score"], state_dict["weights"]


def main(work_dir: str = "exp_best") -> None:
    images, labels = (torch.tensor(a) for a in load_digits(return_X_y=True))
    images = images.float() / 16
    feed = unbroken.Feed(TensorDataset(images[:400], labels[:400]), batch_size=32)
    with unbroken.Run(work_dir, feed, epochs=6, seed=0) as run:
        model = nn.Sequential(nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 10))
        optimizer = torch.optim.Adam(model.parameters(), lr=3e-2)
        best = Best()
        run.keep(model=model, optimizer=optimizer, best=best)
        for epoch in run:
            model.train()  # not before the loop: validation leaves it in eval mode, and a resumed run begins here
            for inputs, targets in epoch:
                loss = nn.functional.cross_entropy(model(inputs), targets)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                run.log({"loss": loss})
            score = accuracy(model, images[400:1000], labels[400:1000])
            best.offer(model, score)
            run.log(valid={"accuracy": score, "best": best.score})
    # A finished run, started again, loops over nothing and loads nothing: ask the file.
    print(f"the best model was right in {unbroken.load(f'{work_dir}/checkpoint.pt')['kept']['best']['score']:.1%}")


def accuracy(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    model.eval()
    with torch.no_grad():
        return (model(images).argmax(1) == labels).double().mean().item()


if __name__ == "__main__":
    main(*sys.argv[1:])
