"""Begin from somebody's weights: a file's tensors into a model by name, and nothing else

Read are our own states, and of other programs: a bare state dict, one under a key of WHERE, and safetensors. What was
taken, left out and cast is said in lines; whatever cannot be meant is refused before the model is touched.
"""

from __future__ import annotations

import os
import pickle
import re
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Collection, Iterable
from typing import Any, cast

import torch

from . import checkpoint, state
from .errors import Damaged, Foreign, Hostile, Mismatch, Missing, Misuse, Unreadable

WHERE = ("state_dict", "model_state_dict", "model", "module")
"""Keys under which weights lie: of Lightning, MMEngine and timm, of torch's own tutorial, of detectron2, torchvision's
recipes and nanoGPT, of DeepSpeed."""
COMPILED = "_orig_mod."  # what torch.compile puts into names
SHOWN = 10  # names that a line lists
UNREADABLE = (RuntimeError, KeyError, ValueError, TypeError, AttributeError, EOFError, IndexError, OSError)

Weights = dict[str, torch.Tensor]


def initialise(model: torch.nn.Module, path: str) -> list[str]:
    """Copy the weights in a file into a model, by name; the lines to say about it.

    Names may differ by what torch.compile puts into them, or by a prefix that all names of the model have in the file
    ("module."). Other dtypes are cast. What only one side has stays as it is.
    Raises Mismatch when no name fits or a shape differs, and Missing, Unreadable, Foreign, Damaged or Hostile for a
    file that is no weights; then the model is as it was. Never runs code that is in the file.
    """
    where, saved = _read(path)
    live = {_bare(name): tensor for name, tensor in model.state_dict().items() if isinstance(tensor, torch.Tensor)}
    prefix = _prefix(path, saved, live)
    fitting = _after(prefix, saved, live)
    if wrong := _wrong(fitting, live):
        raise Mismatch(
            f"{path} holds weights of another shape: {_some(wrong)}; build the model as it was, or leave these out "
            "of the file"
        )
    names = {_bare(name): name for name in model.state_dict()}
    model.load_state_dict(_sliced(model, {names[name]: tensor for name, tensor in fitting.items()}), strict=False)
    return [
        f"Initialised from {path}{where}: {len(fitting)} of the model's {len(live)} tensors",
        *([f"  their names begin with {prefix!r} there: left out"] if prefix else []),
        *_casts(fitting, live),
        *_listed("not in the file, as they were", _untouched(live, fitting)),
        *_listed("not in the model, left out", [name for name in saved if name.removeprefix(prefix) not in fitting]),
        "  weights only: optimizer, schedule and epoch start fresh",
    ]


# ---- what fits


def _prefix(path: str, saved: Weights, live: Weights) -> str:
    """What stands before the model's names in the file; nothing where they are the same. Raises Mismatch."""
    if any(name in live for name in saved):
        return ""
    found = Counter(start for name in saved for start in _starts(name) if name.removeprefix(start) in live)
    # Short names such as 0.weight are at the end of many a long one: less than half of a model is a coincidence.
    likely = [start for start, number in found.items() if number == max(found.values()) and 2 * number >= len(live)]
    if not likely:
        raise Mismatch(
            f"{path} holds no weights of this model: not one name is the same. In the file: {_some(saved)}; "
            f"in the model: {_some(live)}. Initialise a model of the same names, before it is wrapped"
        )
    if len(likely) > 1:  # two networks of a kind: the shapes may tell
        likely = [start for start in likely if not _wrong(_after(start, saved, live), live)] or likely
    if len(likely) > 1:
        raise Mismatch(f"{path} fits this model in {len(likely)} ways: {_some(likely)}; name a file that holds one")
    return likely[0]


def _starts(name: str) -> Iterable[str]:
    return (name[: dot.end()] for dot in re.finditer(r"\.", name))


def _after(prefix: str, saved: Weights, live: Weights) -> Weights:
    """What the file holds of the model's names, without the prefix."""
    shorter = {name.removeprefix(prefix): tensor for name, tensor in saved.items() if name.startswith(prefix)}
    return {name: tensor for name, tensor in shorter.items() if name in live}


def _wrong(fitting: Weights, live: Weights) -> list[str]:
    """Names under which another shape lies, with both."""
    return [
        f"{name} ({list(tensor.shape)} there, {list(live[name].shape)} here)"
        for name, tensor in fitting.items()
        if tensor.shape != live[name].shape
    ]


def _untouched(live: Weights, fitting: Weights) -> list[str]:
    """The model's names that got nothing; a tensor with two names, tied, got it under the other one."""
    filled = {state.local(live[name]).data_ptr() for name in fitting}
    return [
        name for name, tensor in live.items() if name not in fitting and state.local(tensor).data_ptr() not in filled
    ]


def _sliced(model: torch.nn.Module, weights: Weights) -> Weights:
    """The weights as the model wants them: of a sharded one, this process's slices."""
    if not state.is_sharded(model):
        return weights
    from . import slices  # noqa: PLC0415 (takes long, and few need it)

    return slices.filled(weights, model, lambda wanted: None)


