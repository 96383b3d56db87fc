"""A job whose steps all take the same time, started quickly; it is there to be killed from outside"""

import os
import time
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

import torch
from torch.utils.data import TensorDataset

import unbroken

SERVER = get_context("forkserver")
SERVER.set_forkserver_preload(["benchmarks.padded", "unbroken.run", "torch._dynamo", "numpy"])


@dataclass(frozen=True)
class Job:
    """work_dir: where it goes on. batches: of an epoch. step: seconds of each. apart: seconds between two saves.
    megabytes: of its state, which are as much work to copy, to write and to load as anybody's."""

    work_dir: str
    epochs: int
    batches: int
    step: float
    apart: float
    megabytes: int

    @property
    def every(self) -> unbroken.Every:
        return unbroken.Every(minutes=self.apart / 60)

    def begin(self) -> BaseProcess:
        """Start it, or start it again, as a process of its own."""
        process = SERVER.Process(target=train, args=(self,))
        process.start()
        return process


def train(job: Job) -> None:
    """What the process does. Its output goes beside its work dir."""
    handle = os.open(Path(job.work_dir).with_suffix(".out"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    torch.set_num_threads(1)
    feed = unbroken.Feed(TensorDataset(torch.zeros(job.batches, 1)), batch_size=1)
    with unbroken.Run(job.work_dir, feed, epochs=job.epochs, save=job.every, log_every=25) as run:
        model = torch.nn.Linear(8, 8)
        model.register_buffer("weight_of_others", torch.ones(job.megabytes * 250_000))
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
        run.keep(model=model, optimizer=optimizer)
        for epoch in run:
            for _ in epoch:
                end = time.monotonic() + job.step
                model(torch.ones(1, 8)).square().mean().backward()
                optimizer.step()
                optimizer.zero_grad()
                time.sleep(max(0.0, end - time.monotonic()))
