"""One file from a sharded state, and back"""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.unbroken import larger, tiny, worlds
from unbroken import Gradients, Run, checkpoint, differ, load, state
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


def test_a_sharded_state_is_listed_with_its_shards_and_shown_with_its_tensors(
    sharded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(sharded, tmp_path / "run")
    size = sum(path.stat().st_size for path in (folder / "shards").iterdir().__next__().iterdir())
    assert main(["list", str(folder), "--json"]) == 0
    newest = json.loads(capsys.readouterr().out)[0]
    assert (newest["wrong"], newest["size"]) == (None, size + (folder / "checkpoint.pt").stat().st_size)
    assert main(["show", str(folder)]) == 0
    shown = capsys.readouterr().out
    assert "['0.weight']                 float32 [9, 4]" in shown
    assert main(["show", str(folder), "--json"]) == 0
    capsys.readouterr()
    for shard in (folder / "shards").glob("*/__1_0.distcp"):
        shard.unlink()
    assert main(["list", str(folder)]) == 0
    assert "__1_0.distcp is missing" in capsys.readouterr().out
    assert main(["verify", str(folder)]) == 1


def test_a_sharded_state_gives_its_weights_to_a_new_run_sharded_or_not(sharded: Path, tmp_path: Path) -> None:
    source = str(sharded / "checkpoint.pt")
    for size in (2, 1):
        lead = worlds.good(size, born, str(tmp_path / str(size)), source)[0]
        assert f"Initialised from {source}: 12 of the model's 12 tensors" in lead
        assert "the weights are those of the file" in lead


def born(folder: str, source: str) -> None:
    wanted, kept = load(source)["state_dict"], dict[str, Any]()

    def inside(epoch: object) -> None:
        if kept:
            live = {name: whole(tensor) for name, tensor in kept.pop("model").state_dict().items()}
            print("the weights are those of the file", state.difference(wanted, live) or "", file=sys.stderr)
            assert state.difference(wanted, live) is None
            kept.clear()

    larger.train(Path(folder), epochs=1, inside=inside, kept=kept, init_from=source)


def whole(tensor: Any) -> torch.Tensor:
    return tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor


def test_what_a_start_would_do_is_explained_and_nothing_is_changed(sharded: Path) -> None:
    before = {path: path.read_bytes() for path in sharded.rglob("*") if path.is_file()}
    lead, other = worlds.good(2, explained, str(sharded))
    assert "goes on from" in lead
    assert "Loaded optimizer state" in lead
    assert other == ""
    assert {path: path.read_bytes() for path in sharded.rglob("*") if path.is_file()} == before


def explained(folder: str) -> None:
    larger.train(Path(folder), epochs=3, explain=True)


def test_gradients_between_two_steps_are_sharded_too(tmp_path: Path) -> None:
    """Accumulated over two batches, stopped between them, taken up."""
    worlds.good(2, accumulated, str(tmp_path / "peace"), 0)
    worlds.good(2, accumulated, str(tmp_path / "run"), 3)
    tree = checkpoint.read(str(tmp_path / "run" / "checkpoint.pt"))
    assert "kept.gradients.weight" in tree["shards"]["tensors"]
    worlds.good(2, accumulated, str(tmp_path / "run"), 0)
    assert differ.difference(*(str(tmp_path / name / "checkpoint.pt") for name in ("peace", "run"))) is None


def accumulated(folder: str, leave: int) -> None:
    with Run(folder, tiny.feed(), epochs=2) as run:
        model = torch.nn.Linear(4, 3)
        run.parallel(model, shard=True)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
        run.keep(model=model, optimizer=optimizer, gradients=Gradients(model))
        for epoch in run:
            for batch in epoch:
                model(batch.float()).square().mean().backward()
                if epoch.step % 2:
                    optimizer.step()
                    optimizer.zero_grad()
                if epoch.step + 1 == leave:
                    return
