"""Begin from somebody's weights"""

import io
import pickle
import sys
import zipfile
from argparse import Namespace
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import nn

import unbroken
from tests.unbroken import tiny
from unbroken import errors, state
from unbroken.weights import initialise

LAST = "  weights only: optimizer, schedule and epoch start fresh"


def net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))


def written(content: Any, folder: Path, name: str = "weights.pt") -> str:
    torch.save(content, folder / name)
    return str(folder / name)


def equal(a: nn.Module, b: nn.Module) -> bool:
    return state.difference(state.snapshot(a.state_dict()), state.snapshot(b.state_dict())) is None


def prefixed(model: nn.Module, prefix: str) -> dict[str, Any]:
    return {prefix + name: tensor for name, tensor in model.state_dict().items()}


# ---- files that are read

SHAPES: dict[str, tuple[Callable[[nn.Module], Any], str]] = {
    "a bare state dict": (lambda model: model.state_dict(), ""),
    "a plain dict": (lambda model: dict(model.state_dict()), ""),
    "Lightning's key": (lambda model: {"epoch": 3, "state_dict": model.state_dict()}, " (state_dict)"),
    "the tutorial's key": (lambda model: {"model_state_dict": model.state_dict(), "loss": 0.1}, " (model_state_dict)"),
    "nanoGPT's key": (lambda model: {"model": model.state_dict(), "optimizer": {"state": {}}}, " (model)"),
    "DeepSpeed's key": (lambda model: {"module": model.state_dict(), "dp_world_size": 2}, " (module)"),
    "parameters": (lambda model: OrderedDict(model.named_parameters()) | dict(model.named_buffers()), ""),
}


@pytest.mark.parametrize(("shape", "where"), SHAPES.values(), ids=SHAPES)
def test_weights_of_other_programs_are_taken_bit_for_bit(shape: Any, where: str, tmp_path: Path) -> None:
    source, model = net(), net()
    path = written(shape(source), tmp_path)
    assert initialise(model, path) == [f"Initialised from {path}{where}: 9 of the model's 9 tensors", LAST]
    assert equal(model, source)


