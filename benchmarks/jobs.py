"""One small job in four loops, each resumed as its makers say: this package, a plain loop, Accelerate, the HF Trainer

A job trains from where its folder stands until so many batches of the epoch are done, saves, leaves, and tells how its
first step went. benchmarks.resume starts them.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

import unbroken
from benchmarks.sitting import quiet

BATCH = 32
Batch = dict[str, Tensor]
"""x: [32, 16], index: [32]."""


class Slow(Dataset[Batch]):
    """Samples that take so many seconds to read, and a count of those read."""

    def __init__(self, samples: int, delay: float) -> None:
        self.samples, self.delay, self.reads = samples, delay, 0

    def __len__(self) -> int:
        return self.samples

    def __getitem__(self, index: int) -> Batch:
        self.reads += 1
        time.sleep(self.delay)
        return {"x": torch.full((16,), index / self.samples), "index": torch.tensor(index)}


@dataclass
class Told:
    """What the first step of this process took: seconds since the job began, samples read; and batches by index."""

    first: float = 0.0
    reads: int = 0
    batches: list[list[int]] = field(default_factory=list)


class Job:
    """What the loops have in common: the data, the model, where to stop, and what is told of the steps."""

    def __init__(self, folder: str, samples: int, delay: float, stop: int) -> None:
        self.folder, self.stop = folder, stop
        self.data = Slow(samples, delay)
        self.told, self._began = Told(), time.monotonic()

    def model(self) -> tuple[torch.nn.Module, torch.optim.Optimizer]:
        model = Net()
        return model, torch.optim.Adam(model.parameters(), lr=1e-3)

    def loader(self) -> DataLoader[Batch]:
        return DataLoader(self.data, BATCH, shuffle=True, generator=torch.Generator().manual_seed(0))

    def stepped(self, batch: Batch) -> None:
        """Note that a step was done."""
        if not self.told.batches:
            self.told.first, self.told.reads = time.monotonic() - self._began, self.data.reads
        self.told.batches.append(batch["index"].tolist())


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(16, 1)

    def forward(self, x: Tensor, index: Tensor) -> dict[str, Tensor]:
        return {"loss": self.layer(x).square().mean()}


def work(loop: str, told: str, *, folder: str, samples: int, delay: float, stop: int) -> None:
    """Do a job in a process of its own, and leave what it tells as JSON in a file."""
    torch.set_num_threads(1)  # a model this small only waits for a second thread
    train = LOOPS[loop]()  # imports, which are not counted
    with quiet():
        job = Job(folder, samples, delay, stop)
        train(job)
    Path(told).write_text(json.dumps(asdict(job.told)))


# ---- the loops: each imports what it needs and returns the function that trains

Loop = Callable[[Job], None]


def ours() -> Loop:
    run_class, feed_class = unbroken.Run, unbroken.Feed  # imported when they are first asked for

    def train(job: Job) -> None:
        with run_class(job.folder, feed_class(job.data, BATCH), epochs=1) as run:
            model, optimizer = job.model()
            run.keep(model=model, optimizer=optimizer)
            for epoch in run:
                for batch in epoch:
                    step(model, optimizer, batch)
                    job.stepped(batch)
                    if epoch.position.batch + 1 == job.stop:
                        return

    return train


def plain() -> Loop:
    """By hand and with care: the order from a seed of its own, and what was done is skipped."""

    def train(job: Job) -> None:
        path, done = os.path.join(job.folder, "state.pt"), 0
        model, optimizer = job.model()
        if os.path.exists(path):
            state = torch.load(path, weights_only=True)
            model.load_state_dict(state["model"])
            optimizer.load_state_dict(state["optimizer"])
            done = state["done"]
        for number, batch in enumerate(job.loader()):
            if number < done:
                continue
            step(model, optimizer, batch)
            job.stepped(batch)
            if number + 1 == job.stop:
                break
        state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "done": job.stop}
        torch.save(state, path)

    return train


def accelerate() -> Loop:
    """As its guide to checkpoints says: save_state, load_state, skip_first_batches."""
    from accelerate import Accelerator  # noqa: PLC0415 (a peer need not be installed)
    from accelerate.utils import DataLoaderConfiguration, set_seed  # noqa: PLC0415

    def batches(accelerator: Any, loader: Any, done: int) -> Iterator[tuple[int, Batch]]:
        return enumerate(accelerator.skip_first_batches(loader, done) if done else loader, start=done)

    def train(job: Job) -> None:
        set_seed(0)
        accelerator = Accelerator(cpu=True, dataloader_config=DataLoaderConfiguration(use_seedable_sampler=True))
        model, optimizer, loader = accelerator.prepare(*job.model(), job.loader())
        place, done = os.path.join(job.folder, "done.json"), 0
        if os.path.exists(place):
            accelerator.load_state(job.folder)
            with open(place) as file:
                done = json.load(file)
        for number, batch in batches(accelerator, loader, done):
            step(model, optimizer, batch, accelerator.backward)
            job.stepped(batch)
            if number + 1 == job.stop:
                break
        accelerator.save_state(job.folder)
        with open(place, "w") as file:
            json.dump(job.stop, file)

    return train


def transformers() -> Loop:
    """The HF Trainer as it comes: it finds its last checkpoint and skips by itself."""
    import transformers as peer  # noqa: PLC0415 (a peer need not be installed)

    class Trainer(peer.Trainer):
        def training_step(self, model: Any, inputs: Any, *arguments: Any, **named: Any) -> Tensor:
            self.batch = inputs
            return super().training_step(model, inputs, *arguments, **named)

    class Stop(peer.TrainerCallback):
        def __init__(self, job: Job, trainer: Trainer) -> None:
            self.job, self.trainer = job, trainer

        def on_step_end(self, args: Any, state: Any, control: Any, **named: Any) -> None:
            self.job.stepped(self.trainer.batch)
            if state.global_step == self.job.stop:
                control.should_save = control.should_training_stop = True

    def train(job: Job) -> None:
        model, optimizer = job.model()
        arguments = peer.TrainingArguments(
            job.folder, per_device_train_batch_size=BATCH, num_train_epochs=1, save_strategy="no", report_to="none",
            use_cpu=True, disable_tqdm=True, remove_unused_columns=False, dataloader_pin_memory=False,
        )  # fmt: skip
        trainer = Trainer(model, arguments, train_dataset=job.data, optimizers=(optimizer, None))
        trainer.add_callback(Stop(job, trainer))
        begun = any(name.startswith("checkpoint-") for name in os.listdir(job.folder))
        trainer.train(resume_from_checkpoint=begun or None)

    return train


def step(model: Any, optimizer: Any, batch: Batch, backward: Callable[[Tensor], None] = Tensor.backward) -> None:
    loss = model(**batch)["loss"]
    optimizer.zero_grad()
    backward(loss)
    optimizer.step()


LOOPS = {"unbroken": ours, "plain": plain, "accelerate": accelerate, "transformers": transformers}
