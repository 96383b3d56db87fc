"""The settings of a training run: one dataclass is the command line, the help and the record"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Annotated, Any, Literal

import torch
import tyro

import unbroken
from perpart.balls import RADII
from perpart.errors import Mistake
from perpart.forms import PRICES
from perpart.schedule import extended


@dataclass(frozen=True)
class Settings:
    """Train a generative model of which part of a hand touches where on an object; the same command again goes on.

    On resume a flag that is not given keeps the run's recorded value. Defaults are those of --preset laptop; tiny and
    paper change points, width, batch size and grasps an epoch, tiny the epochs too. Three examples:

    python train_per_part.py --work-dir ./exp_per_part

    python train_per_part.py --work-dir ./exp_per_part --n-epochs 4000 --extend hold

    python train_per_part.py --work-dir ./exp_per_part --resume ./exp_per_part/checkpoints/E1000_net.pt

    --debug tells the traceback of an error too.
    """

    work_dir: str = "./exp_per_part"
    """Where everything goes: checkpoint.pt, checkpoints/, train.log, journal.jsonl, summaries/, run.json."""
    resume: str | None = None
    """Begin the history at this file: checkpoint.pt, or a snapshot such as checkpoints/E1000_net.pt."""
    init_from: str | None = None
    """Begin a new run with the weights in this file (a checkpoint, a state dict, .safetensors), and nothing else."""
    preset: Literal["tiny", "laptop", "paper"] | None = None
    """Defaults for points, width, batch size and grasps an epoch: tiny for a trial, laptop for two CPU cores, paper for
    a GPU. By default laptop on a CPU and paper on CUDA."""
    explain: bool = False
    """Say what a start would do: which state, what is restored, the learning rate ahead; train nothing."""
    grace: float | None = None
    """Seconds between a signal and the end of the process; a save that does not fit in is not begun."""
    stop_file: str | None = None
    """Stop, saved, once this file is there."""
    max_hours: float | None = None
    """Stop, saved, before so many hours have passed."""
    virtual_ranks: int = 0
    """Compute every batch as so many pieces: the same bits from any number of processes up to that. 0: one for each."""
    patience: float = 600.0
    """Seconds that the processes of a torchrun wait for one of them before they take it for lost."""
    n_epochs: int = 3000
    """Epochs in all. Another number on resume wants --extend."""
    extend: Literal["hold", "stretch", "restart"] | None = None
    """What becomes of the schedule when --n-epochs changes: stay as it was, stretch to the new length, begin anew."""
    allow: tuple[str, ...] = ()
    """Settings that may differ from the recorded ones although they make another run, by name."""
    batch_size: int = 32
    """Grasps in a batch."""
    grasps_per_epoch: int | None = 128
    """Grasps in an epoch; epochs take turns through the whole data set. None: all of them in each."""
    points: int = 512
    """Points of the object's surface that the model sees."""
    width: int = 32
    """Channels of the model's first layer."""
    latents: int = 48
    """Size of the latent."""
    radii: tuple[float, float] = RADII
    """Metres around a point within which the model's two levels look at others."""
    norm: Literal["layer", "batch"] = "layer"
    """How the levels are normalised: each point by itself, or by the batch's running means."""
    form: Literal["sixteen", "contactgen"] = "sixteen"
    """A contact map for each part, or the ancestor's form: one contact map and a part map, in three stages."""
    loss: Literal["ours", "contactgen"] = "ours"
    """What is minimised: our losses, or the ancestor's."""
    prior: Literal["flow", "normal"] = "flow"
    """Where draws come from: a flow that learns which latents are likely on an object, or a standard normal, which is
    what the ancestor's form has."""
    lr: float = 8e-4
    """Learning rate at the first step."""
    lr_end: float = 1e-4
    """Learning rate at the last step; a cosine in between."""
    weight_decay: float = 0.0
    """Adam's, a term of the gradient; it holds the prior back (docs/decisions/0013)."""
    kl_weight: float | None = None
    """The price of a nat of latent, reached after the warm-up; by default 0.004, with the ancestor's losses 0.05."""
    kl_warmup: float | None = None
    """Epochs over which that price rises from 0; by default 30 % of --n-epochs at birth, with the ancestor's all."""
    seed: int = 0
    """Decides the order, the augmentation, the first weights and every random draw."""
    num_workers: int = 0
    """Processes that prepare batches; their number changes no bit."""
    device: str = "auto"
    """cpu, cuda or cuda:N; auto takes the GPU where there is one."""
    data: str | None = None
    """A folder made by `python -m perpart.grasps make`; by default the set that ships with the package."""
    validate_every: int = 5
    """Epochs between two validations, whose best is kept as best.pt; the first and the last epoch have one too."""
    snapshot_every: int = 1000
    """Epochs between two snapshots that are kept for good."""
    snapshots_kept: int | None = None
    """Keep only so many of the latest snapshots. None: all of them."""
    save_minutes: float = 10.0
    """Within an epoch, save at least this often."""
    save_stall: float = 0.01
    """Within an epoch, save as often as training stands still for less than this share of the time."""
    background: bool = True
    """Write states beside the training; otherwise it waits until they are on the disk."""
    log_every: int = 50
    """Steps between two step records in journal.jsonl."""
    legs: Annotated[tuple[tuple[int, int], ...], tyro.conf.Suppress] = ()
    """The schedule's cosines, from epoch to epoch; written by --extend."""
    legs_before: Annotated[tuple[tuple[int, int], ...], tyro.conf.Suppress] = ()
    """Those of the run before this start extended it."""

    def record(self) -> dict[str, Any]:
        """What is recorded at birth: all but what belongs to a single start."""
        return {k: v for k, v in asdict(self).items() if k not in ONCE and (v or k not in YOUNG)}


