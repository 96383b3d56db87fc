"""One state on disk"""

import errno
import io
import os
import pickle
import random
import struct
import subprocess
import sys
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from torch import nn

from tests.unbroken import children
from tests.unbroken.strategies import trees
from unbroken import checkpoint, state
from unbroken.errors import Damaged, Error, Foreign, Hostile, Missing, Unreadable


def tree(**more: Any) -> dict[str, Any]:
    """A state such as a run saves, small."""
    facts = {"epoch": 2, "batch": 1, "step": 7, "seed": 0, "settings": {"lr": 0.1}}
    told = {"journal": {"length": 0, "sha256": ""}, "means": {}, "parameters": {}, "environment": {}}
    return {
        **facts,
        **told,
        "kept": {"mine": [1.5, None]},
        "parameters": {},
        "state_dict": {"w": torch.arange(6.0)},
        **more,
    }


def trained() -> dict[str, Any]:
    """The kept parts of a real loop."""
    model = nn.Linear(3, 2)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)
    model(torch.ones(4, 3)).sum().backward()
    optimizer.step()
    scheduler.step()
    return {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "checkpoint.pt")


@pytest.fixture
def good(path: str) -> str:
    checkpoint.write(tree(), path)
    return path


# ---- written and read


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(trees)
def test_reading_undoes_writing(tmp_path: Path, kept: Any) -> None:
    path = str(tmp_path / f"{len(os.listdir(tmp_path))}.pt")
    checkpoint.write(tree(kept={"any": kept}), path)
    assert state.difference(checkpoint.read(path)["kept"]["any"], kept) is None


def test_a_stock_torch_load_reads_it_without_this_package(path: str) -> None:
    checkpoint.write({**tree(), **checkpoint.layout(state.snapshot(trained()))}, path)
    stock = (
        "import sys, torch\n"
        f"t = torch.load({path!r}, weights_only=True)\n"
        "print(t['epoch'], sorted(t['state_dict']), t['optimizer']['param_groups'][0]['lr'] < 0.1,"
        " t['scheduler']['last_epoch'], [m for m in sys.modules if 'unbroken' in m])"
    )
    ran = subprocess.run([sys.executable, "-c", stock], capture_output=True, text=True, check=False)
    assert ran.stdout.strip() == "2 ['bias', 'weight'] True 1 []", ran.stderr


def test_layout_names_what_the_field_knows_and_parts_undoes_it() -> None:
    parts = {"model": 1, "optimizer": 2, "scheduler": 3, "average": 4}
    laid = checkpoint.layout(parts)
    assert laid == {"state_dict": 1, "optimizer": 2, "scheduler": 3, "kept": {"average": 4}}
    assert checkpoint.parts({**tree(), **laid}) == parts
    assert checkpoint.layout({"average": 4}) == {"kept": {"average": 4}}


def test_every_key_of_a_file_is_reserved(good: str) -> None:
    assert checkpoint.read(good).keys() <= checkpoint.RESERVED


def test_a_zip_reader_finds_the_right_checksum_wherever_one_stands(good: str) -> None:
    """The digest comes into data.pkl when that has been written; its CRC32 stands in the table and behind it."""
    content = Path(good).read_bytes()
    with zipfile.ZipFile(good) as archive:
        assert archive.testzip() is None
        assert archive.infolist()[0].filename.endswith("/data.pkl")
        for info in archive.infolist():
            if data := archive.read(info):
                assert content.count(data + b"PK\x07\x08" + zlib.crc32(data).to_bytes(4, "little")) == 1


def test_writing_never_replaces_a_file(good: str) -> None:
    before = Path(good).read_bytes()
    with pytest.raises(FileExistsError):
        checkpoint.write(tree(), good)
    assert Path(good).read_bytes() == before


def test_no_room_is_an_error_of_the_system() -> None:
    """/dev/full is a disk without room: every write to it fails."""
    with pytest.raises((OSError, RuntimeError)), open("/dev/full", "wb") as full:
        torch.save(tree(), full)


# ---- damage


def readings(path: str, contents: list[bytes], original: dict[str, Any]) -> list[type]:
    """What reading each of these contents gives: the class of its error; values must be the original ones."""
    found: list[type] = []
    for content in contents:
        Path(path).write_bytes(content)
        try:
            assert state.difference(checkpoint.read(path), original) is None, "a changed value, silently"
            found.append(dict)
        except Error as error:
            said = str(error)
            found.append(type(error))
            if "\n" in said or path not in said:
                pytest.fail(f"not one line that names the file: {said}")
    return found


def flipped(content: bytes, bit: int) -> bytes:
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_one_flipped_bit_anywhere_never_gives_a_changed_value(good: str) -> None:
    original, content = checkpoint.load(good), Path(good).read_bytes()
    draw = random.Random(11)
    bits = [draw.randrange(8 * len(content)) for _ in range(150)]
    assert Damaged in readings(good, [flipped(content, bit) for bit in bits], original)


