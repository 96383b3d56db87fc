"""The zip that a checkpoint is"""

import os
import re
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


def stored(path: str, name: str) -> bytes:
    """The bytes where a record is said to lie."""
    record = container.read(path).records[name]
    return Path(path).read_bytes()[record.start : record.start + record.size]


def test_it_finds_the_records_that_another_reader_of_zips_finds(path: str) -> None:
    found = container.read(path)
    with zipfile.ZipFile(path) as other:
        theirs = {name.partition("/")[2]: other.read(name) for name in other.namelist()}
    assert {name: stored(path, name) for name in found.records} == theirs
    assert found.contents == {name: data for name, data in theirs.items() if not name.startswith("data/")}
    assert {"data.pkl", "data/0", "data/1", "version", "byteorder"} <= theirs.keys()
    assert found.size == os.path.getsize(path)


def test_it_finds_them_where_torch_finds_them(path: str) -> None:
    reader = torch.PyTorchFileReader(path)
    found = container.read(path).records
    assert {name: reader.get_record_offset(name) for name in found} == {name: r.start for name, r in found.items()}


def test_a_file_of_another_program_that_writes_zips_is_read_too(path: str) -> None:
    Path(path).write_bytes(hostile.archive(hostile.parts(Path(path).read_bytes())))
    assert stored(path, "data/0") == torch.arange(6.0).numpy().tobytes()


def test_numbers_of_sixty_four_bits_are_read_where_torch_reads_them(path: str) -> None:
    """As a file of more than four thousand million bytes has them."""
    Path(path).write_bytes(hostile.changed(data_0={"wide": True}, version={"wide": True}))
    found = container.read(path)
    assert stored(path, "data/0") == torch.arange(6.0).numpy().tobytes()
    assert found.records["data/0"].start == torch.PyTorchFileReader(path).get_record_offset("data/0")


def test_a_number_of_sixty_four_bits_that_is_missing_is_damage(path: str) -> None:
    content = hostile.changed(data_0={"wide": True})
    Path(path).write_bytes(content.replace(struct.pack("<2H", 1, 24), struct.pack("<2H", 2, 24)))
    with pytest.raises(Damaged, match="a number of its table is missing"):
        container.read(path)


def test_all_but_the_storages_is_verified_by_its_checksum(path: str) -> None:
    content = Path(path).read_bytes()
    for name, record in container.read(path).records.items():
        if record.size:
            Path(path).write_bytes(flipped(content, 8 * record.start + 1))
            if name.startswith("data/"):
                container.read(path)  # the digest looks after tensors
                continue
            with pytest.raises(Damaged, match=f"the bytes of {re.escape(name)} do not match their CRC32"):
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
        except (Damaged, Foreign):
            continue
        reader = torch.PyTorchFileReader(path)
        assert all(reader.get_record(name) == data for name, data in found.contents.items()), bit
        assert all(reader.get_record_offset(name) == record.start for name, record in found.records.items()), bit


REASONS = {
    "a bomb for a pickle": "'archive/data.pkl' is packed, and torch.save packs nothing",
    "a bomb for a storage": "'archive/data/0' is packed, and torch.save packs nothing",
    "a size of 2 to the 62": "does not begin where the record before it ends",
    "records that overlap": "data/1 does not begin where the record before it ends",
    "one content for many records": "data/1 does not begin where the record before it ends",
    "a gap between records": "version does not begin where the record before it ends",
    "a gap before the table": "its table does not begin where its records end",
    "one name twice": "its table has 'archive/data/0' twice",
    "one name in two cases": "its table has 'archive/DATA/0', which torch.save does not write",
    "a name that climbs": "its table has 'archive/../../../tmp/owned', which torch.save does not write",
    "a name from the root": "its table has 'archive//etc/passwd', which torch.save does not write",
    "a name with code": "its table has 'archive/code/__torch__.py', which torch.save does not write",
    "another name in the header": "the header of 'archive/data/0' says something else than the table",
    "a folder's mark": "its table is not as torch.save writes it",
    "a locked record": "its table is not as torch.save writes it",
    "more records than there are": "it ends too early",
    "fewer records than there are": "its table has more than its records",
    "a million records of nothing": "its table has 1000000 records, too many for its size",
    "something before it": "it does not end as a zip does",
    "something after it": "it does not end as a zip does",
    "a comment": "it does not end as a zip does",
    "two in one": "it does not end as a zip does",
    "no version": "it has no byteorder",
    "a version in words": "its version is not as torch.save writes it",
    "an alignment of a thousand digits": "its .storage_alignment is not as torch.save writes it",
}


@pytest.mark.parametrize("name", hostile.containers())
def test_a_hostile_container_is_refused_for_the_reason_that_it_gives(name: str, path: str) -> None:
    Path(path).write_bytes(hostile.containers()[name]())
    with pytest.raises(Damaged) as refused:
        container.read(path)
    assert str(refused.value).startswith(f"{path} is cut short or damaged: ")
    assert str(refused.value).endswith(REASONS[name])


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
