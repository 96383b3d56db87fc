"""Compare what two runs left"""

from pathlib import Path

from tests.unbroken.test_checkpoint import tree
from unbroken import checkpoint, testing


def written(path: Path, **more: object) -> str:
    checkpoint.write(tree(**more), str(path))
    return str(path)


def test_records_are_compared_without_their_times(tmp_path: Path) -> None:
    for name, second in (("a", 1), ("b", 2)):
        (tmp_path / name).mkdir()
        line = f'{{"at": "step", "loss": 0.1, "time": {{"unix": {second}}}}}\n'
        (tmp_path / name / "journal.jsonl").write_text(line)
    assert testing.records(str(tmp_path / "a")) == testing.records(str(tmp_path / "b")) == [
        '{"at": "step", "loss": 0.1}'
    ]  # fmt: skip
