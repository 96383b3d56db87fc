"""Train the per-part contact model: the file to open first"""

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import cast

import torch
from torch import Tensor

import unbroken
from perpart import forms, memory
from perpart.average import Average
from perpart.data import cache, kinds
from perpart.data.dataset import Contacts
from perpart.drawing import Drawing
from perpart.errors import Mistake, told
from perpart.metrics import evaluate
from perpart.schedule import Schedule
from perpart.settings import FREE, Settings, parse, usable_device

VALIDATED = 96
"""Grasps that are validated on after each epoch, an even part of the split; evaluate_per_part.py takes all of them."""


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line: `python train_per_part.py --work-dir ./exp_per_part` starts, and goes on."""
    with told(arguments, unbroken.Error) as words:
        train(parse(words))


def train(settings: Settings) -> None:
    """Train until settings.n_epochs are done, or until somebody stops it."""
    memory.kept()
    device = usable_device(settings.device)
    grasps = kinds.load(settings.data)
    folders = cache.places(settings.data)
    seen = Contacts(grasps, "train", settings.points, radii=settings.radii, folders=folders)
    unseen = Contacts(
        grasps, "valid", settings.points, augment=False, most=VALIDATED, radii=settings.radii, folders=folders
    )
    feed = unbroken.Feed(
        seen, settings.batch_size, epoch_size=settings.grasps_per_epoch, workers=settings.num_workers,
        pin_memory=device.type == "cuda", fingerprint=grasps.fingerprint(),
    )  # fmt: skip
    with unbroken.Run(
        settings.work_dir, feed, epochs=settings.n_epochs, seed=settings.seed, resume=settings.resume,
        init_from=settings.init_from,
        settings=settings.record(), free=FREE, allow=settings.allow,
        save=unbroken.Every(minutes=settings.save_minutes, stall=settings.save_stall, background=settings.background),
        snapshots=unbroken.Keep(settings.snapshot_every, settings.snapshots_kept, best="valid.score"),
        stop=unbroken.Stop(settings.stop_file, settings.max_hours, settings.grace),
        log_every=settings.log_every, summaries=True, explain=settings.explain,
        virtual_ranks=settings.virtual_ranks, patience=settings.patience,
    ) as run:  # fmt: skip
        device = own(device, run)
        model = forms.built(asdict(settings)).to(device)
        shared, objective = run.parallel(model), forms.LOSSES[settings.loss]
        # Fused, foreach and plain Adam round differently: the choice is pinned, not left to the device.
        optimizer = torch.optim.Adam(model.parameters(), settings.lr, weight_decay=settings.weight_decay, fused=True)
        scheduler = Schedule(
            optimizer, feed.batches, legs=settings.legs, lr=settings.lr, lr_end=settings.lr_end,
            weight_decay=settings.weight_decay,
        )  # fmt: skip
        run.keep(model=model, optimizer=optimizer, scheduler=scheduler)
        average = Average(model)  # a copy: of weights that --init-from has put into the model
        mean = cast(Drawing, average.module)
        run.keep(average=average)
        announce(run, settings, model, seen, unseen)
        run.say(*(f"data: {note}" for note in grasps.notes))
        run.say(*ahead(run.position.epoch + run.position.batch / feed.batches, settings, scheduler))
        price = kl_weight(settings, math.inf)
        for epoch in run:
            model.train()
            for items in epoch:
                scheduler.step(epoch.progress)
                optimizer.zero_grad()
                for piece in run.pieces(items):
                    batch = to(device, piece)
                    losses = objective(shared(batch), batch, kl_weight(settings, epoch.progress))
                    losses["loss"].backward()
                    run.log(losses, lr=scheduler.lr)
                optimizer.step()
                average.update_parameters(model)
            if due(epoch.number + 1, settings):
                run.log(valid=evaluate(mean, unseen, device, objective, price=price, calibrate=True))
                # The mean's buffers are copied from the model at every step, and so are what calibration found.
                model.chances.load_state_dict(mean.chances.state_dict())


def due(epoch: int, settings: Settings) -> bool:
    """Whether to validate after an epoch, counted from 1: as often as asked, and after the first and the last one."""
    return epoch in (1, settings.n_epochs) or epoch % settings.validate_every == 0


def own(device: torch.device, run: unbroken.Run) -> torch.device:
    """Each of several processes computes in a GPU of its own. Raises Mistake where all are sent to one."""
    if run.world.size == 1 or device.type == "cpu":
        return device
    if device.index is not None:
        raise Mistake(f"--device {device} with {run.world.size} processes: say cuda, and each takes a GPU of its own")
    return run.world.device


def kl_weight(settings: Settings, progress: float) -> float:
    """The price of a nat: rises to its full height over the warm-up, so that the latent is used before it costs."""
    price = forms.PRICES[settings.loss][0] if settings.kl_weight is None else settings.kl_weight
    return price * min(1.0, progress / settings.kl_warmup) if settings.kl_warmup else price


def ahead(progress: float, settings: Settings, scheduler: Schedule) -> list[str]:
    """The learning rate of the next batch, of one an epoch later, and of the last; at an extension, before it too."""
    step = 1 / scheduler.batches
    rates = [scheduler.at(place) for place in (progress, progress + 1, settings.n_epochs - step)]
    lines = ["learning rate: {:.6g} next, {:.6g} an epoch later, {:.6g} at the end".format(*rates)]
    if settings.extend:
        before = scheduler.at(max(0.0, progress - step), settings.legs_before)
        lines.append(f"--extend {settings.extend}: from {before:.6g} at the last batch to {rates[0]:.6g} at the next")
    return lines


def to(device: torch.device, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.to(device, non_blocking=True) for name, value in batch.items()}


def announce(run: unbroken.Run, settings: Settings, model: torch.nn.Module, seen: Contacts, unseen: Contacts) -> None:
    """What this run is about to do."""
    parameters = sum(p.numel() for p in model.parameters())
    run.say(f"data: {settings.data or 'the set that ships with the package'}: {len(seen)} grasps to train on, "
            f"{len(unseen)} on unseen objects to validate")  # fmt: skip
    run.say(f"model: {parameters:,} parameters, width {settings.width}, {settings.points} points an object")
    threads = torch.get_num_threads()
    run.say(f"device: {settings.device}, {threads} thread{'s' * (threads > 1)}, {settings.num_workers} data workers")
    run.say(f"epochs: {settings.n_epochs} of {run.feed.batches} batches of {settings.batch_size}, "
            f"seed {settings.seed}, in {settings.work_dir}")  # fmt: skip
