"""One sitting: contenders take turns, and their figures are printed beside the machine, its load and the versions

Shared machines drift by minutes and by neighbours. Contenders that are compared therefore run in turn, A B C, B C A,
and so on; a figure is the median of its rounds, and a ratio is the median of the ratios of each round.
"""

import argparse
import contextlib
import io
import os
import platform
import statistics
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

Times = dict[str, list[float]]
"""Of each contender, the seconds of each round."""
ABSENT = "not installed"


def parser(about: str | None) -> argparse.ArgumentParser:
    """The options that every benchmark has."""
    made = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--quick", action="store_true", help="small and short: shows that it runs, measures nothing")
    made.add_argument("--rounds", type=int, help="turns of each contender")
    return made


def told(*packages: str) -> None:
    """Print what the figures below hold for."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    print(f"machine: {processor()}, {os.cpu_count()} cores, {memory:.0f} GiB, Linux {platform.release()}")
    print(f"load before: {os.getloadavg()[0]:.1f}")
    named = [f"{name} {installed(name) or ABSENT}" for name in ("torch", *packages)]
    print(f"versions: Python {platform.python_version()}, {', '.join(named)}\n")


def processor() -> str:
    """The name that the processor gives itself."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def installed(package: str) -> str | None:
    """The version of a package, or None where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def turns(contenders: Mapping[str, Callable[[], float]], rounds: int) -> Times:
    """The seconds that each contender says it took, in each round; every round begins with another one."""
    times: Times = {name: [] for name in contenders}
    names = list(contenders)
    for turn in range(rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            times[name].append(contenders[name]())
    return times


@contextlib.contextmanager
def quiet() -> Generator[None]:
    """Let nothing be seen of what is printed."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


def timed(act: Callable[[], object]) -> float:
    """The seconds that a call takes."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def median(times: Times, name: str) -> float:
    return statistics.median(times[name])


def ratio(times: Times, name: str, base: str) -> float:
    """How many times as long as the base a contender takes: the median over the rounds."""
    return statistics.median(a / b for a, b in zip(times[name], times[base], strict=True))


def above(times: Times, name: str, base: str) -> float:
    """How much longer than the base a contender takes, in seconds: the median over the rounds."""
    return statistics.median(a - b for a, b in zip(times[name], times[base], strict=True))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows as a table that a terminal and Markdown both show as one."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    for row in [head, ["-" * width for width in widths], *rows]:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        print(f"| {' | '.join(cells)} |")
    print()
