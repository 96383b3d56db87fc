"""The benchmarks run, in their short form, and print their tables; how fast anything is no test can say"""

import runpy
import sys

import pytest

TABLES = {
    "growth": ["| state ", "| 1 MB ", "| 4 MB "],
    "loop": ["| bare DataLoader loop ", "| unbroken ", "| 256 "],
    "resume": ["| unbroken "],
    "stall": ["| unbroken: the seam ", "| torch.save and fsync ", "| a tiny step "],
    "start": ["| import torch ", "| the same in an unbroken.Run "],
}
"""What the lines of each benchmark's tables begin with."""


@pytest.mark.parametrize("name", TABLES)
def test_a_benchmark_prints_its_table(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = short(name, monkeypatch, capsys)
    assert "machine: " in printed
    assert "versions: Python 3" in printed
    for line in TABLES[name]:
        assert f"\n{line}" in printed, printed


def short(name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """What `python -m benchmarks.NAME --quick` prints."""
    monkeypatch.setattr(sys, "argv", [name, "--quick"])
    runpy.run_module(f"benchmarks.{name}", run_name="__main__")
    return capsys.readouterr().out
