"""Weights & Biases: one run there for one run here; a record is sent once no interruption can take it back

python examples/13_wandb.py [WORK_DIR]

The journal is the truth and a service is its mirror. A mirror that is told of every step as it happens also hears of
those that a kill takes back, and draws them twice; so send records once a state vouches for them. The name of the run
there, and how many records it has, stand in the work dir. Wants `pip install wandb`; trains without it. Works offline:
`wandb sync` sends the folders later.
"""

import json
import os
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import TensorDataset

import unbroken

Send = Callable[[dict[str, Any], int], None]


class Sent:
    """Under which name the journal's records are sent, and how many have been: a small file, replaced as a whole."""

    def __init__(self, work_dir: str, begin: unbroken.Position) -> None:
        self.work_dir, self.send = work_dir, None
        self.journal, self.file = Path(work_dir, "journal.jsonl"), Path(work_dir, "wandb.json")
        noted = json.loads(self.file.read_text()) if self.file.exists() else {"name": "", "number": 0}
        if not noted["name"] or noted["number"] > len(self.vouched(begin)):  # a new run, or one that went back
            noted = {"name": uuid.uuid4().hex, "number": 0}
        self.name: str = noted["name"]
        self.note(noted["number"])  # before anything is sent: nobody would find a run there that nobody here knows

    def note(self, number: int) -> None:
        self.number = number
        fresh = self.file.with_suffix(".new")
        fresh.write_text(json.dumps({"name": self.name, "number": number}))
        os.replace(fresh, self.file)

    def vouched(self, state: unbroken.Position | None) -> list[dict[str, Any]]:
        """The records that a state vouches for."""
        lines = self.journal.read_text().splitlines() if state and self.journal.exists() else []
        place = {"epoch": state.epoch, "step": state.step} if state else {}
        return [record for record in map(json.loads, lines) if record[record["at"]] <= place[record["at"]]]

    def catch_up(self, state: unbroken.Position | None) -> None:
        """Send what a durable state vouches for and was not sent yet."""
        for number, record in list(enumerate(self.vouched(state)))[self.number :]:
            self.send = self.send or connect(self.name, self.work_dir)
            self.send(record, number)
            self.note(number + 1)  # killed in between, it is sent again under the same number, which changes nothing


def connect(name: str, work_dir: str) -> Send:
    try:
        import wandb  # noqa: PLC0415 (heavy, and not needed to train)
    except ImportError:
        print("wandb is not installed (pip install wandb): training goes on without it")
        return lambda record, number: None
    run = wandb.init(project="unbroken", id=name, resume="allow", mode="offline", dir=work_dir)
    run.define_metric("*", step_metric="step")

    def send(record: dict[str, Any], number: int) -> None:
        shown = {key: value for key, value in record.items() if key not in ("at", "time")}
        run.log({"step": shown.pop("step"), record["at"]: shown}, step=number)

    return send


def main(work_dir: str = "exp_wandb") -> None:
    x = torch.linspace(-1, 1, 512).reshape(-1, 1)
    feed = unbroken.Feed(TensorDataset(x, x**2), batch_size=32)
    with unbroken.Run(work_dir, feed, epochs=6, seed=0, log_every=4) as run:
        model = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 1))
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        run.keep(model=model, optimizer=optimizer)
        sent = Sent(work_dir, run.position)
        for epoch in run:
            for inputs, targets in epoch:
                loss = nn.functional.mse_loss(model(inputs), targets)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                run.log({"loss": loss})
            sent.catch_up(run.saved)
    sent.catch_up(run.position)  # which is durable once the run was left in peace


if __name__ == "__main__":
    main(*sys.argv[1:])
