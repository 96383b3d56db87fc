"""The curve of a main job's run as a picture: what it reconstructs, what it draws, what it costs

python -m benchmarks.curve WORK_DIR --out docs/curve.png. Everything is read from the run's journal.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from perpart import sheets
from unbroken import records


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work_dir", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    epochs = [record for record in records.read(str(options.work_dir / "journal.jsonl")) if record["at"] == "epoch"]
    judged = [record for record in epochs if "valid" in record]
    sheets.save(drawn(epochs, judged), options.out)
    best = max(judged, key=lambda record: record["valid"]["score"])
    print(f"{len(epochs)} epochs; best score {best['valid']['score']:.4f} after {best['epoch']}; wrote {options.out}")


def drawn(epochs: Sequence[dict], judged: Sequence[dict]) -> Figure:
    """Three panels over the epochs, and over those that were validated."""
    figure = Figure(figsize=(11, 3.2), layout="constrained")
    quality, loss, latent = figure.subplots(1, 3)
    every, at = ([record["epoch"] for record in shown] for shown in (epochs, judged))
    for name in ("f1", "prior", "score"):
        quality.plot(at, [record["valid"][name] for record in judged], label=name, linewidth=1)
    loss.plot(every, [record["train"]["contact"] for record in epochs], label="train", linewidth=1)
    loss.plot(at, [record["valid"]["contact"] for record in judged], label="valid", linewidth=1)
    latent.plot(at, [record["valid"]["kl"] for record in judged], label="nats a grasp", linewidth=1)
    latent.plot(at, [record["valid"]["active"] for record in judged], label="active units", linewidth=1)
    for axes, title in ((quality, "validation"), (loss, "loss of contact"), (latent, "latent")):
        axes.set(title=title, xlabel="epoch")
        axes.set_ylim(bottom=0)
        axes.legend(frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


if __name__ == "__main__":
    main()