def test_one_flipped_bit_in_the_values_is_always_damage(path: str) -> None:
    values = torch.arange(5000.0)
    checkpoint.write(tree(state_dict={"w": values}), path)
    original, content = checkpoint.load(path), Path(path).read_bytes()
    first, draw = content.index(values.numpy().tobytes()), random.Random(12)
    bits = [8 * first + draw.randrange(8 * 20000) for _ in range(60)]
    assert set(readings(path, [flipped(content, bit) for bit in bits], original)) == {Damaged}


def test_one_flipped_bit_in_the_zips_table_of_contents_is_an_error_of_ours(good: str) -> None:
    original, content = checkpoint.load(good), Path(good).read_bytes()
    table = content.index(b"PK\x01\x02")
    entry = range(8 * table, 8 * (table + 60))  # all of its first entry, and of the end all that points to it
    end = range(8 * content.index(b"PK\x05\x06"), 8 * len(content))
    readings(good, [flipped(content, bit) for bit in [*entry, *end]], original)


def test_a_file_cut_short_is_an_error_of_ours(good: str) -> None:
    content, draw = Path(good).read_bytes(), random.Random(13)
    lengths = [0, 1, 3, 4, 5, len(content) - 1, *(draw.randrange(len(content)) for _ in range(40))]
    found = readings(good, [content[:length] for length in lengths], {})
    assert set(found) == {Damaged, Foreign}
    assert found.count(Foreign) == sum(length < 4 for length in lengths)


def test_a_file_that_grew_at_either_end_is_no_changed_value(good: str) -> None:
    original, content = checkpoint.load(good), Path(good).read_bytes()
    readings(good, [content + b"\0" * 100, b"\0" * 100 + content, content + content], original)


def repacked(path: str, change: Callable[[str, bytes], bytes]) -> None:
    """The same zip with other content and right checksums: what a program that rewrites files would leave."""
    out = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as new:
        for name in old.namelist():
            record = zipfile.ZipInfo(name)
            padding = -(out.tell() + 30 + len(name) + 4) % 64  # torch maps records where they lie
            record.extra = struct.pack("<2H", 0x4246, padding) + b"Z" * padding
            new.writestr(record, change(name, old.read(name)))
    Path(path).write_bytes(out.getvalue())


def test_a_changed_value_under_a_right_checksum_is_found_by_the_digest(good: str) -> None:
    repacked(good, lambda name, data: flipped(data, 40) if name.endswith("/data/0") else data)
    assert torch.load(good, weights_only=True)["state_dict"]["w"][1] != 1.0
    with pytest.raises(Damaged, match="does not match its digest"):
        checkpoint.read(good)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_a_pickle_with_a_flipped_bit_under_a_right_checksum_is_an_error_of_ours(good: str) -> None:
    original, content, draw, repacks = checkpoint.load(good), Path(good).read_bytes(), random.Random(14), []
    for _ in range(150):
        Path(good).write_bytes(content)
        repacked(good, lambda name, data: flipped(data, draw.randrange(8 * len(data))) if "data.pkl" in name else data)
        repacks.append(Path(good).read_bytes())
    readings(good, repacks, original)


def test_a_fact_that_is_missing_is_damage(path: str) -> None:
    checkpoint_of({k: v for k, v in tree().items() if k != "settings"}, path)
    with pytest.raises(Damaged, match="settings is not dict"):
        checkpoint.read(path)


def checkpoint_of(content: dict[str, Any], path: str, version: Any = checkpoint.FORMAT) -> None:
    whole = {"format": version, **content, "saved": time.time()}
    torch.save({**whole, "digest": state.digest(whole)}, path)


# ---- looked at from outside


def replacing(path: str) -> None:
    """Save again and again, as a run does."""
    for step in range(1_000_000):
        weights = {str(n): torch.full((9,), float(step)) for n in range(9)}
        checkpoint.write(tree(step=step, state_dict=weights), path + ".fresh")
        os.replace(path + ".fresh", path)
        print("saved", flush=True)


def test_a_state_that_is_replaced_while_it_is_read_is_read_again(good: str) -> None:
    with children.Child(replacing, good) as run:
        run.until("saved")
        for _ in range(60):
            found = checkpoint.read(good)
            assert found["state_dict"]["8"][8] == found["step"]


# ---- code


