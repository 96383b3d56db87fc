"""Shards on disk: written by some processes, read by others"""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch.distributed.checkpoint.filesystem import FileSystemReader
from torch.distributed.checkpoint.state_dict_loader import load

from unbroken import manifest, shards
from unbroken.errors import Damaged, Hostile
from unbroken.manifest import Absent, Manifest
from unbroken.shards import Receipt
from unbroken.slices import Slice, begins

TENSORS = {
    "w": torch.randn(7, 3),
    "short": torch.arange(2.0),
    "half": torch.randn(5, 2).bfloat16(),
    "nan": torch.tensor([float("nan"), -0.0]),
}
ABSENT = {n: Absent(n, (n,), str(t.dtype).removeprefix("torch."), tuple(t.shape), 0) for n, t in TENSORS.items()}


def sliced(rank: int, size: int) -> dict[str, Slice]:
    def cut(name: str, tensor: torch.Tensor) -> Slice:
        start, end = (begins(len(tensor), r, size) for r in (rank, rank + 1))
        return Slice(ABSENT[name], (start, *(0 for _ in tensor.shape[1:])), tensor[start:end])

    return {name: cut(name, tensor) for name, tensor in TENSORS.items()}


def written(folder: Path, size: int) -> Manifest:
    receipts = [Receipt.of(shards.write(str(folder), rank, sliced(rank, size)).text()) for rank in range(size)]
    return Manifest("shards/x", shards.commit(str(folder), ABSENT, receipts), ABSENT)


def rooms() -> dict[str, torch.Tensor]:
    return {name: torch.empty_like(tensor) for name, tensor in TENSORS.items()}


@pytest.mark.parametrize("size", [1, 2, 3, 9])
def test_what_any_number_of_processes_wrote_is_read_bit_for_bit(size: int, tmp_path: Path) -> None:
    told, found = written(tmp_path, size), rooms()
    shards.read(str(tmp_path), told, found)
    for name, tensor in TENSORS.items():
        assert torch.equal(found[name].view(torch.uint8), tensor.view(torch.uint8)), name
    assert told.files == {path.name: manifest.hashed(str(path)) for path in tmp_path.iterdir()}


@pytest.mark.filterwarnings("ignore:torch.distributed is disabled")
def test_dcp_itself_reads_them(tmp_path: Path) -> None:
    written(tmp_path, 2)
    found = rooms()
    load(found, storage_reader=FileSystemReader(tmp_path), no_dist=True)
    assert torch.equal(found["w"], TENSORS["w"])


def test_the_same_state_makes_the_same_files(tmp_path: Path) -> None:
    assert written(tmp_path / "a", 2) == written(tmp_path / "b", 2)


def test_a_process_that_has_nothing_of_it_writes_nothing(tmp_path: Path) -> None:
    assert shards.write(str(tmp_path), 8, sliced(8, 9)) == Receipt([], {})


def test_slices_that_do_not_make_up_the_tensors_are_no_state(tmp_path: Path) -> None:
    receipts = [shards.write(str(tmp_path), rank, sliced(rank, 3)) for rank in (0, 1)]
    with pytest.raises(Damaged, match="hold 18 of the values of w"):
        shards.commit(str(tmp_path), ABSENT, receipts)


def test_a_file_that_the_lead_does_not_see_is_no_state(tmp_path: Path) -> None:
    receipts = [shards.write(str(tmp_path), rank, sliced(rank, 2)) for rank in (0, 1)]
    (tmp_path / "__1_0.distcp").unlink()
    with pytest.raises(Damaged, match="do all processes see one work dir"):
        shards.commit(str(tmp_path), ABSENT, receipts)


def test_a_disk_that_gives_back_other_bytes_is_found_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real: Callable[..., torch.Tensor] = torch.load
    monkeypatch.setattr(torch, "load", lambda *a, **k: real(*a, **k).add_(1))  # pyright: ignore
    with pytest.raises(Damaged, match="read back differently"):
        shards.write(str(tmp_path), 0, sliced(0, 2))


def test_a_description_that_leads_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    told = written(tmp_path, 2)
    fewer = Manifest(told.folder, {name: said for name, said in told.files.items() if "__1" not in name}, ABSENT)
    with pytest.raises(Damaged, match=r"it names __1_0\.distcp, which is none of the shards"):
        shards.read(str(tmp_path), fewer, rooms())


def test_what_the_shards_do_not_hold_is_said_in_one_line(tmp_path: Path) -> None:
    told = written(tmp_path, 2)
    for wanted in ({"other": torch.empty(1)}, {"w": torch.empty(7, 4)}):
        with pytest.raises(Damaged, match="do not hold what is wanted: ") as refused:
            shards.read(str(tmp_path), told, wanted)
        assert "\n" not in str(refused.value)


def test_code_in_a_shard_does_not_run(tmp_path: Path) -> None:
    from tests.unbroken.test_metadata import Evil  # noqa: PLC0415

    told, evil = written(tmp_path, 1), tmp_path / "evil"
    torch.save(Evil, evil)  # a class by its name is refused already
    content = evil.read_bytes()
    shard = tmp_path / "__0_0.distcp"
    shard.write_bytes(content + shard.read_bytes()[len(content) :])
    with pytest.raises((Damaged, Hostile), match="do not hold what is wanted"):
        shards.read(str(tmp_path), told, rooms())
