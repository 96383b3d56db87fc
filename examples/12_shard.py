"""A model that no process holds alone: its blocks are sharded, and so are the states that are saved

python examples/12_shard.py [WORK_DIR]
torchrun --nproc-per-node 2 examples/12_shard.py [WORK_DIR]

A small language model learns the bytes of `tides.txt`. Stop it, and go on with any number of processes. What it saves
with several of them, `python -m unbroken join WORK_DIR one.pt` makes into one file, and `split` takes apart again.
"""

import sys
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

import unbroken

CONTEXT, WIDTH, HEADS, BLOCKS = 32, 128, 4, 4


def main(work_dir: str = "exp_shard") -> None:
    feed = unbroken.Feed(passages(Path(__file__).with_name("tides.txt")), batch_size=8)
    with unbroken.Run(work_dir, feed, epochs=3, seed=0) as run:
        model = Author()
        for block in model.blocks:
            run.parallel(block, shard=True)  # its weights are together in one place only while it computes
        run.parallel(model, shard=True)
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)  # of the parts: after the model was sharded
        run.keep(model=model, optimizer=optimizer)
        for epoch in run:
            for (text,) in epoch:
                loss = nn.functional.cross_entropy(model(text[:, :-1]), text[:, 1:].flatten())
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                run.log({"loss": loss})


def passages(path: Path) -> TensorDataset:
    """Every so many bytes of a text, each with the one that follows."""
    text = torch.frombuffer(bytearray(path.read_bytes()), dtype=torch.uint8).long()
    return TensorDataset(text.unfold(0, CONTEXT + 1, CONTEXT))


class Author(nn.Module):
    """The byte that comes next, after each byte of a passage: 0.9 million parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.byte, self.place = nn.Embedding(256, WIDTH), nn.Embedding(CONTEXT, WIDTH)
        self.blocks = nn.ModuleList(Block() for _ in range(BLOCKS))
        self.next = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 256))

    def forward(self, text: Tensor) -> Tensor:
        x = self.byte(text) + self.place(torch.arange(text.shape[1], device=text.device))
        for block in self.blocks:
            x = block(x)
        return self.next(x.flatten(0, 1))


class Block(nn.Module):
    """Looks back over the passage, then thinks about each byte."""

    def __init__(self) -> None:
        super().__init__()
        self.before, self.look, self.seen = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.think = nn.Sequential(
            nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH), nn.Dropout(0.1)
        )

    def forward(self, x: Tensor) -> Tensor:
        parts = self.look(self.before(x)).unflatten(-1, (3, HEADS, -1)).transpose(1, 3).unbind(2)
        found = nn.functional.scaled_dot_product_attention(*parts, is_causal=True)
        x = x + self.seen(found.transpose(1, 2).flatten(2))
        return x + self.think(x)


if __name__ == "__main__":
    main(*sys.argv[1:])