def _bare(name: str) -> str:
    return name.replace(COMPILED, "")


# ---- what is said


def _casts(fitting: Weights, live: Weights) -> list[str]:
    pairs = Counter((tensor.dtype, live[name].dtype) for name, tensor in fitting.items())
    return [f"  {number} cast from {there} to {here}" for (there, here), number in pairs.items() if there != here]


def _listed(what: str, names: Collection[str]) -> list[str]:
    return [f"  {len(names)} {what}: {_some(names)}"] if names else []


def _some(names: Collection[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(list(names)[:SHOWN]) + more


# ---- the file


def _read(path: str) -> tuple[str, Weights]:
    """Where in the file they lie, in words, and the weights."""
    head = _head(path)
    if head[8:9] == b"{":
        return "", _safetensors(path)
    if head[:4] == b"PK\x03\x04":
        _uncut(path)
    elif head[:1] != b"\x80":  # a pickle, as torch wrote files before 1.6
        raise Foreign(f"{path} holds no weights: it starts with {head[:4]!r}, as neither torch nor safetensors write")
    tree = _loaded(path)
    if isinstance(tree, dict) and "format" in tree and "digest" in tree:
        return _ours(path)
    return _theirs(path, tree)


def _head(path: str) -> bytes:
    if os.path.isdir(path):
        raise Foreign(f"{path} is a folder; name the file with the weights")
    try:
        with open(path, "rb") as file:
            return file.read(9)
    except FileNotFoundError as reason:
        raise Missing(f"{path}: there is no such file") from reason
    except OSError as reason:
        raise Unreadable(f"{path} cannot be read: {reason.strerror}") from reason


def _uncut(path: str) -> None:
    """torch loads flipped bytes without a word; the zip around them knows better. Raises Damaged, and Foreign for one
    that would grow when it is read."""
    try:
        with zipfile.ZipFile(path) as container:
            if sum(record.file_size for record in container.infolist()) > os.path.getsize(path):
                raise Foreign(f"{path} is a zip, but not as torch.save writes it: it holds more than its own size")
            wrong = container.testzip()
    except (zipfile.BadZipFile, zlib.error, *UNREADABLE) as reason:
        raise Damaged(f"{path} is cut short or damaged: {reason}") from reason
    if wrong is not None:
        raise Damaged(f"{path} is damaged: the bytes of {wrong} do not match their CRC32")


def _loaded(path: str) -> Any:
    try:
        with warnings.catch_warnings(action="ignore", category=UserWarning):  # torch's own of the pickle's age
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as reason:
        named = re.search(r"GLOBAL ([\w.]+)", str(reason))
        what = f"it asks for {named[1]}" if named else "its pickle holds more than plain values"
        raise Hostile(
            f"{path} would run code when loaded ({what}): refused; let the program that wrote it save its state_dict()"
        ) from reason
    except UNREADABLE as reason:
        first = (str(reason).splitlines() or [type(reason).__name__])[0]
        raise Foreign(f"{path} holds no weights that torch can read: {first[:200]}") from reason


def _ours(path: str) -> tuple[str, Weights]:
    """The kept model of a state, or all that is kept by its name, once the content is verified."""
    parts = checkpoint.parts(checkpoint.whole(path))
    if "model" in parts:
        return "", _tensors(parts["model"])
    return "", {f"{part}.{name}": tensor for part, tree in parts.items() for name, tensor in _tensors(tree).items()}


def _theirs(path: str, tree: Any) -> tuple[str, Weights]:
    if isinstance(tree, dict):
        whole = cast(dict[Any, Any], tree)
        for key in WHERE:
            if weights := _tensors(whole.get(key)):
                return f" ({key})", weights
        if weights := _tensors(whole):
            return "", weights
        found = f"its keys are {_some([str(key) for key in whole])}"
    else:
        found = f"it is a {type(tree).__name__}"
    raise Foreign(f"{path} holds no weights: {found}; looked for tensors by name, at the top and in {', '.join(WHERE)}")


def _tensors(tree: Any) -> Weights:
    if not isinstance(tree, dict):
        return {}
    items = cast(dict[Any, Any], tree).items()
    return {_bare(str(name)): value for name, value in items if isinstance(value, torch.Tensor)}


def _safetensors(path: str) -> Weights:
    try:
        from safetensors import SafetensorError  # noqa: PLC0415 (an extra, which only these files need)
        from safetensors.torch import load_file  # noqa: PLC0415  # pyright: ignore[reportUnknownVariableType]
    except ImportError as reason:
        raise Misuse(f"{path} needs a package that is not installed: pip install safetensors") from reason
    try:
        return {_bare(name): tensor for name, tensor in load_file(path).items()}
    except (SafetensorError, *UNREADABLE) as reason:
        raise Damaged(f"{path} is cut short, damaged, or no safetensors file: {reason}") from reason
