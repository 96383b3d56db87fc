"""Every kept part gets its state back, and what does not come back is said"""

from typing import Any

import pytest
import torch
from torch import nn

from unbroken import optimizers, resume, state
from unbroken.errors import Mismatch
from unbroken.shelf import Found

PATH = "run/checkpoint.pt"
WELL = ("optimizer", "scheduler")


def parts(**other: Any) -> dict[str, Any]:
    """A model, its optimizer with a memory, its schedule, and what else is kept."""
    model = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=torch.rand(()).item(), momentum=0.9)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2)
    model(torch.randn(4, 3)).square().sum().backward()
    optimizer.step()
    scheduler.step()
    return {"model": model, "optimizer": optimizer, "scheduler": scheduler, **other}


def found(kept: dict[str, Any], epoch: int = 7) -> Found:
    """What a run that kept these parts has saved."""
    told = {name: state.snapshot(part.state_dict()) for name, part in kept.items()}
    named = {
        key: told.pop(name) for name, key in [("model", "state_dict"), *zip(WELL, WELL, strict=True)] if name in told
    }
    return Found(PATH, {"epoch": epoch, **named, "kept": told, "parameters": optimizers.described(kept)})


def states(kept: dict[str, Any]) -> Any:
    return {name: state.snapshot(part.state_dict()) for name, part in kept.items()}


def test_every_part_gets_its_state_and_the_five_lines_come_in_a_row() -> None:
    before, after = parts(ema=nn.Linear(1, 1)), parts(ema=nn.Linear(1, 1))
    assert resume.restore(after, found(before)) == [
        "Loaded ema state",
        "Resuming from epoch 7",
        "Loaded optimizer state",
        "Loaded scheduler state",
        "Load model from run/checkpoint.pt",
    ]
    assert state.difference(states(before), states(after)) is None


def test_what_the_file_does_not_hold_is_said_and_keeps_its_own_state() -> None:
    after = parts()
    fresh = state.snapshot(after["optimizer"].state_dict())
    lines = resume.restore(after, found({"model": parts()["model"]}))
    assert lines[:2] == [
        "Resuming from epoch 7",
        f"Warning: {PATH} holds no optimizer state: the optimizer starts fresh",
    ]
    assert not [line for line in lines if line.startswith("Loaded")]
    assert state.difference(fresh, state.snapshot(after["optimizer"].state_dict())) is None


def test_what_this_program_does_not_keep_is_said() -> None:
    lines = resume.restore({"model": nn.Linear(3, 2)}, found(parts(old=nn.Linear(1, 1))))
    assert lines[-2:] == ["Resuming from epoch 7", f"Load model from {PATH}"]
    assert lines[:-2] == [
        f"Warning: {PATH} holds {name} state, which this program does not keep: it ends here"
        for name in ("old", "optimizer", "scheduler")
    ]


def test_an_optimizers_memory_finds_its_parameters_by_name_whatever_their_order() -> None:
    before, after = parts(), parts()
    groups = [after["model"].bias, after["model"].weight]
    after["optimizer"] = torch.optim.SGD(groups, lr=1.0, momentum=0.9)
    resume.restore(after, found(before))
    for name, parameter in after["model"].named_parameters():
        theirs = before["optimizer"].state[dict(before["model"].named_parameters())[name]]["momentum_buffer"]
        assert torch.equal(after["optimizer"].state[parameter]["momentum_buffer"], theirs)


def test_what_does_not_fit_is_refused_by_the_name_of_the_part() -> None:
    with pytest.raises(Mismatch, match=r"^model does not fit the saved state: "):
        resume.restore({"model": nn.Linear(5, 2)}, found({"model": nn.Linear(3, 2)}))


def test_the_saved_state_shares_no_memory_with_the_parts_that_took_it() -> None:
    saved, after = found(parts()), parts()
    before = state.digest(saved.tree)
    resume.restore(after, saved)
    after["model"](torch.randn(4, 3)).square().sum().backward()
    after["optimizer"].step()
    assert state.digest(saved.tree) == before
