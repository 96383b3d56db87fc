"""Which shards may go"""

from pathlib import Path

import torch

from unbroken import checkpoint
from unbroken.places import Places
from unbroken.sweep import Sweep


def sharded(path: Path, name: str, work_dir: Path | None = None) -> None:
    files = {".metadata": [1, "0" * 64]}
    tree = {
        "epoch": 1, "batch": 0, "step": 1, "seed": 0, "settings": {}, "journal": {}, "kept": {}, "means": {},
        "parameters": {}, "environment": {}, "state_dict": {"w": torch.ones(1), "v": None},
        "shards": {
            "folder": f"shards/{name}", "files": files,
            "tensors": {"state_dict.v": {"at": ["state_dict", "v"], "dtype": "float32", "shape": [1], "dim": 0}},
        },
    }  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    checkpoint.write(tree, str(path))
    ((work_dir or path.parent) / "shards" / name).mkdir(parents=True, exist_ok=True)


def surplus(sweep: Sweep) -> list[str]:
    return [Path(path).name for path in sweep.surplus()]


def test_a_work_dir_without_shards_has_none_to_spare(tmp_path: Path) -> None:
    assert surplus(Sweep(Places(tmp_path))) == []


def test_only_what_no_state_speaks_of_may_go(tmp_path: Path) -> None:
    sweep = Sweep(Places(tmp_path))
    sharded(tmp_path / "checkpoint.pt", "new")
    sharded(tmp_path / "checkpoint.prev.pt", "old")
    sharded(tmp_path / "checkpoint.pt.damaged", "aside")
    sharded(tmp_path / "checkpoints" / "E001_net.pt", "kept", tmp_path)
    (tmp_path / "shards" / "killed").mkdir()
    assert surplus(sweep) == ["killed"]
    sharded(tmp_path / "checkpoint.prev.pt", "new")  # which is known no longer by what it was
    assert surplus(sweep) == ["killed", "old"]


def test_while_a_damaged_state_cannot_say_which_are_its_own_all_that_were_there_stay(tmp_path: Path) -> None:
    sharded(tmp_path / "checkpoint.pt", "new")
    (tmp_path / "shards" / "whose").mkdir()
    (tmp_path / "checkpoint.pt.damaged").write_bytes(b"PK?")
    sweep = Sweep(Places(tmp_path))
    assert surplus(sweep) == []
    (tmp_path / "shards" / "later").mkdir()
    assert surplus(sweep) == ["later"]
