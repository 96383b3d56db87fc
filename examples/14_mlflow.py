"""MLflow: the run there is found again by a tag, and is asked how many of the journal's records it has

python examples/14_mlflow.py [WORK_DIR]

As lesson 13, but only a name is noted here: a store that can be asked knows best what has reached it. Wants
`pip install mlflow-skinny`; trains without it. The store is a folder in the work dir, which MLflow 3 wants allowed;
set MLFLOW_TRACKING_URI for a store of your own.
"""

import json
import os
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import TensorDataset

import unbroken

Send = Callable[[dict[str, Any], int], None]
There = tuple[int, Send]  # how many records are there, and what sends one more
NUMBER = "record"  # the metric that counts them


def named(work_dir: str, anew: bool = False) -> str:
    """The name of this run there, drawn once."""
    file = Path(work_dir, "mlflow.txt")
    if anew or not file.exists():
        fresh = file.with_suffix(".new")
        fresh.write_text(uuid.uuid4().hex)
        os.replace(fresh, file)
    return file.read_text()


def vouched(work_dir: str, state: unbroken.Position | None) -> list[dict[str, Any]]:
    """The records that a state vouches for."""
    journal = Path(work_dir, "journal.jsonl")
    lines = journal.read_text().splitlines() if state and journal.exists() else []
    place = {"epoch": state.epoch, "step": state.step} if state else {}
    return [record for record in map(json.loads, lines) if record[record["at"]] <= place[record["at"]]]


def begun(work_dir: str, begin: unbroken.Position) -> There:
    """The run there that goes on; a new one for a run that went back behind what was sent."""
    there = connect(named(work_dir), work_dir)
    if there[0] > len(vouched(work_dir, begin)):
        return connect(named(work_dir, anew=True), work_dir)
    return there


def caught_up(work_dir: str, state: unbroken.Position | None, there: There) -> There:
    """Send what a durable state vouches for and is not there yet."""
    number, send = there
    for record in vouched(work_dir, state)[number:]:
        send(record, number)
        number += 1
    return number, send


def connect(name: str, work_dir: str) -> There:
    os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
    os.environ.setdefault("MLFLOW_TRACKING_URI", Path(work_dir, "mlruns").absolute().as_uri())
    try:
        from mlflow import MlflowClient  # noqa: PLC0415 (heavy, and not needed to train)
        from mlflow.entities import Metric  # noqa: PLC0415
    except ImportError:
        print("mlflow is not installed (pip install mlflow-skinny): training goes on without it")
        return 0, lambda record, number: None
    client = MlflowClient()
    found = client.get_experiment_by_name("unbroken")
    experiment = found.experiment_id if found else client.create_experiment("unbroken")
    runs = client.search_runs([experiment], f"tags.name = '{name}'")
    run = runs[0] if runs else client.create_run(experiment, tags={"name": name})

    def send(record: dict[str, Any], number: int) -> None:
        when = int(1000 * record["time"]["unix"])
        # The count comes last: killed before it, the record is sent again, and shows the same value at the same step.
        pairs = [*numbers(record, record["at"]), (NUMBER, number + 1.0)]
        client.log_batch(run.info.run_id, [Metric(key, value, when, record["step"]) for key, value in pairs])

    return int(run.data.metrics.get(NUMBER, 0)), send


def numbers(record: dict[str, Any], path: str) -> Iterator[tuple[str, float]]:
    for key, value in record.items():
        if isinstance(value, dict) and key != "time":
            yield from numbers(value, f"{path}/{key}")
        elif isinstance(value, float):
            yield f"{path}/{key}", value


def main(work_dir: str = "exp_mlflow") -> None:
    x = torch.linspace(-1, 1, 512).reshape(-1, 1)
    feed = unbroken.Feed(TensorDataset(x, x**2), batch_size=32)
    with unbroken.Run(work_dir, feed, epochs=6, seed=0, log_every=4) as run:
        model = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 1))
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        run.keep(model=model, optimizer=optimizer)
        there = begun(work_dir, run.position)
        for epoch in run:
            for inputs, targets in epoch:
                loss = nn.functional.mse_loss(model(inputs), targets)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                run.log({"loss": loss})
            there = caught_up(work_dir, run.saved, there)
    caught_up(work_dir, run.position, there)  # which is durable once the run was left in peace


if __name__ == "__main__":
    main(*sys.argv[1:])
