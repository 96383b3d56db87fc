"""Compare what two runs left"""

import os
from pathlib import Path

import pytest
import torch

from tests.unbroken.test_checkpoint import tree
from unbroken import checkpoint, testing
from unbroken.errors import Damaged


def written(path: Path, **more: object) -> str:
    checkpoint.write(tree(**more), str(path))
    return str(path)


def test_two_states_of_the_same_training_do_not_differ(tmp_path: Path) -> None:
    """Of another session may be the machine, the times in the journal, and settings that change no number."""
    one = {"environment": {"torch": "2.12"}, "journal": {"length": 5, "sha256": "x"}, "settings": {"workers": 1}}
    other = {"environment": {"torch": "2.13"}, "journal": {"length": 6, "sha256": "y"}, "settings": {"workers": 2}}
    a, b = written(tmp_path / "a.pt", **one), written(tmp_path / "b.pt", **other)
    assert testing.difference(a, b) is None


@pytest.mark.parametrize(
    ("more", "leaf"),
    [
        ({"state_dict": {"w": torch.arange(6.0) + torch.tensor([0, 0, 0, 0, 0, 1e-6])}}, ".state_dict.w"),
        ({"step": 8}, ".step"),
        ({"means": {"sums": {}}}, ".means"),
        ({"kept": {"mine": [1.5, 0]}}, ".kept.mine[1]"),
    ],
)
def test_the_first_leaf_that_differs_is_named(more: dict[str, object], leaf: str, tmp_path: Path) -> None:
    assert testing.difference(written(tmp_path / "a.pt"), written(tmp_path / "b.pt", **more)) == leaf


def test_a_damaged_state_is_not_compared(tmp_path: Path) -> None:
    a, b = written(tmp_path / "a.pt"), written(tmp_path / "b.pt")
    os.truncate(b, os.path.getsize(b) - 1)
    with pytest.raises(Damaged):
        testing.difference(a, b)


def test_records_are_compared_without_their_times(tmp_path: Path) -> None:
    for name, second in (("a", 1), ("b", 2)):
        (tmp_path / name).mkdir()
        line = f'{{"at": "step", "loss": 0.1, "time": {{"unix": {second}}}}}\n'
        (tmp_path / name / "journal.jsonl").write_text(line)
    assert testing.records(str(tmp_path / "a")) == testing.records(str(tmp_path / "b")) == [
        '{"at": "step", "loss": 0.1}'
    ]  # fmt: skip
