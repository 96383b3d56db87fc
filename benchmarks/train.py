"""How fast the main job trains: samples a second, share of the machine's matrix peak, and where a step's time goes

python -m benchmarks.train [--rounds 5] [--device cpu] [--presets tiny laptop paper]. Peak is what the best of some
large float32 matrix products reaches, in turn with the steps; work is what torch's own counter finds in a step: matrix
products, forward and backward; nothing else counts as work, but all of it takes time. The split runs each part of a
step by itself, forward and backward, on the inputs that it has in the step; on a CUDA device the whole is also measured
with deterministic algorithms on and off.
"""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import sitting
from benchmarks.draw import Batch, contacts, drawn, trained
from perpart import losses, memory
from perpart.average import Average
from perpart.data import cache
from perpart.model import ContactCVAE, thinned
from perpart.pointnet import Shape
from perpart.settings import PRESETS, Settings

objective = losses.objective
FULL = 8, 16
"""Batch sizes at which the full model is measured beside the presets."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = sitting.parser(__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--presets", nargs="+", default=list(PRESETS), choices=list(PRESETS))
    parser.add_argument("--faster", action="store_true", help="what torch.compile and bfloat16 would change")
    options = parser.parse_args(arguments)
    rounds = 1 if options.quick else options.rounds or 5
    kept = memory.kept()
    sitting.told("numpy")
    device = torch.device(options.device)
    print(f"device: {named(device)}, {torch.get_num_threads()} threads; memory kept: {'yes' if kept else 'no'}\n")
    cases = [(preset, Settings(**PRESETS[preset]).batch_size, preset) for preset in options.presets]
    cases += [(f"full at batch {size}", size, "paper") for size in FULL]
    measured = [Case(name, size, PRESETS[preset], device, options.quick) for name, size, preset in cases]
    whole(measured, device, rounds)
    for case in measured:
        split(case, rounds)
    if options.faster:
        faster(measured[0], rounds)


class Case:
    """A model, a batch for it, and a step."""

    def __init__(self, name: str, size: int, preset: dict, device: torch.device, quick: bool):
        settings = Settings(**preset)
        points, width = (64, 8) if quick else (settings.points, settings.width)
        self.name, self.size, self.device = name, min(size, 8) if quick else size, device
        data = contacts(None, points, 16 if quick else 512, cache.places(None))
        self.batch = {key: value.to(device) for key, value in next(drawn(data, self.size)).items()}
        torch.default_generator.manual_seed(0)
        self.model = ContactCVAE(width, points).to(device)
        self.optimizer = torch.optim.Adam(self.model.parameters(), 1e-4, fused=True)
        self.average = Average(self.model)
        with FlopCounterMode(display=False) as counter:
            self.step()
        self.work = counter.get_total_flops()

    def step(self) -> None:
        trained(self.model, self.optimizer, self.batch)
        self.average.update_parameters(self.model)

    def seconds(self) -> float:
        return clocked(self.step, self.device)


def whole(cases: Sequence[Case], device: torch.device, rounds: int) -> None:
    """Print each case's step beside the peak."""
    size = 512 if rounds == 1 else 2048 if device.type == "cpu" else 8192
    contenders = {"peak": partial(product, size, device), **{case.name: case.seconds for case in cases}}
    times = sitting.turns(contenders, rounds)
    peak = 2 * size**3 / min(times["peak"])
    rows = []
    for case in cases:
        seconds = sitting.median(times, case.name)
        rate = case.work / seconds
        rows.append([
            case.name, str(case.size), f"{1e3 * seconds:,.1f}", f"{case.size / seconds:,.0f}",
            f"{case.work / case.size / 1e9:.2f}", f"{rate / 1e9:,.0f}", f"{100 * rate / peak:.0f} %",
        ])  # fmt: skip
    print(f"matrix peak: {peak / 1e9:,.0f} GFLOP/s (best of {rounds} products of {size} x {size}, float32)\n")
    sitting.table(["a step", "batch", "ms", "samples/s", "GFLOP a sample", "GFLOP/s", "of peak"], rows)
    if device.type == "cuda":
        determinism(cases, rounds)


def determinism(cases: Sequence[Case], rounds: int) -> None:
    """Print what deterministic algorithms cost."""
    rows = []
    for case in cases:
        times = sitting.turns({"free": case.seconds, "fixed": partial(deterministic, case)}, rounds)
        rows.append([case.name, f"{sitting.ratio(times, 'fixed', 'free'):.2f}"])
    sitting.table(["deterministic algorithms", "x the time without"], rows)


