"""How soon the page of `show` can be used, and how soon it follows: in a headless Chromium that draws without a GPU

python -m benchmarks.page [--samples 50] [--rounds 5] [--busy 2]. The page is what the commands write for a mug: samples
of the model that ships, and a hand fitted to each. Every round opens it in a new browser, alone and beside busy
processes in turn. Usable is when the page is drawn and listens, from the first byte read; a sample is what it takes
from the key for the next one until two frames are drawn, both told and asked over the browser's pipe.
"""

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Generator, Sequence
from pathlib import Path

from benchmarks import sitting
from perpart import fit, objects, sample, show
from tests.whole import browser

STEPS = 10
"""Samples that are gone through."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = sitting.parser(__doc__)
    parser.add_argument("--samples", type=int, default=50)
    parser.add_argument("--busy", type=int, default=os.cpu_count(), help="processes that compute beside it")
    options = parser.parse_args(arguments)
    if missing := browser.missing():
        sys.exit(missing)
    if options.quick:
        options.samples, options.rounds, options.busy = 2, 1, 1
    sitting.told("numpy")
    with tempfile.TemporaryDirectory() as aside, sitting.quiet():
        page = made(Path(aside), options.samples)
        size, times = page.stat().st_size, opened(page, options.busy, options.rounds or 5)
    print(f"{options.samples} samples with hands, {size / 1e6:.1f} MB\n")
    rows = [[name, *(f"{seconds:.2f}" for seconds in both)] for name, both in times.items()]
    sitting.table(["", "usable, s", "a sample, s"], rows)


def made(folder: Path, samples: int) -> Path:
    """The page that the commands write for a mug."""
    mug, maps, hands = (str(folder / name) for name in ("mug.ply", "maps", "hands"))
    objects.build("mug", 7).mesh.export(mug)
    sample.sample(sample.Sampling(object=(mug,), out=maps, n=samples))
    fit.fit(fit.Fitting(maps=maps, object=mug, out=hands))
    return show.show(show.Showing(samples=maps, object=mug, hands=hands))


def opened(page: Path, busy: int, rounds: int) -> dict[str, list[float]]:
    """The median seconds until the page is usable, and of a sample: alone, and beside so many busy processes."""
    found: dict[str, list[tuple[float, float]]] = {}
    for _ in range(rounds):
        for beside in (0, busy):
            with tempfile.TemporaryDirectory() as home, load(beside):
                name = f"beside {beside} busy" if beside else "alone"
                found.setdefault(name, []).append(used(page, Path(home)))
    return {name: list(map(statistics.median, zip(*each, strict=True))) for name, each in found.items()}


def used(page: Path, home: Path) -> tuple[float, float]:
    """Open it in a new browser, and go through some samples."""
    with browser.Browser(home) as one:
        one.open(page)
        ready = float(one.do("document.documentElement.dataset.ready")) / 1000
        return ready, statistics.median(sitting.timed(lambda: one.press("ArrowRight")) for _ in range(STEPS))


@contextlib.contextmanager
def load(processes: int) -> Generator[None]:
    """So many processes that compute and never wait."""
    spinning = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    try:
        yield
    finally:
        for one in spinning:
            one.kill()
            one.wait()


if __name__ == "__main__":
    main()
