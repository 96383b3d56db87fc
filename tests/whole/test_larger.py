"""States that one process does not hold: killed, resharded, damaged, tampered with"""

import os
import pickle
import shutil
import signal
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.unbroken import larger, worlds
from tests.whole import calls
from unbroken import Error, differ, load, manifest, outline, ranks, shelf, state, testing


def job(folder: str, who: int = 0, moment: str = "", epochs: int = 2) -> None:
    """The loop; the process of this number dies where its moment has come."""
    mine = int(os.environ["RANK"]) == who and bool(moment)
    os.environ[testing.DIE_AT] = moment if mine else ""
    ranks.LOST = 0.5  # who leaves with an error, since another one is dead, waits no longer for its note
    with calls.watched(folder, calls.mortal) if mine else nullcontext():
        larger.train(Path(folder), epochs=epochs, patience=60)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = str(tmp_path_factory.mktemp("undisturbed") / "run")
    worlds.good(2, job, folder)
    return folder


def copied(folder: str, to: Path) -> str:
    return str(shutil.copytree(folder, to, dirs_exist_ok=True))


def newest(folder: str) -> str:
    return os.path.join(folder, "checkpoint.pt")


def shards(folder: str, path: str = "checkpoint.pt") -> Path:
    found = manifest.of(outline.read(os.path.join(folder, path)))
    assert found is not None
    return Path(folder, found.folder)


@pytest.mark.parametrize(
    ("who", "moment"),
    [
        (0, "inside write __0_0.distcp 1"),
        (0, "before call 40"),
        (0, "before replace checkpoint.pt.unbroken-tmp 2"),
        (0, "after replace checkpoint.pt.unbroken-tmp 3"),
        (0, "before call 110"),
        (0, "after call 135"),
        (1, "after fsync __1_0.distcp 2"),
    ],
)
def test_killed_in_the_middle_of_a_save_it_goes_on_bit_for_bit(
    who: int, moment: str, undisturbed: str, tmp_path: Path
) -> None:
    ended = worlds.run(2, job, str(tmp_path), who, moment)
    assert ended[who].code == -signal.SIGKILL, ended[who].out
    worlds.good(2, job, str(tmp_path))
    assert testing.compare(undisturbed, str(tmp_path)) == []
    assert testing.records(undisturbed) == testing.records(str(tmp_path))
    assert len(os.listdir(tmp_path / "shards")) == 2  # what the dead one left is swept


def test_a_signal_that_one_process_hears_stops_all_with_one_state(undisturbed: str, tmp_path: Path) -> None:
    stopped = worlds.run(2, signalled, str(tmp_path))
    assert [each.code for each in stopped] == [128 + signal.SIGTERM] * 2, stopped[0].out
    assert "saved in" in stopped[0].out
    assert load(newest(str(tmp_path)))["step"] < 12
    worlds.good(2, job, str(tmp_path))
    assert testing.compare(undisturbed, str(tmp_path)) == []


def signalled(folder: str) -> None:
    def inside(epoch: Any) -> None:
        if epoch.step == 2 and os.environ["RANK"] == "1":
            os.kill(os.getpid(), signal.SIGTERM)

    larger.train(Path(folder), inside=inside)


def test_other_numbers_of_processes_take_up_what_was_saved_bit_for_bit(undisturbed: str, tmp_path: Path) -> None:
    folder = copied(undisturbed, tmp_path / "run")
    saved = load(newest(folder))
    for size, epochs in ((3, 3), (1, 4), (2, 5)):
        for out in worlds.good(size, taken_up, folder, epochs):
            assert out.endswith(f"took up epoch {epochs - 1} bit for bit\n")
    assert load(newest(folder))["epoch"] == 5
    assert state.difference(saved["state_dict"], load(newest(folder))["state_dict"]) is not None


def taken_up(folder: str, epochs: int) -> None:
    """Go on for an epoch, and hold what the parts have at its beginning against the state, slice for slice."""
    saved = load(newest(folder))
    parts: dict[str, Any] = {}

    def inside(epoch: Any) -> None:
        if epoch.position.batch == 0:
            for name, key in (("model", "state_dict"), ("optimizer", "optimizer")):
                live = state.snapshot(parts[name].state_dict(), lambda tensor, path: everywhere(tensor))
                assert state.difference(saved[key], live) is None, name

    larger.train(Path(folder), epochs=epochs, inside=inside, kept=parts)
    print(f"took up epoch {saved['epoch']} bit for bit")


def everywhere(tensor: Any) -> torch.Tensor:
    return tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor


def test_a_shard_that_is_left_out_is_seen_and_the_state_before_goes_on_to_the_same_bits(
    undisturbed: str, tmp_path: Path
) -> None:
    copied(undisturbed, tmp_path)
    (shards(str(tmp_path)) / "__1_0.distcp").unlink()
    lead, _ = worlds.good(2, job, str(tmp_path))
    assert "__1_0.distcp is missing; set aside as" in lead
    assert "checkpoint.pt.damaged" in lead
    assert testing.compare(undisturbed, str(tmp_path)) == []


def test_a_flipped_bit_that_another_process_reads_is_seen(undisturbed: str, tmp_path: Path) -> None:
    copied(undisturbed, tmp_path)
    path = shards(str(tmp_path)) / "__0_0.distcp"  # the second of the names in order: process 1 looks at it
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)
    lead, _ = worlds.good(2, job, str(tmp_path))
    assert "__0_0.distcp does not match its hash; set aside as" in lead
    assert testing.compare(undisturbed, str(tmp_path)) == []


def test_values_that_changed_under_a_true_hash_would_be_seen_to_differ(undisturbed: str, tmp_path: Path) -> None:
    """The control of all comparisons here: shards of another epoch, vouched for as if they were these."""
    copied(undisturbed, tmp_path)
    tree = torch.load(newest(str(tmp_path)), weights_only=True)
    before = torch.load(tmp_path / "checkpoint.prev.pt", weights_only=True)
    put({**tree, "shards": before["shards"]}, tmp_path)
    found = differ.difference(newest(undisturbed), newest(str(tmp_path)))
    assert found is not None
    assert found.leaf.startswith((".state_dict", ".optimizer"))


def test_a_metadata_that_means_harm_is_refused_in_one_line_and_nothing_runs(undisturbed: str, tmp_path: Path) -> None:
    copied(undisturbed, tmp_path)
    path = shards(str(tmp_path)) / ".metadata"
    evil = b"\x80\x04cos\nsystem\n(V" + f"touch {tmp_path}/ran".encode() + b"\ntR."
    path.write_bytes(evil)
    tree = torch.load(newest(str(tmp_path)), weights_only=True)
    tree["shards"]["files"][".metadata"] = list(manifest.hashed(str(path)))  # who can write one can write the other
    put(tree, tmp_path)
    ended = worlds.run(2, mended, str(tmp_path))
    assert [each.code for each in ended] == [2, 2], ended[0].out
    assert ended[0].out.splitlines()[-1] == f"error: {path} would run code when loaded (it asks for os.system): refused"
    assert not (tmp_path / "ran").exists()
    pickle.loads(evil)  # noqa: S301 (the control: it would have)
    assert (tmp_path / "ran").exists()


def mended(folder: str) -> None:
    """As the scripts do it: an error is one line and exit code 2."""
    try:
        job(folder, epochs=3)
    except Error as reason:
        print(f"error: {reason}")
        raise SystemExit(2) from None


def put(tree: dict[str, Any], folder: Path) -> None:
    os.remove(folder / "checkpoint.pt")
    shelf.put({k: v for k, v in tree.items() if k not in ("digest", "saved", "format")}, newest(str(folder)))