def deterministic(case: Case) -> float:
    """The seconds of a step whose sums are taken in a fixed order."""
    torch.use_deterministic_algorithms(True)
    try:
        return case.seconds()
    finally:
        torch.use_deterministic_algorithms(False)


def faster(case: Case, rounds: int) -> None:
    """Print what a compiled step and one in bfloat16 (autocast) would cost, beside the step as it is."""
    compiled = torch.compile(case.model)

    def halved(batch: Batch) -> dict[str, Tensor | list[Tensor]]:
        with torch.autocast(case.device.type, torch.bfloat16):
            outputs = case.model(batch)
        return {name: value.float() if isinstance(value, Tensor) else value for name, value in outputs.items()}

    models = {"as it is": case.model, "torch.compile": compiled, "bfloat16": halved}
    ways = {name: partial(trained, model, case.optimizer, case.batch) for name, model in models.items()}
    first = clocked(ways["torch.compile"], case.device)
    times = sitting.turns({name: partial(clocked, way, case.device) for name, way in ways.items()}, rounds)
    rows = [
        [name, f"{1e3 * sitting.median(times, name):,.1f}", f"{sitting.ratio(times, name, 'as it is'):.2f}"]
        for name in ways
    ]
    print(f"the first compiled step takes {first:.0f} s\n")
    sitting.table([f"{case.name}: a step", "ms", "x as it is"], rows)


def product(size: int, device: torch.device) -> float:
    """The seconds of a large matrix product, the best of some."""
    a = torch.randn(size, size, device=device)
    return min(clocked(lambda: a @ a, device) for _ in range(4))


def clocked(act: Callable[[], object], device: torch.device) -> float:
    """The seconds until a call's work is done, on whatever device."""
    wait(device)
    return sitting.timed(lambda: (act(), wait(device)))


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def named(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def split(case: Case, rounds: int) -> None:
    """Print how a step's time divides among its parts, each run by itself."""
    parts = pieces(case)
    times = sitting.turns(
        {"step": case.seconds, **{name: partial(clocked, act, case.device) for name, act in parts.items()}}, rounds
    )
    rows = [[name, f"{1e3 * sitting.median(times, name):,.1f}", f"{100 * sitting.ratio(times, name, 'step'):.0f} %"]
            for name in parts]  # fmt: skip
    rows.append(["the whole step", f"{1e3 * sitting.median(times, 'step'):,.1f}", "100 %"])
    sitting.table([f"{case.name}: forward and backward", "ms", "of the step"], rows)


def pieces(case: Case) -> dict[str, Callable[[], object]]:
    """The parts of a step as calls on inputs that they have in it."""
    model, batch = case.model, case.batch
    points, normals, tables = batch["points"], batch["normals"], (batch["near"], batch["far"])
    with torch.no_grad():
        shape = model.shape(points, normals, tables)
        query = model.decoder.ask(shape, points, normals)
        outputs = model(batch)
        latent = outputs["mu"][0]
    free = {name: leaf(value) for name, value in outputs.items()}

    def encoder() -> None:
        made = model.shape(points, normals, tables)
        asked = model.decoder.ask(made, points, normals)
        (asked.sum() + made.whole.sum() + made.tokens.sum()).backward()

    def posterior() -> None:
        mu, logvar = model.posterior(thinned(batch, model.points), leaf(shape.whole))
        (mu.sum() + logvar.sum()).backward()

    def decoder() -> None:
        maps = model.decoder(leaf(latent), leaf(shape.whole), leaf(query), points)
        torch.autograd.backward(list(maps.values()), [torch.ones_like(value) for value in maps.values()])

    def seen() -> Shape:
        return Shape(shape.centres, shape.features, leaf(shape.whole), leaf(shape.tokens))

    def lossy() -> None:
        objective(free, batch, 1e-3)["loss"].backward()

    return {
        "encoder": encoder,
        "posterior": posterior,
        "decoder": decoder,
        "prior": lambda: model.prior.misfit(latent, seen()).backward(),
        "losses": lossy,
        "optimizer": case.optimizer.step,
        "mean of weights": partial(case.average.update_parameters, model),
    }


def leaf(value: Tensor | list[Tensor]) -> Tensor | list[Tensor]:
    """The same values, at which a backward pass ends."""
    return [leaf(one) for one in value] if isinstance(value, list) else value.detach().requires_grad_()


if __name__ == "__main__":
    main()