def test_a_file_of_a_torch_before_1_6_is_read(tmp_path: Path) -> None:
    source, model = net(), net()
    torch.save(source.state_dict(), tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert len(initialise(model, str(tmp_path / "old.pth"))) == 2
    assert equal(model, source)


def test_safetensors_are_read_whatever_their_name(tmp_path: Path) -> None:
    source, model = net(), net()
    path = str(tmp_path / "weights.bin")
    safetensors.torch.save_file(source.state_dict(), path)
    assert initialise(model, path) == [f"Initialised from {path}: 9 of the model's 9 tensors", LAST]
    assert equal(model, source)


def test_without_its_package_a_safetensors_file_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    safetensors.torch.save_file(net().state_dict(), str(tmp_path / "w.safetensors"))
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(errors.Misuse, match=r"w\.safetensors needs a package .*: pip install safetensors$"):
        initialise(net(), str(tmp_path / "w.safetensors"))


@pytest.mark.parametrize("name", ["checkpoint.pt", "checkpoints/E002_net.pt"])
def test_a_state_of_ours_gives_its_model(name: str, run: Path) -> None:
    model = tiny.parts()[0]
    path = str(run / name)
    assert initialise(model, path) == [f"Initialised from {path}: 2 of the model's 2 tensors", LAST]
    assert state.difference(unbroken.load(path)["state_dict"], state.snapshot(model.state_dict())) is None


def test_a_state_of_ours_without_a_model_gives_what_was_kept_under_another_name(tmp_path: Path) -> None:
    with unbroken.Run(str(tmp_path / "run"), tiny.feed(), epochs=1) as run:
        drawer, judge = nn.Linear(4, 1), nn.Linear(5, 1)
        run.keep(drawer=drawer, judge=judge)
        for epoch in run:
            for _ in epoch:
                pass
    model = nn.Linear(5, 1)
    lines = initialise(model, str(tmp_path / "run" / "checkpoint.pt"))
    assert lines[1] == "  their names begin with 'judge.' there: left out"
    assert equal(model, judge)


def test_a_state_of_ours_is_verified_first(run: Path) -> None:
    path = run / "checkpoint.pt"
    tree = torch.load(path, weights_only=True)
    tree["state_dict"]["1.weight"] += 1  # a whole container of another content
    torch.save(tree, path)
    with pytest.raises(errors.Damaged):
        initialise(tiny.parts()[0], str(path))


# ---- names


@pytest.mark.parametrize("prefix", ["module.", "model.", "module.model.", "generator."])
def test_a_prefix_of_all_names_is_left_out_and_said(prefix: str, tmp_path: Path) -> None:
    source, model = net(), net()
    lines = initialise(model, written({"state_dict": prefixed(source, prefix)}, tmp_path))
    assert lines[1:] == [f"  their names begin with {prefix!r} there: left out", LAST]
    assert equal(model, source)


def test_a_compiled_models_names_fit_an_uncompiled_one_and_back(tmp_path: Path) -> None:
    source, model = net(), net()
    compiled: Any = torch.compile(model, backend="eager")
    for into, saved in [(model, prefixed(source, "_orig_mod.")), (compiled, source.state_dict())]:
        nn.init.zeros_(model[0].weight)
        assert initialise(into, written(saved, tmp_path))[1:] == [LAST]
        assert equal(model, source)


def test_of_two_networks_in_a_file_the_one_that_fits_is_taken(tmp_path: Path) -> None:
    source, model = net(), net()
    content = {**prefixed(nn.Linear(7, 7), "judge."), **prefixed(source, "drawer.")}
    lines = initialise(model, written(content, tmp_path))
    assert lines[1:3] == [
        "  their names begin with 'drawer.' there: left out",
        "  2 not in the model, left out: judge.weight, judge.bias",
    ]
    assert equal(model, source)


def test_two_networks_that_fit_alike_are_refused(tmp_path: Path) -> None:
    content = {**prefixed(net(), "drawer."), **prefixed(net(), "average.")}
    refuse(content, errors.Mismatch, r"fits this model in 2 ways: drawer\., average\.; name a file", tmp_path)


def test_a_name_that_fits_by_chance_does_not_make_a_prefix(tmp_path: Path) -> None:
    content = {"body.3.0.weight": torch.zeros(4, 3), "body.3.0.bias": torch.zeros(4), "head": torch.zeros(1)}
    refuse(content, errors.Mismatch, "not one name is the same", tmp_path)


# ---- what does not fit


def test_what_only_one_side_has_is_listed_and_stays_as_it_was(tmp_path: Path) -> None:
    source, model = net(), net()
    saved = {**dict(list(source.state_dict().items())[:7]), "extra.weight": torch.ones(2)}
    before = model[2].weight.clone()
    lines = initialise(model, written(saved, tmp_path))
    assert lines[0].endswith("7 of the model's 9 tensors")
    assert lines[1:] == [
        "  2 not in the file, as they were: 2.weight, 2.bias",
        "  1 not in the model, left out: extra.weight",
        LAST,
    ]
    assert torch.equal(model[0].weight, source[0].weight)
    assert torch.equal(model[2].weight, before)


def test_of_many_names_the_first_ten_are_listed_and_the_rest_counted(tmp_path: Path) -> None:
    saved = {**net().state_dict(), **{f"x{i}": torch.ones(1) for i in range(15)}}
    line = initialise(net(), written(saved, tmp_path))[1]
    assert line == f"  15 not in the model, left out: {', '.join(f'x{i}' for i in range(10))} and 5 more"


def test_a_tensor_with_two_names_is_not_said_to_be_missing(tmp_path: Path) -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.head = nn.Embedding(5, 2), nn.Linear(2, 5, bias=False)
            self.head.weight = self.words.weight

    source, model = Tied(), Tied()
    lines = initialise(model, written({"words.weight": source.words.weight}, tmp_path))
    assert lines[1:] == [LAST]
    assert equal(model, source)


def test_other_dtypes_are_cast_and_said(tmp_path: Path) -> None:
    source, model = net(), net()
    lines = initialise(model, written({k: v.double() for k, v in source.state_dict().items()}, tmp_path))
    assert lines[1:] == [
        "  8 cast from torch.float64 to torch.float32",
        "  1 cast from torch.float64 to torch.int64",
        LAST,
    ]
    assert equal(model, source)


def test_another_shape_is_refused_and_the_model_stays_as_it_was(tmp_path: Path) -> None:
    model = net()
    before = state.digest(state.snapshot(model.state_dict()))
    other = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 7))
    told = r"another shape: 2\.weight \(\[7, 4\] there, \[2, 4\] here\), 2\.bias"
    refuse(other.state_dict(), errors.Mismatch, told, tmp_path, model)
    assert state.digest(state.snapshot(model.state_dict())) == before


