"""What data cost a step of the main job: drawing a batch, finding balls, files, memory of workers

python -m benchmarks.draw [--rounds 3] [--batch 128] [--presets laptop paper] [--data DIR]. Files are made anew in a
temporary folder (--folder: in that one, and kept). Of a batch that is drawn cold, no page of the files is in memory.
Memory is what the kernel says of the files' pages: all that N processes hold of them together, each page counted once
(Pss), after each of them has drawn every grasp.
"""

import multiprocessing
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import unbroken
from benchmarks import sitting
from perpart.data import cache, graspset
from perpart.data.dataset import Contacts
from perpart.losses import objective
from perpart.model import ContactCVAE
from perpart.settings import PRESETS, Settings
from unbroken.position import Position

Batch = dict[str, Tensor]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = sitting.parser(__doc__)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--presets", nargs="+", default=list(PRESETS), choices=list(PRESETS))
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--data", help="a folder of grasps; by default the set that ships with the package")
    parser.add_argument("--folder", type=Path, help="where files are kept")
    options = parser.parse_args(arguments)
    rounds = 1 if options.quick else options.rounds or 3
    sitting.told("numpy")
    with tempfile.TemporaryDirectory() as name:
        places = [options.folder or Path(name)]
        for preset in options.presets[: 1 if options.quick else None]:
            settings = Settings(**PRESETS[preset])
            points, width = (64, 8) if options.quick else (settings.points, settings.width)
            print(f"{preset}: {points} points, width {width}, batches of {options.batch}\n")
            made = partial(contacts, options.data, points, 40 if options.quick else None, places)
            files(made)
            steps(made(), ContactCVAE(width, points), options.batch, rounds)
            memory(made, options.workers[: 1 if options.quick else None])


def contacts(data: str | None, points: int, most: int | None, places: Sequence[Path]) -> Contacts:
    return Contacts(graspset.load(data), "train", points, most=most, folders=places)


def files(made: Any) -> None:
    """Print what the files cost: once to be made, and at each start."""
    built = sitting.timed(made)
    opened = sitting.timed(made)
    data = made()
    sizes = {name: data.labels[name].nbytes for name in data.labels} | {"looks": data.looks["looks"].nbytes}
    dense = data.pool * (16 + 1 + 6)
    rows = [
        ["grasps, objects", f"{len(data):,}, {len(data.labels['clouds'])}"],
        ["computed and written", f"{built:.1f} s"],
        ["found and checked, at each start", f"{opened:.2f} s"],
        ["all files", f"{sum(sizes.values()) / 1e6:.1f} MB"],
        [f"a grasp's labels on {data.pool:,} points", f"{sizes['records'] / len(data) / 1e3:.1f} kB"],
        ["the same, dense", f"{dense / 1e3:.1f} kB"],
        ["an object's points", f"{sizes['clouds'] / len(data.labels['clouds']) / 1e3:.1f} kB"],
        ["an object's looks", f"{sizes['looks'] / len(data.labels['clouds']) / 1e3:.1f} kB"],
    ]
    sitting.table(["files", "cost"], rows)


def steps(data: Contacts, model: ContactCVAE, size: int, rounds: int) -> None:
    """Print the time of a step, with balls found beforehand and in the step, and of drawing its batch."""
    batch = next(drawn(data, size))
    plain = {name: value for name, value in batch.items() if name not in ("near", "far")}
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=True)
    step = partial(trained, model, optimizer)
    step(batch)
    warm = drawn(data, size)
    contenders = {
        "a step, balls found in it": lambda: sitting.timed(partial(step, plain)),
        "a step": lambda: sitting.timed(partial(step, batch)),
        "drawing its batch": lambda: min(sitting.timed(partial(next, warm)) for _ in range(5)),
        "drawing its batch, cold": lambda: cold(data, size),
    }
    times = sitting.turns(contenders, rounds)
    rows = [
        [name, f"{1e3 * sitting.median(times, name):.1f}", f"{100 * sitting.ratio(times, name, 'a step'):.1f} %"]
        for name in contenders
    ]
    sitting.table(["of one process", "ms", "of a step"], rows)


def drawn(data: Contacts, size: int) -> Iterator[Batch]:
    """The batches of a run, as a process draws them by itself."""
    return unbroken.Feed(data, min(size, len(data))).stream(0, Position(), 1_000_000)


def cold(data: Contacts, size: int) -> float:
    """The seconds that a batch takes when none of the files is in memory."""
    kept = [each for each in (data.labels, data.looks) if isinstance(each, cache.Kept)]
    held = data.labels, data.looks
    data.labels, data.looks = {}, {}
    for each in kept:
        forget(each.path)
    data.labels, data.looks = (cache.Kept(each.path) for each in kept)
    seconds = sitting.timed(partial(next, drawn(data, size)))
    data.labels, data.looks = held
    return seconds


def forget(path: Path) -> None:
    """Ask the kernel to drop a file's pages; those that somebody has mapped stay."""
    handle = os.open(path, os.O_RDONLY)
    os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(handle)


def trained(model: Callable[[Batch], Any], optimizer: torch.optim.Optimizer, batch: Batch) -> None:
    optimizer.zero_grad()
    objective(model(batch), batch, 1e-3)["loss"].backward()
    optimizer.step()


def memory(made: Any, numbers: Sequence[int]) -> None:
    """Print what several processes hold of the files."""
    rows = []
    for number in numbers:
        context = multiprocessing.get_context("fork")
        told, ready, done = context.SimpleQueue(), context.Barrier(number), context.Barrier(number)
        several = [context.Process(target=reader, args=(made, told, ready, done)) for _ in range(number)]
        for each in several:
            each.start()
        found = [told.get() for _ in several]
        for each in several:
            each.join()
        rows.append([str(number), *(f"{sum(column) / 1e6:.1f}" for column in zip(*found, strict=True))])
    sitting.table(["processes", "MB of files, each page once", "were nothing shared"], rows)


def reader(made: Any, told: "SimpleQueue[tuple[int, int]]", ready: Any, done: Any) -> None:
    """Draw every grasp; when all have, tell what this process holds of the files."""
    torch.set_num_threads(1)
    data = made()
    for i in range(len(data)):
        data[i]
    ready.wait()
    told.put(held())
    done.wait()


def held() -> tuple[int, int]:
    """Bytes of the files' pages in memory that this process maps: its share (Pss), and all of them (Rss)."""
    maps = re.split(r"^(?=[0-9a-f]+-[0-9a-f]+ )", Path("/proc/self/smaps").read_text(), flags=re.MULTILINE)
    ours = [each for each in maps if each.partition("\n")[0].endswith(".cache")]
    pss, rss = (sum(int(n) for each in ours for n in re.findall(rf"^{kind}: +(\d+)", each, re.MULTILINE))
                for kind in ("Pss", "Rss"))  # fmt: skip
    return pss << 10, rss << 10


if __name__ == "__main__":
    main()
