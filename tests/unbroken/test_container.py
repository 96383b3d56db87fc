"""The zip that a checkpoint is"""

import os
import struct
import zipfile
from pathlib import Path

import pytest
import torch

from tests.unbroken import hostile
from tests.unbroken.test_checkpoint import flipped
from unbroken import container
from unbroken.errors import Damaged, Foreign, Unreadable


@pytest.fixture
def path(tmp_path: Path) -> str:
    path = str(tmp_path / "checkpoint.pt")
    Path(path).write_bytes(hostile.saved({"w": torch.arange(6.0), "none": torch.ones(0)}))
    return path


def test_it_finds_the_records_that_another_reader_of_zips_finds(path: str) -> None:
    found = container.read(path)
    with zipfile.ZipFile(path) as other:
        theirs = {name.partition("/")[2]: other.read(name) for name in other.namelist()}
    assert {name: found.content(name) for name in found.records} == theirs
    assert {"data.pkl", "data/0", "data/1", "version", "byteorder"} <= theirs.keys()
    assert found.size == os.path.getsize(path)


def test_it_finds_them_where_torch_finds_them(path: str) -> None:
    reader = torch.PyTorchFileReader(path)
    found = container.read(path).records
    assert {name: reader.get_record_offset(name) for name in found} == {name: r.start for name, r in found.items()}


def test_a_file_of_another_program_that_writes_zips_is_read_too(path: str) -> None:
    Path(path).write_bytes(hostile.archive(hostile.parts(Path(path).read_bytes())))
    assert container.read(path).content("data/0") == torch.arange(6.0).numpy().tobytes()


def test_numbers_of_sixty_four_bits_are_read_where_torch_reads_them(path: str) -> None:
    """As a file of more than four thousand million bytes has them."""
    Path(path).write_bytes(hostile.changed(data_0={"wide": True}, version={"wide": True}))
    found = container.read(path)
    assert found.content("data/0") == torch.arange(6.0).numpy().tobytes()
    assert found.records["data/0"].start == torch.PyTorchFileReader(path).get_record_offset("data/0")


def test_a_number_of_sixty_four_bits_that_is_missing_is_damage(path: str) -> None:
    content = hostile.changed(data_0={"wide": True})
    Path(path).write_bytes(content.replace(struct.pack("<2H", 1, 24), struct.pack("<2H", 2, 24)))
    with pytest.raises(Damaged, match="a number of its table is missing"):
        container.read(path)


def test_content_is_verified_by_its_checksum(path: str) -> None:
    content = Path(path).read_bytes()
    found = container.read(path)
    Path(path).write_bytes(flipped(content, 8 * found.records["data/0"].start + 5))
    container.read(path)  # the digest looks after tensors
    with pytest.raises(Damaged, match="the bytes of data/0 do not match their CRC32"):
        found.content("data/0")
    Path(path).write_bytes(flipped(content, 8 * found.records["version"].start + 1))
    with pytest.raises(Damaged, match="the bytes of version do not match their CRC32"):
        container.read(path)


def test_a_record_that_is_not_there_is_damage(path: str) -> None:
    with pytest.raises(Damaged, match="it has no data/9"):
        container.read(path).content("data/9")


def test_every_field_of_the_table_is_as_torch_writes_it_or_changes_nothing(path: str) -> None:
    """Two readers see one thing: whatever bit of an entry or of the end is flipped, torch finds the same records."""
    content = Path(path).read_bytes()
    entry, end = content.index(b"PK\1\2"), content.index(b"PK\6\6")
    for bit in [*range(8 * entry, 8 * (entry + 62)), *range(8 * end, 8 * len(content))]:
        Path(path).write_bytes(flipped(content, bit))
        try:
            found = container.read(path)
            ours = {name: found.content(name) for name in found.records}
        except (Damaged, Foreign):
            continue
        reader = torch.PyTorchFileReader(path)
        assert all(reader.get_record(name) == data for name, data in ours.items() if data), bit


def test_a_machine_with_another_order_of_bytes_is_named(path: str) -> None:
    Path(path).write_bytes(hostile.changed(byteorder={"content": b"big"}))
    with pytest.raises(Foreign, match="was written on a machine with another order of bytes"):
        container.read(path)


def test_a_zip_of_something_else_is_foreign(path: str) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("word/document.xml", "<w:document/>")
    with pytest.raises(Foreign, match=r"is a zip, but torch\.save did not write it: it has no data\.pkl"):
        container.read(path)


def test_a_file_that_cannot_be_read_is_unreadable(path: str) -> None:
    os.remove(path)
    os.symlink("/proc/self/mem", path)
    with pytest.raises(Unreadable, match="cannot be read: Input/output error"):
        container.read(path)