ONCE = (
    "work_dir", "resume", "init_from", "extend", "allow", "explain", "grace", "stop_file", "max_hours", "legs_before",
)  # fmt: skip
"""What belongs to a single start."""
YOUNG = ("virtual_ranks",)
"""What older runs do not record: left out while it is off."""
FREE = (
    "num_workers", "n_epochs", "legs", "data", "snapshot_every", "snapshots_kept", "save_minutes", "save_stall",
    "background", "log_every", "patience",
)  # fmt: skip
"""What cannot change the numbers, or is told elsewhere: the length by --extend, the data by their fingerprint."""
DERIVED = {"fingerprint", "samples", "epoch_size", "machine"}
"""What is recorded and compared beside the settings: facts of the data, and of the machine under a word for all."""
FEWEST = 32
"""Points of an object: twice the neighbours that the model looks at."""
PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"points": 128, "width": 16, "batch_size": 16, "grasps_per_epoch": 128, "n_epochs": 60},
    "laptop": {},
    "paper": {"points": 2048, "width": 64, "batch_size": 128, "grasps_per_epoch": None, "num_workers": 4},
}


def parse(arguments: Sequence[str] | None = None) -> Settings:
    """The settings of this start: flags over the run's record, or over the preset's defaults in a new work dir.

    Raises Mistake and what reading the recorded state raises.
    """
    first = _cli(arguments, Settings())
    recorded = unbroken.recorded(first.work_dir, first.resume)
    if recorded is None:
        preset = first.preset or ("paper" if usable_device(first.device).type == "cuda" else "laptop")
        return _born(_cli(arguments, replace(Settings(), preset=preset, **PRESETS[preset])))
    base = _recorded(recorded, first.resume or first.work_dir)
    given = _cli(arguments, base)
    device = base.device if given.device == "auto" else given.device
    weight = base.kl_weight if given.kl_weight is None else given.kl_weight
    warmup = base.kl_warmup if given.kl_warmup is None else given.kl_warmup
    return _usable(_lengthened(replace(given, device=device, kl_weight=weight, kl_warmup=warmup), base.n_epochs))