def test_weights_of_another_model_are_refused_with_names_of_both(tmp_path: Path) -> None:
    told = r"not one name is the same\. In the file: a, b; in the model: 0\.weight, 0\.bias"
    refuse({"a": torch.ones(1), "b": torch.ones(1)}, errors.Mismatch, told, tmp_path)


# ---- files that are refused


def refuse(content: Any, kind: type[errors.Error], told: str, folder: Path, model: nn.Module | None = None) -> None:
    """As a file's content, raw or by torch.save, it is refused in one line that says this."""
    path = folder / "weights.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(kind, match=told) as refused:
        initialise(model or net(), str(path))
    assert str(refused.value).startswith(str(path))
    assert "\n" not in str(refused.value)


class Payload:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path("ran"),))


def saved(content: Any) -> bytes:
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


@pytest.mark.parametrize("key", ["state_dict", "optimizer", "format", "0.weight"])
@pytest.mark.parametrize("write", [saved, pickle.dumps], ids=["a zip", "a bare pickle"])
def test_a_file_that_would_run_code_runs_none(
    key: str, write: Callable[[Any], bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refuse(write({**net().state_dict(), key: Payload()}), errors.Hostile, "would run code when loaded", tmp_path)
    assert not (tmp_path / "ran").exists()


def test_a_class_that_came_along_is_named_with_what_to_do(tmp_path: Path) -> None:
    content = {"model": net().state_dict(), "args": Namespace(lr=0.1)}
    refuse(content, errors.Hostile, r"asks for argparse\.Namespace\): refused; let .* save its state_dict", tmp_path)
    refuse(net(), errors.Hostile, r"asks for torch\.nn\.modules\.container\.Sequential", tmp_path)


REFUSED: dict[str, tuple[Any, type[errors.Error], str]] = {
    "no tensors": ({"epoch": 3, "lr": 0.1}, errors.Foreign, "holds no weights: its keys are epoch, lr; looked for"),
    "a tensor": (torch.ones(3), errors.Foreign, "holds no weights: it is a Tensor"),
    "nothing": (b"", errors.Foreign, "starts with b''"),
    "text": (b"hello, world", errors.Foreign, "starts with b'hell'"),
    "a cut safetensors": (safetensors.torch.save({"a": torch.ones(9)})[:-5], errors.Damaged, "cut short, damaged, or"),
    "a cut zip": (saved(net().state_dict())[:-50], errors.Damaged, "cut short or damaged"),
    "a zip of something else": (b"PK\x05\x06" + bytes(18), errors.Foreign, "starts with b'PK"),
}


@pytest.mark.parametrize(("content", "kind", "told"), REFUSED.values(), ids=REFUSED)
def test_a_file_without_weights_is_refused(content: Any, kind: Any, told: str, tmp_path: Path) -> None:
    refuse(content, kind, told, tmp_path)


def test_a_zip_that_grows_when_it_is_read_is_refused_before_it_does(tmp_path: Path) -> None:
    honest = zipfile.ZipFile(io.BytesIO(saved({"0.weight": torch.zeros(1 << 20)})))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as bomb:
        for name in honest.namelist():
            bomb.writestr(name, honest.read(name))
    assert len(packed.getvalue()) < 1 << 16
    refuse(packed.getvalue(), errors.Foreign, "it holds more than its own size", tmp_path)


def test_a_flipped_bit_in_a_file_of_another_program_is_found(tmp_path: Path) -> None:
    content = bytearray(saved({"0.weight": torch.full((4, 3), 1.5)}))
    content[content.index(bytes(torch.tensor([1.5, 1.5]).numpy().data)) + 2] ^= 1
    refuse(bytes(content), errors.Damaged, "do not match their CRC32", tmp_path)


def test_a_path_to_nothing_or_to_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(errors.Missing, match=r"no\.pt: there is no such file$"):
        initialise(net(), str(tmp_path / "no.pt"))
    with pytest.raises(errors.Foreign, match=r"is a folder; name the file with the weights$"):
        initialise(net(), str(tmp_path))
