"""How far a run with another number of processes drifts from that of one: weights and loss after so many steps

python -m benchmarks.drift [--steps 1 10 100 400]. The same batches in the same order, one thread in each process; what
differs is how sums round, and where a model asks for them, dropout's numbers and BatchNorm's shares.
"""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

import unbroken
from benchmarks import sitting
from tests.unbroken import worlds

SAMPLES, BATCH, WIDTH = 480, 48, 64
MODELS = {
    "sums alone": lambda: [nn.LayerNorm(WIDTH)],
    "dropout": lambda: [nn.LayerNorm(WIDTH), nn.Dropout(0.1)],
    "BatchNorm": lambda: [nn.BatchNorm1d(WIDTH)],
}
"""What stands between the layers."""
Drift = list[tuple[float, float]]
"""After each number of steps: the largest difference of a weight against the largest weight, and that of the loss."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = sitting.parser(__doc__)
    parser.add_argument("--steps", type=int, nargs="+", default=[1, 10, 100, 400])
    options = parser.parse_args(arguments)
    steps, models = ([1, 4], ["sums alone"]) if options.quick else (options.steps, list(MODELS))
    sitting.told("unbroken")
    head = ["model", "processes", *(f"{what}, {n} steps" for n in steps for what in ("weights", "loss"))]
    sitting.table(head, [row for model in models for row in rows(model, steps)])


def rows(model: str, steps: list[int]) -> list[list[str]]:
    """The lines of a model: two to four processes, and four that train as the pieces of any number."""
    found, alone = list[list[str]](), {virtual: trained(1, model, steps, virtual) for virtual in (0, 4)}
    for processes, virtual in [(2, 0), (3, 0), (4, 0), (2, 4)]:
        several = trained(processes, model, steps, virtual)
        named = f"{processes}, virtual ranks {virtual}" if virtual else str(processes)
        numbers = [f"{x:.1e}" if x else "0" for pair in drift(alone[virtual], several) for x in pair]
        found.append([model, named, *numbers])
    return found


def drift(alone: dict[int, tuple[Tensor, float]], several: dict[int, tuple[Tensor, float]]) -> Drift:
    """How far they are apart after each number of steps."""
    found: Drift = []
    for step, (weights, loss) in alone.items():
        others, another = several[step]
        apart = float((others - weights).abs().max() / weights.abs().max())
        found.append((apart, abs(another - loss) / abs(loss)))
    return found


def trained(size: int, model: str, steps: list[int], virtual: int) -> dict[int, tuple[Tensor, float]]:
    """All weights and the loss over all samples, as so many processes have them after these numbers of steps."""
    with tempfile.TemporaryDirectory() as name:
        worlds.good(size, work, name, model, steps, virtual)
        losses = json.loads((Path(name) / "losses.json").read_text())
        return {n: (torch.load(Path(name) / f"{n}.pt", weights_only=True), losses[str(n)]) for n in steps}


def work(folder: str, kind: str, steps: list[int], virtual: int) -> None:
    """Be one of the processes; the one that leads leaves what it has after each number of steps in the folder."""
    x, y = samples()
    feed, losses = unbroken.Feed(TensorDataset(x, y), BATCH), dict[int, float]()
    epochs = -(-max(steps) // feed.batches)
    with unbroken.Run(Path(folder) / "run", feed, epochs=epochs, virtual_ranks=virtual) as run, sitting.quiet():
        model = nn.Sequential(nn.Linear(16, WIDTH), *MODELS[kind](), nn.GELU(), nn.Linear(WIDTH, 1))
        net, optimizer = run.parallel(model), torch.optim.Adam(model.parameters(), lr=1e-3)
        run.keep(model=model, optimizer=optimizer)
        for epoch in run:
            model.train()
            for batch in epoch:
                for inputs, wanted in run.pieces(batch):
                    nn.functional.mse_loss(net(inputs), wanted).backward()
                optimizer.step()
                optimizer.zero_grad()
                if epoch.step + 1 in steps and run.world.lead:
                    weights = torch.cat([p.detach().reshape(-1) for p in model.parameters()])
                    torch.save(weights, Path(folder) / f"{epoch.step + 1}.pt")
                    losses[epoch.step + 1] = measured(model, x, y)
    if run.world.lead:
        (Path(folder) / "losses.json").write_text(json.dumps(losses))


def samples() -> tuple[Tensor, Tensor]:
    made = torch.Generator().manual_seed(0)
    x = torch.randn(SAMPLES, 16, generator=made)
    return x, (x[:, :4].prod(1) + x[:, 4:8].sum(1)).unsqueeze(1)


def measured(model: nn.Module, x: Tensor, y: Tensor) -> float:
    model.eval()
    with torch.no_grad():
        loss = nn.functional.mse_loss(model(x).double(), y.double()).item()
    model.train()
    return loss


if __name__ == "__main__":
    from benchmarks import drift  # noqa: PLW0406 (processes find functions by module)

    drift.main()