def _recorded(recorded: dict[str, Any], where: str) -> Settings:
    known = {f.name for f in fields(Settings)} - set(ONCE)
    if missing := known - recorded.keys() - {*FREE, *YOUNG}:  # which may be younger than the run
        absent = ", ".join(sorted(missing))
        raise Mistake(f"{where} is of another program's run, or another version's: it records no {absent}")
    told = {name: recorded[name] for name in known & recorded.keys()}
    # JSON knows lists only.
    told |= {"legs": tuple((a, b) for a, b in recorded["legs"]), "radii": tuple(recorded["radii"])}
    return replace(Settings(), **told)


def _cli(arguments: Sequence[str] | None, default: Settings) -> Settings:
    return tyro.cli(Settings, args=arguments, default=default, compact_help=True)


def _born(settings: Settings) -> Settings:
    """What a new run decides once, so that it is recorded as it was."""
    device = str(usable_device(settings.device))
    price, share = PRICES[settings.loss]
    weight = price if settings.kl_weight is None else settings.kl_weight
    warmup = share * settings.n_epochs if settings.kl_warmup is None else settings.kl_warmup
    prior = "normal" if settings.form == "contactgen" else settings.prior
    legs = ((0, settings.n_epochs),)
    made = replace(settings, device=device, prior=prior, kl_weight=weight, kl_warmup=warmup, legs=legs)
    return _usable(made)


def _lengthened(settings: Settings, before: int) -> Settings:
    if settings.n_epochs == before:
        return settings
    if settings.extend is None:
        raise Mistake(
            f"--n-epochs {settings.n_epochs} differs from the run's {before}: say what becomes of the learning rate, "
            "--extend hold (as it was), stretch (over the new length) or restart (a new cosine from there)"
        )
    try:
        legs = extended(settings.legs, settings.n_epochs, settings.extend)
    except ValueError as reason:
        raise Mistake(f"--extend restart: {reason}") from None
    return replace(settings, legs=tuple((a, b) for a, b in legs), legs_before=settings.legs)


def _usable(settings: Settings) -> Settings:
    """Refuse numbers and devices that nothing can be done with, before anything is built."""
    for name, value in asdict(settings).items():
        if isinstance(value, float) and not math.isfinite(value):
            raise Mistake(f"--{name.replace('_', '-')} {value}: a finite number")
    if settings.points < FEWEST:
        raise Mistake(f"--points {settings.points}: at least {FEWEST}, or a point has no neighbours")
    for name in ("n_epochs", "batch_size", "width", "latents", "snapshot_every", "validate_every", "log_every"):
        if getattr(settings, name) < 1:
            raise Mistake(f"--{name.replace('_', '-')} {getattr(settings, name)}: at least 1")
    if settings.form == "contactgen" and settings.latents < 3:
        raise Mistake(f"--latents {settings.latents} with --form contactgen: at least 3, one a stage")
    for name in ("seed", "num_workers", "virtual_ranks", "lr_end", "weight_decay", "kl_weight", "kl_warmup"):
        if getattr(settings, name) < 0:
            raise Mistake(f"--{name.replace('_', '-')} {getattr(settings, name)}: at least 0")
    if not settings.lr > 0 or not settings.save_minutes > 0:
        raise Mistake(f"--lr {settings.lr} and --save-minutes {settings.save_minutes}: more than 0")
    if settings.patience < 1:
        raise Mistake(f"--patience {settings.patience}: at least 1 second")
    usable_device(settings.device)
    allow = tuple(name.replace("-", "_").lstrip("_") for name in settings.allow)
    if unknown := set(allow) - set(settings.record()) - DERIVED - unbroken.environment().keys():
        raise Mistake(f"--allow {' '.join(sorted(unknown))}: no such setting; name them as the table of changes does")
    return replace(settings, allow=allow)


def usable_device(name: str) -> torch.device:
    """The device of this name, `auto` taking the GPU where there is one.

    Raises Mistake when there is no such kind, or none in this machine.
    """
    try:
        device = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name)
    except RuntimeError:
        raise Mistake(f"--device {name}: no such kind of device; take cpu, cuda or cuda:N") from None
    if device.type not in ("cpu", "cuda"):
        raise Mistake(f"--device {name}: only cpu and cuda are supported")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise Mistake(f"--device {name}: this machine has {torch.cuda.device_count()} CUDA devices; take --device cpu")
    return device
