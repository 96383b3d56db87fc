"""What a checkpoint holds, read without torch; and what it refuses, so that torch never sees it"""

import json
import os
import pickle
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings

from tests.unbroken import children, hostile
from tests.unbroken.strategies import trees
from tests.unbroken.test_checkpoint import tree
from unbroken import checkpoint, outline
from unbroken.errors import Damaged, Error, Foreign
from unbroken.outline import Outline

HONEST = 1 << 26  # bytes of the honest file that hostile ones, all of them smaller, are measured against


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "checkpoint.pt")


# ---- what it holds


def outlined(value: Any) -> Any:
    """A tree as its outline must be; what only the file knows, such as a storage's name, is left out."""
    if isinstance(value, torch.Tensor):
        return str(value.dtype).removeprefix("torch."), tuple(value.shape)
    if isinstance(value, Outline):
        return value.dtype, value.shape
    if isinstance(value, dict):
        return {(type(k), k): outlined(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value), [outlined(v) for v in value]
    return type(value), repr(value)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(trees)
def test_an_outline_is_the_tree_without_the_values_of_its_tensors(tmp_path: Path, kept: Any) -> None:
    path = str(tmp_path / f"{len(os.listdir(tmp_path))}.pt")
    checkpoint.write(tree(kept={"any": kept}), path)
    assert outlined(outline.read(path)) == outlined(checkpoint.read(path))


@pytest.mark.filterwarnings("ignore:ComplexHalf support is experimental")
@pytest.mark.parametrize("name", outline.WIDTHS)
def test_a_tensor_of_every_type_is_read(name: str, path: str) -> None:
    dtype: torch.dtype = getattr(torch, name)
    assert dtype.itemsize == outline.WIDTHS[name]
    ones = torch.ones(2, 3, dtype=torch.uint8).repeat(1, dtype.itemsize).view(dtype)
    checkpoint.write(tree(kept={"w": ones}), path)
    found = outline.read(path)["kept"]["w"]
    assert (found.dtype, found.shape, found.size) == (name, (2, 3), 6 * dtype.itemsize)
    assert checkpoint.read(path)["kept"]["w"].dtype == dtype


def test_it_imports_no_torch(path: str) -> None:
    checkpoint.write(tree(), path)
    program = f"import sys; from unbroken import outline; print(outline.read({path!r})['step'], 'torch' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ran.stdout.strip() == "7 False", ran.stderr


def test_values_nest_a_hundred_deep(path: str) -> None:
    checkpoint.write(tree(kept=hostile.nested(98)), path)
    assert outline.read(path)["kept"] == hostile.nested(98)


def test_a_large_state_of_plain_values_is_read(path: str) -> None:
    checkpoint.write(tree(kept={"losses": [n / 3 for n in range(30_000)]}), path)
    assert outline.read(path)["kept"]["losses"][99] == 33.0


# ---- what it refuses


def peak() -> int:
    """The most memory that this process ever took, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def read_all(folder: str) -> None:
    said, before = {}, peak()
    for name in os.listdir(folder):
        try:
            checkpoint.read(os.path.join(folder, name))
        except Error as error:
            said[name] = (type(error).__name__, str(error))
    print(json.dumps({"said": said, "grew": peak() - before}))


@pytest.fixture(scope="module")
def harm(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a process said of all hostile files, how much it grew, and whether any of their code ran."""
    folder, mark = tmp_path_factory.mktemp("hostile"), tmp_path_factory.mktemp("mark") / "ran"
    for name, make in hostile.every(str(mark)).items():
        (folder / name.replace("/", "_")).write_bytes(make())
    ended = children.run(read_all, str(folder))
    assert ended.code == 0, ended.out
    return {**json.loads(ended.out), "folder": folder, "ran": mark.exists()}


@pytest.mark.parametrize("name", hostile.every(""))
def test_a_hostile_file_costs_one_line(name: str, harm: dict[str, Any]) -> None:
    file = name.replace("/", "_")
    kind, line = harm["said"][file]
    code = name.startswith("code") and not name.endswith("protocol 4")
    assert kind in ({"Hostile"} if code else {"Hostile", "Damaged", "Foreign"})
    assert line.startswith(str(harm["folder"] / file))
    assert "\n" not in line
    assert len(line) < len(str(harm["folder"] / file)) + 150


REASONS = {
    "a tensor longer than its storage": "a tensor of shape (7,) does not lie in its storage 0",
    "a tensor of 2 to the 62": "it describes a tensor in a way that torch.save does not",
    "a tensor of fewer than none": "it describes a tensor in a way that torch.save does not",
    "a tensor of ten thousand dimensions": "it describes a tensor in a way that torch.save does not",
    "a tensor whose one number is shared": "a tensor of shape (1099511627776,) does not lie in its storage 0",
    "a tensor that begins behind its storage": "a tensor of shape (6,) does not lie in its storage 0",
    "a tensor that begins before its storage": "it describes a tensor in a way that torch.save does not",
    "a thousand tensors of one storage": "its tensors overlap",
    "a storage longer than its record": "storage '0' is not as long as its record",
    "a storage shorter than its record": "storage '0' is not as long as its record",
    "a storage that is not there": "storage '9' is not as long as its record",
    "a storage of another folder": "storage '../..' is not as long as its record",
    "a storage that begins at an odd byte": "numbers cannot be read in place: was the file rewritten?",
    "a record that no tensor lies in": "it has records that no tensor lies in",
    "a list in every byte": "large data belongs in tensors",
    "dicts a little too deep": "its values are nested more than 100 deep",
    "a list that holds itself": "holds one value in two places, which no state of this trainer does",
    "a memo of four thousand million": "it numbers its values out of turn",
    "a type as a value": "it holds torch.float32, which is no plain value",
    "a storage as a value": "it holds a storage, which is no plain value",
    "epoch as True": "epoch is not int",
    "epoch as -1": "epoch is -1, less than nought",
}


@pytest.mark.parametrize("name", REASONS)
def test_a_hostile_file_is_refused_for_the_reason_that_it_gives(name: str, harm: dict[str, Any]) -> None:
    assert harm["said"][name][1].endswith(REASONS[name])


def test_every_lie_about_a_tensor_has_its_reason() -> None:
    assert hostile.tensors().keys() <= REASONS.keys()


def test_no_hostile_file_runs_code(harm: dict[str, Any]) -> None:
    assert not harm["ran"]


def test_the_payload_would_run_if_it_were_unpickled(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(hostile.Shell(str(tmp_path / "ran"))))  # noqa: S301 (ours, and it is the point)
    assert (tmp_path / "ran").exists()


def test_hostile_files_take_at_most_twice_the_memory_of_an_honest_one(harm: dict[str, Any]) -> None:
    assert 0 < harm["grew"] <= 2 * HONEST


def test_the_honest_file_that_hostile_ones_are_made_of_is_refused_for_its_digest_alone(path: str) -> None:
    for honest in (hostile.saved(hostile.honest()), hostile.changed()):
        Path(path).write_bytes(honest)
        assert outline.read(path)["step"] == 7
        with pytest.raises(Damaged, match="does not match its digest"):
            checkpoint.read(path)


def read_one(path: str) -> None:
    before, file = peak(), os.path.getsize(path)
    found = checkpoint.read(path)
    ours = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssFile"))
    print(peak() - before - file, int(ours.split()[1]) * 1024 > file, found["step"])


def test_reading_maps_a_file_and_copies_nothing(path: str) -> None:
    checkpoint.write(tree(state_dict={str(n): torch.full((HONEST // 32,), n * 1.0) for n in range(8)}), path)
    ended = children.run(read_one, path)
    over, mapped, step = ended.out.split()
    assert (mapped, step) == ("True", "7"), ended.out
    assert int(over) < 1 << 24


def test_what_was_read_stays_when_the_file_is_replaced_or_deleted(path: str) -> None:
    checkpoint.write(tree(), path)
    found = checkpoint.read(path)
    checkpoint.write(tree(state_dict={"w": torch.zeros(6)}), path + ".fresh")
    os.replace(path + ".fresh", path)
    os.remove(path)
    assert torch.equal(found["state_dict"]["w"], torch.arange(6.0))


# ---- files of other programs


def others() -> dict[str, tuple[Any, str]]:
    module = torch.nn.Linear(1, 1)
    optimizer = torch.optim.Adam([{"params": [p]} for p in module.parameters()])  # its groups share their betas
    return {
        "a state dict with notes": (module.state_dict(), "weights of another program"),
        "parameters": (dict(module.named_parameters()), "weights of another program"),
        "an optimizer": (optimizer.state_dict(), "one value in two places|weights of another program"),
        "a wrapped state": (
            {"state_dict": module.state_dict(), "epoch": 3, "hyper": {"a": (1, 2)}},
            "weights of another",
        ),
        "types": ({"dtype": torch.float32, "size": torch.ones(2).size()}, "weights of another program"),
        "tied weights": ({"a": module.weight.detach(), "b": module.weight.detach()}, "weights of another program"),
    }


@pytest.mark.parametrize("name", others())
def test_files_of_other_programs_are_foreign_and_not_called_hostile(name: str, path: str) -> None:
    content, words = others()[name]
    torch.save(content, path)
    with pytest.raises(Foreign, match=words):
        outline.read(path)
