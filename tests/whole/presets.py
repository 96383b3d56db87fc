"""Kill runs of every preset and compare what is left with the undisturbed one, best.pt included

python -m tests.whole.presets [--presets tiny laptop paper] [--kills 6] [--seed 0] [--batches 2]. All that a preset
switches on is on; only the length is cut: so many batches an epoch, three epochs. `--size N` cuts the batches too, as
the tests do; without it a kill of the paper preset costs a minute or two on two cores.
"""

import argparse
import tempfile
from pathlib import Path

from perpart.settings import PRESETS, Settings
from tests.whole.campaign import Command, campaign
from tests.whole.fixtures import few_grasps

EPOCHS = 3


def preset(name: str, data: Path, batches: int, size: int | None) -> Command:
    """A preset's defaults, but for how long it runs."""
    of = size or Settings(**PRESETS[name]).batch_size

    def command(work_dir: Path, workers: int, often: bool) -> list[object]:
        return [
            "--work-dir", work_dir, "--data", data, "--preset", name, "--device", "cpu", "--n-epochs", EPOCHS,
            "--batch-size", of, "--grasps-per-epoch", of * batches, "--snapshot-every", 2,
            *(["--save-minutes", 1e-9, "--num-workers", workers] if often else []),
        ]  # fmt: skip

    return command


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presets", nargs="+", default=list(PRESETS), choices=list(PRESETS))
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--batches", type=int, default=2)
    parser.add_argument("--size", type=int, help="grasps in a batch; by default the preset's")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        data = few_grasps(Path(name) / "data", each=80)
        for one in options.presets:
            folder = Path(name) / one
            folder.mkdir()
            command = preset(one, data, options.batches, options.size)
            tally = campaign("hands", command, options.kills, options.seed, folder)
            print(f"{one}: {tally.total()} kills ({dict(tally)}): no bit differs")


if __name__ == "__main__":
    main()
