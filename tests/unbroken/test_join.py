"""One file from a sharded state, and back"""

from pathlib import Path

import pytest
import torch

from tests.unbroken import larger, tiny, worlds
from unbroken import Run, checkpoint, differ, load
from unbroken.__main__ import main


@pytest.fixture(scope="module")
def sharded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sharded") / "run"
    worlds.good(2, larger.train, folder)
    return folder


def test_joined_a_state_is_an_ordinary_file_that_one_process_goes_on_from(
    sharded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    single = tmp_path / "run" / "checkpoint.pt"
    assert main(["join", str(sharded), str(single)]) == 0
    assert "as one process saves it" in capsys.readouterr().out
    found = torch.load(single, weights_only=True)
    assert (found["format"], found["state_dict"]["0.weight"].shape) == (1, (9, 4))
    assert found["optimizer"]["state"][0]["exp_avg"].shape == (9, 4)
    assert not (tmp_path / "run" / "shards").exists()
    assert main(["diff", str(sharded), str(single)]) == 0
    assert main(["verify", str(sharded), str(single)]) == 0
    capsys.readouterr()
    larger.train(tmp_path / "run", epochs=3)
    assert "Loaded optimizer state\nLoad model from" in capsys.readouterr().out


@pytest.mark.parametrize("parts", [1, 3])
def test_split_and_joined_it_is_what_it_was(parts: int, sharded: Path, tmp_path: Path) -> None:
    single, again = tmp_path / "single.pt", tmp_path / "again.pt"
    assert main(["join", str(sharded), str(single)]) == 0
    assert main(["split", str(single), str(tmp_path / "split"), "--parts", str(parts)]) == 0
    tree = checkpoint.read(str(tmp_path / "split" / "checkpoint.pt"))
    assert (tree["format"], len(tree["shards"]["files"])) == (2, 1)  # every tensor of it is small
    assert main(["join", str(tmp_path / "split"), str(again)]) == 0
    assert differ.difference(str(single), str(again)) is None
    assert differ.difference(str(sharded / "checkpoint.pt"), str(tmp_path / "split" / "checkpoint.pt")) is None


def test_large_tensors_of_a_single_file_lie_in_shards_and_every_process_reads_its_slices(tmp_path: Path) -> None:
    wide(tmp_path / "one", 1)
    assert main(["split", str(tmp_path / "one"), str(tmp_path / "split"), "--parts", "3"]) == 0
    assert (tmp_path / "split" / "journal.jsonl").exists()
    tree = checkpoint.read(str(tmp_path / "split" / "checkpoint.pt"))
    assert tree["shards"]["tensors"].keys() >= {"state_dict.weight", "optimizer.state.0.exp_avg"}
    assert tree["state_dict"]["bias"].shape == (99,)  # too small to be worth it
    lead, _ = worlds.good(2, wide, tmp_path / "split", 2)
    assert "Loaded optimizer state" in lead
    assert "no journal" not in lead


def test_a_single_file_is_gone_on_from_by_several_processes_that_shard_it(tmp_path: Path) -> None:
    wide(tmp_path, 1)
    lead, _ = worlds.good(2, wide, tmp_path, 2)
    assert "from 1 processes to 2" in lead
    assert "Load model from" in lead
    assert load(str(tmp_path / "checkpoint.pt"))["epoch"] == 2
    assert "shards" in checkpoint.read(str(tmp_path / "checkpoint.pt"))


def wide(folder: Path, epochs: int) -> None:
    with Run(str(folder), tiny.feed(), epochs=epochs, allow=["threads"]) as run:
        model = torch.nn.Linear(4, 99)
        run.parallel(model, shard=True)
        optimizer = torch.optim.Adam(model.parameters())
        run.keep(model=model, optimizer=optimizer)
        for epoch in run:
            for batch in epoch:
                optimizer.zero_grad()
                model(batch.float()).square().mean().backward()
                optimizer.step()


def test_what_is_there_is_not_written_over(sharded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, told in (
        (["join", str(sharded), str(sharded / "checkpoint.pt")], "is there already"),
        (["split", str(sharded), str(sharded)], "holds a run already"),
        (["split", str(sharded), str(tmp_path / "new")], "lies in shards already"),
        (["join", str(tmp_path), str(tmp_path / "new.pt")], "holds no state"),
    ):
        assert main(words) == 2
        assert told in capsys.readouterr().err
