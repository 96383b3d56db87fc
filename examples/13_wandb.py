"""Weights & Biases: one run there for one run here; a record is sent once no interruption can take it back

python examples/13_wandb.py [WORK_DIR]

The journal is the truth and a service is its mirror. A mirror that is told of every step as it happens also hears of
those that a kill takes back, and shows them twice; so send records once a state vouches for them. Under which name, and
how many have arrived, stands in the work dir. Wants `pip install wandb`; trains without it. Each session writes a
folder for `wandb sync`; the one of a session that was killed may lack its end, and the next one makes it again.
"""

import json
import os
import shutil
import sys
import uuid
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import TensorDataset

import unbroken


class Sent:
    """Which records of the journal have been sent, under which name; noted in a small file, replaced as a whole."""

    def __init__(self, work_dir: str, run: unbroken.Run) -> None:
        self.work_dir, self.run, self.begin, self.there = work_dir, run, run.position, None
        self.journal, self.file = Path(work_dir, "journal.jsonl"), Path(work_dir, "wandb.json")
        noted = json.loads(self.file.read_text()) if self.file.exists() else {"name": "", "number": 0, "torn": ""}
        if noted["torn"]:  # the last session was killed: what it sent is sent again
            shutil.rmtree(noted["torn"], ignore_errors=True)
        if not noted["name"] or noted["number"] > len(self.vouched()):  # a new run, or one that went back
            noted = {"name": uuid.uuid4().hex, "number": 0}
        self.name, self.number = noted["name"], noted["number"]
        self.note()  # before anything is sent: nobody would find a run there that nobody here knows

    def __enter__(self) -> "Sent":
        return self

    def __exit__(self, *error: object) -> None:
        self.catch_up()
        if self.there:
            self.there.finish()  # which waits until all of it is on the disk
            self.note()

    def note(self, torn: str = "") -> None:
        fresh = self.file.with_suffix(".new")
        fresh.write_text(json.dumps({"name": self.name, "number": self.number, "torn": torn}))
        os.replace(fresh, self.file)

    def vouched(self) -> list[dict[str, Any]]:
        """The records that the last durable state vouches for."""
        state = self.run.saved or self.begin
        lines = self.journal.read_text().splitlines() if self.journal.exists() else []
        place = {"epoch": state.epoch, "step": state.step}
        return [record for record in map(json.loads, lines) if record[record["at"]] <= place[record["at"]]]

    def catch_up(self) -> None:
        """Send what a durable state vouches for and was not sent yet."""
        for record in self.vouched()[self.number :]:
            self.there = self.there or self.connect()
            if self.there is None:
                return
            values = {f"{record['at']}/{path}": value for path, value in numbers(record)}
            self.there.log({"batches": record["step"], **values}, step=self.number)
            self.number += 1

    def connect(self) -> Any:
        """The run there; None without the package."""
        try:
            import wandb  # noqa: PLC0415 (heavy, and not needed to train)
        except ImportError:
            return None
        there = wandb.init(project="unbroken", id=self.name, resume="allow", mode="offline", dir=self.work_dir)
        there.define_metric("*", step_metric="batches")
        self.note(torn=str(Path(there.dir).parent))
        return there


def numbers(record: dict[str, Any], path: str = "") -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    for key, value in record.items():
        if isinstance(value, dict) and key != "time":
            found += numbers(value, f"{path}{key}/")
        elif isinstance(value, float):
            found.append((path + key, value))
    return found


def main(work_dir: str = "exp_wandb") -> None:
    x = torch.linspace(-1, 1, 512).reshape(-1, 1)
    feed = unbroken.Feed(TensorDataset(x, x**2), batch_size=32)
    with unbroken.Run(work_dir, feed, epochs=6, seed=0, log_every=4) as run, Sent(work_dir, run) as sent:
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
            sent.catch_up()
    if sent.there is None and sent.number == 0:
        print("nothing was sent: wandb is not installed (pip install wandb)")


if __name__ == "__main__":
    main(*sys.argv[1:])
