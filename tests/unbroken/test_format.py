"""The page on the format is enough to write a reader: the one that stands on it reads what we write"""

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.tree import ROOT
from tests.unbroken.test_checkpoint import flipped, trained, tree
from unbroken import checkpoint, outline, state

PAGE = (ROOT / "docs" / "format.md").read_text()


@pytest.fixture(scope="module")
def reader() -> dict[str, Any]:
    """What the page's program defines."""
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    defined: dict[str, Any] = {"__name__": "page"}
    exec(program, defined)  # noqa: S102 (our own page)
    return defined


def outlined(reader: dict[str, Any], value: Any) -> Any:
    """The page's tree as ours, its tensors made of their bytes."""
    if isinstance(value, dict):
        return {k: outlined(reader, v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(outlined(reader, v) for v in value)
    if not isinstance(value, reader["Tensor"]):
        return value
    flat = torch.frombuffer(bytearray(value.data or b"\0" * 16), dtype=getattr(torch, value.dtype))
    return flat[: len(value.data) // flat.itemsize].reshape(value.shape)


def written(path: Path) -> dict[str, Any]:
    """A state with all that a state may hold."""
    every = {name: torch.arange(16, dtype=torch.uint8).view(getattr(torch, name)) for name in PLAIN_TYPES}
    odd = {"turned": torch.arange(6.0).reshape(2, 3).t(), "none": torch.ones(0, 3), "one": torch.tensor(2.5)}
    plain = [None, True, -1, 1 << 80, -0.0, float("nan"), "é ' \" \n", (), [], {}, {-3: 1, 2: {"1.weight": ("a",)}}]
    parts = checkpoint.layout({**state.snapshot(trained()), "every": every, "odd": odd, "plain": plain})
    checkpoint.write({**tree(), **parts}, str(path))
    return checkpoint.load(str(path))


PLAIN_TYPES = [name for name in outline.WIDTHS if name not in ("bool", "complex32")]


def test_the_reader_on_the_page_reads_every_value_and_finds_the_digest_right(
    reader: dict[str, Any], tmp_path: Path
) -> None:
    ours = written(tmp_path / "checkpoint.pt")
    theirs = outlined(reader, reader["read"](tmp_path / "checkpoint.pt"))
    assert state.difference(theirs, ours) is None


def test_the_reader_on_the_page_takes_large_tensors_by_pieces(reader: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    checkpoint.write(tree(state_dict={"w": torch.ones(state.PIECE // 16 + 3, dtype=torch.complex128)}), str(path))
    assert len(reader["read"](path)["state_dict"]["w"].data) == state.PIECE + 48


def test_the_reader_on_the_page_finds_a_changed_bit(reader: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    checkpoint.write(tree(settings={"lr": 0.5}), str(path))
    content = path.read_bytes()
    path.write_bytes(content.replace(b"lrq", b"lRq"))
    with pytest.raises(Exception, match=r"Bad CRC-32|damaged"):
        reader["read"](path)
    path.write_bytes(flipped(content, 8 * content.index(torch.arange(6.0).numpy().tobytes()) + 60))
    with pytest.raises(Exception, match=r"Bad CRC-32|damaged"):
        reader["read"](path)


def test_the_page_names_every_key_and_every_instruction() -> None:
    assert set(checkpoint.RESERVED) <= set(re.findall(r"`(\w+)`", PAGE))
    assert {name.removeprefix("torch.").removeprefix("storage.") for name in outline.STORAGES} <= set(
        re.findall(r"`(?:torch\.storage )?(\w+)`", PAGE)
    )
