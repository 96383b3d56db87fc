"""Your own order, and your own stream: both are a data set with an index

python examples/04_order.py [WORK_DIR]

A feed numbers its draws and asks for one sample by its index, so that it can begin anywhere without reading what lies
before. It takes every data set with a length and an index. Two that people ask for:

- a stream, here a text file that was read line by line: note once where each line begins, and seek;
- a sampler, here one that gives rare classes as often as common ones: a view that picks the sample itself. Its
  randomness is a function of the draw, like all randomness in a data set, so it too can begin anywhere.
"""

import os
import sys

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

import unbroken

Sample = tuple[Tensor, int]


class Lines(Dataset[Sample]):
    """A text file of samples, "label number number" in each line; only the place of each line is held in memory."""

    def __init__(self, path: str) -> None:
        self.path, self.starts, self.labels = path, [], []
        with open(path, "rb") as file:
            start = 0
            for line in file:
                self.starts.append(start)
                self.labels.append(int(line.split()[0]))
                start += len(line)

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, index: int) -> Sample:
        with open(self.path, "rb") as file:
            file.seek(self.starts[index])
            label, *numbers = file.readline().split()
        return torch.tensor([float(number) for number in numbers]), int(label)


class Balanced(Dataset[Sample]):
    """A view of labelled samples in which every class comes equally often, whatever the index: it draws for itself."""

    def __init__(self, data: Lines) -> None:
        counts = torch.bincount(torch.tensor(data.labels))
        self.data, self.chances = data, 1.0 / counts[data.labels]

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> Sample:
        return self.data[int(torch.multinomial(self.chances, 1))]


def main(work_dir: str = "exp_order") -> None:
    path = f"{work_dir}-data.txt"
    if not os.path.exists(path):
        write(path)
    feed = unbroken.Feed(Balanced(Lines(path)), batch_size=20)
    with unbroken.Run(work_dir, feed, epochs=4, seed=0) as run:
        model = nn.Linear(2, 2)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        run.keep(model=model, optimizer=optimizer)
        for epoch in run:
            for points, labels in epoch:
                loss = nn.functional.cross_entropy(model(points), labels)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                run.log({"loss": loss, "share of the rare class": labels.double().mean()})


def write(path: str) -> None:
    """Points around two centres, one in twenty around the second; beside, then renamed: never half a file."""
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(400, 2, generator=generator)
    with open(f"{path}.new", "w", encoding="ascii") as file:
        for number, (x, y) in enumerate(points.tolist()):
            rare = number % 20 == 0
            file.write(f"{int(rare)} {x + 2 * rare} {y + 2 * rare}\n")
    os.replace(f"{path}.new", path)


if __name__ == "__main__":
    main(*sys.argv[1:])