class Shell:
    """Runs a command when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.mark}",)


def test_a_zip_whose_pickle_runs_code_is_refused_and_not_run(path: str, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    torch.save({**tree(), "format": 1, "kept": {"mine": Shell(mark)}}, path)
    with pytest.raises(Hostile, match=r"would run code when loaded \(it asks for posix\.system\): refused"):
        checkpoint.read(path)
    assert not mark.exists()


@pytest.mark.parametrize("protocol", [2, 5])
def test_a_bare_pickle_is_refused_and_not_run(path: str, protocol: int, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    Path(path).write_bytes(pickle.dumps(Shell(mark), protocol))
    with pytest.raises(Hostile, match="is a bare pickle, which can run code when loaded: refused"):
        checkpoint.read(path)
    assert not mark.exists()


def test_old_pickles_and_torchs_old_format_are_refused_and_not_run(path: str, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    Path(path).write_bytes(pickle.dumps(Shell(mark), 0))
    with pytest.raises(Foreign):
        checkpoint.read(path)
    torch.save({"a": Shell(mark)}, path, _use_new_zipfile_serialization=False)
    with pytest.raises(Hostile):
        checkpoint.read(path)
    assert not mark.exists()


def test_a_whole_module_is_refused(path: str) -> None:
    torch.save(nn.Linear(1, 1), path)
    with pytest.raises(Hostile, match=r"it asks for torch\.nn\.modules\.linear\.Linear"):
        checkpoint.read(path)


# ---- what is no checkpoint


def other_zip(path: str) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("letter.txt", "dear all")


PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
STRANGE: dict[str, tuple[Callable[[str], object], type[Error], str]] = {
    "missing": (lambda path: None, Missing, "there is no such file; .* holds no .pt file"),
    "missing folder": (lambda path: os.rmdir(os.path.dirname(path)), Missing, "nor a folder"),
    "directory": (os.mkdir, Foreign, "is not a file; name the file itself, such as .*/checkpoint.pt"),
    "empty": (lambda path: Path(path).write_bytes(b""), Foreign, "starts with b''"),
    "text": (lambda path: Path(path).write_text("loss 0.3\n"), Foreign, "starts with b'loss'"),
    "picture": (lambda path: Path(path).write_bytes(PNG), Foreign, "is not a checkpoint"),
    "other zip": (other_zip, Foreign, "is a zip, but torch.save did not write it"),
    "bare state dict": (lambda path: torch.save(nn.Linear(1, 1).state_dict(), path), Foreign, "weights of another"),
    "wrapped state dict": (
        lambda path: torch.save({"state_dict": nn.Linear(1, 1).state_dict()}, path), Foreign, "weights of another",
    ),
    "a tensor": (lambda path: torch.save(torch.ones(1), path), Foreign, "no state of a run"),
    "a newer format": (lambda path: checkpoint_of(tree(), path, 3), Foreign, "format 3; .* install a newer one"),
    "a strange format": (lambda path: checkpoint_of(tree(), path, "one"), Foreign, "format 'one'"),
    "a device": (lambda path: os.symlink("/dev/null", path), Foreign, "is not a file"),
    "a dangling link": (lambda path: os.symlink("nowhere", path), Unreadable, "a link to nowhere"),
}  # fmt: skip


@pytest.mark.parametrize("name", STRANGE)
def test_what_is_no_checkpoint_is_said_in_one_line(name: str, tmp_path: Path) -> None:
    make, kind, words = STRANGE[name]
    (tmp_path / "folder").mkdir()
    path = str(tmp_path / "folder" / "given.pt")
    make(path)
    with pytest.raises(kind, match=words) as refused:
        checkpoint.read(path)
    assert type(refused.value) is kind
    assert "\n" not in str(refused.value)
    assert path in str(refused.value)


def test_a_missing_file_is_answered_with_those_that_are_there(good: str, tmp_path: Path) -> None:
    with pytest.raises(Missing, match=r"no such file; .* holds checkpoint\.pt$"):
        checkpoint.read(str(tmp_path / "chekpoint.pt"))


def test_a_file_that_the_system_does_not_let_us_read_is_unreadable(tmp_path: Path) -> None:
    """The memory of a process that cannot be read at nought stands in for a permission: it holds for root too."""
    path = tmp_path / "mem.pt"
    path.symlink_to("/proc/self/mem")
    with pytest.raises(Unreadable, match="cannot be read: Input/output error"):
        checkpoint.read(str(path))


# ---- the write itself


def writes_without_room(folder: str) -> None:
    large = tree(state_dict={"w": torch.ones(600_000)})  # more than what is held before it is written
    checkpoint.write(tree(), folder + "/first.pt")
    before = len(os.listdir("/proc/self/fd"))
    for room in (0, 300, 20_000, 1_500_000):
        children.disk(room)
        try:
            checkpoint.write(large, f"{folder}/{room}.pt")
        except OSError as reason:
            print(reason.errno == errno.EFBIG, len(os.listdir("/proc/self/fd")) - before)
    children.disk(-1)
    checkpoint.write(large, folder + "/last.pt")


def test_a_failed_write_gives_the_systems_own_reason_and_its_file_back(tmp_path: Path) -> None:
    ended = children.run(writes_without_room, str(tmp_path))
    assert (ended.code, ended.out) == (0, "True 0\n" * 4)
    assert checkpoint.read(str(tmp_path / "last.pt"))["state_dict"]["w"].sum() == 600_000


def test_a_file_that_is_there_is_never_written_over(good: str) -> None:
    before = Path(good).read_bytes()
    with pytest.raises(FileExistsError):
        checkpoint.write(tree(step=8), good)
    assert Path(good).read_bytes() == before
