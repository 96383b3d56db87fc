"""All processes save one sharded state"""

import os
from pathlib import Path

import pytest

from tests.unbroken import children, larger, worlds
from unbroken import Every, Keep, checkpoint, load, manifest, outline, ranks
from unbroken.epoch import Epoch


def shards(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "shards").iterdir())


def needed(path: Path) -> str:
    found = manifest.of(outline.read(str(path)))
    assert found is not None
    return Path(found.folder).name


def test_a_state_holds_no_sharded_tensor_and_says_where_they_lie(tmp_path: Path) -> None:
    lead, other = worlds.good(2, larger.train, tmp_path)
    assert (lead.count("Finished"), other) == (1, "")
    tree = checkpoint.read(str(tmp_path / "checkpoint.pt"))
    assert (tree["format"], tree["state_dict"]["0.weight"]) == (2, None)
    assert sorted(tree["shards"]["files"]) == [".metadata", "__0_0.distcp", "__1_0.distcp"]
    assert tree["shards"]["tensors"]["optimizer.state.0.exp_avg"]["shape"] == [9, 4]
    whole = load(str(tmp_path / "checkpoint.pt"))
    assert (whole["format"], "shards" in whole, whole["state_dict"]["0.weight"].shape) == (1, False, (9, 4))


def test_only_the_shards_stay_that_a_state_speaks_of(tmp_path: Path) -> None:
    worlds.good(2, sparing, tmp_path)
    states = [tmp_path / "checkpoint.pt", tmp_path / "checkpoint.prev.pt", tmp_path / "checkpoints" / "E004_net.pt"]
    assert shards(tmp_path) == sorted({needed(path) for path in states})
    assert needed(states[0]) == needed(states[2])  # a snapshot shares the shards of the state that it is


def sparing(folder: Path) -> None:
    larger.train(folder, epochs=4, snapshots=Keep(every=2, latest=1))


def test_a_disk_that_one_process_cannot_write_to_costs_no_state_and_the_next_save_tries_again(tmp_path: Path) -> None:
    lead, _ = worlds.good(2, full, tmp_path)
    assert lead.count("could not be saved") >= 1, lead
    assert "process 1 could not write its shards: [Errno 27] File too large" in lead
    assert "Finished: all 3 epochs are done, saved in" in lead
    assert load(str(tmp_path / "checkpoint.pt"))["epoch"] == 3
    assert len(shards(tmp_path)) == 2


def full(folder: Path) -> None:
    def inside(epoch: Epoch) -> None:
        if os.environ["RANK"] == "1" and epoch.position.batch == 1:
            children.disk(1000 if epoch.position.epoch == 0 else -1)

    larger.train(folder, epochs=3, inside=inside, save=Every(background=False))


def test_saved_in_the_middle_of_epochs_a_run_of_any_length_does_not_outgrow_its_disk(tmp_path: Path) -> None:
    worlds.good(2, often, tmp_path)
    assert len(shards(tmp_path)) == 2


def often(folder: Path) -> None:
    larger.train(folder, epochs=3, save=Every(minutes=1e-4, stall=1.0))


@pytest.mark.parametrize("lost", [False, True])
def test_a_process_that_says_nothing_is_not_waited_for_without_end(lost: bool) -> None:
    lead, _ = worlds.good(2, silent, lost)
    assert lead == "another process said nothing of its part of the state: is it alive?\n"


def silent(lost: bool) -> None:
    with ranks.joined(600 if lost else 1) as world:
        if world.lead:
            world.lost, ranks.LOST = lost, 1.0
            try:
                world.notes(["unbroken/never"])
            except OSError as reason:
                print(reason)
        ranks.dist.barrier() if lost else None
