"""The benchmarks run, in their short form, and print their tables; how fast anything is, no test can say"""

import re
import runpy
import sys

import pytest

from tests.whole import browser

LINES = {
    "ablations": [r"\| ours "],
    "drift": [r"\| sums alone \| +2, virtual ranks 4 \| +0 \| +0 \|"],  # not a bit
    "draw": [
        r"\| a step, balls found in it ",
        r"\| drawing its batch, cold ",
        r"\| 1 ",
        r"\| a grasp's labels on 2,048 points ",
    ],
    "fit": [r"\| the true hand ", r"\| fit ", r"\| fit, blurred, no directions "],
    "growth": [r"\| 1 MB ", r"\| 4 MB "],
    "leaves": [r"\| 40 ", r"\| 160 "],
    "loop": [r"\| bare DataLoader loop ", r"\| unbroken ", r"\| 256 "],
    "memory": [r"\| tiny "],
    "page": [r"\| alone ", r"\| beside 1 busy "],
    "plan": [r"killed \d+ times", r"\| the real campaign ", r"\| the plan, for these very kills, ", r"\| Young/Daly, "],
    "resume": [r"\| unbroken .* \| +32 \| +yes \|"],  # resumed at 90 %, it read one batch, and that was the right one
    "shards": [r"\| unbroken: the seam, again ", r"\| dcp.save ", r"\| dcp.async_save, again "],
    "stall": [r"\| unbroken: the seam ", r"\| torch.save and fsync ", r"\| a tiny step"],
    "world": [r"\| bare DDP loop ", r"\| unbroken ", r"\| 2 ", r"\| 2 processes, 1 thread each "],
    "train": [r"matrix peak: ", r"\| tiny ", r"\| full at batch 8 ", r"\| encoder "],
    "start": [r"\| import torch ", r"\| the same in an unbroken.Run "],
}
"""What lines of each benchmark's tables look like."""


@pytest.mark.parametrize("name", LINES)
def test_a_benchmark_prints_its_table(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if name == "page" and (missing := browser.missing()):
        pytest.skip(missing)
    printed = short(name, monkeypatch, capsys)
    for line in ["machine: ", "versions: Python 3", *LINES[name]]:
        assert re.search(f"^{line}", printed, re.MULTILINE), printed


def short(name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """What `python -m benchmarks.NAME --quick` prints."""
    monkeypatch.setattr(sys, "argv", [name, "--quick"])
    monkeypatch.delitem(sys.modules, f"benchmarks.{name}", raising=False)  # another test may have imported it
    runpy.run_module(f"benchmarks.{name}", run_name="__main__")
    return capsys.readouterr().out
