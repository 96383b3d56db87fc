"""An optimizer's state belongs to its parameters by name and shape, never by place alone

torch numbers the parameters of an optimizer in the order in which it was given them, and saves the numbers. A model
whose layers were reordered would load them without a complaint, each moment at the wrong weight. So the names of the
kept modules and the shapes are saved beside the state, and the state is brought into the live order by them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

import torch
from torch.optim.lr_scheduler import LRScheduler

from .errors import Mismatch

Groups = list[list[list[Any]]]
"""An optimizer's parameters, group by group: [name, [sizes]] of each."""

SHOWN = 3  # parameters that a message names of each kind


def described(parts: Mapping[str, object]) -> dict[str, Groups]:
    """The parameters of every kept optimizer, by the optimizer's name; plain lists, to be saved beside its state.

    A parameter is named after the kept module that holds it ("model.0.weight"), the first of several; one that none
    holds by its place ("group 0, parameter 3").
    """
    names = _names(parts)
    optimizers = {name: part for name, part in parts.items() if hasattr(part, "param_groups")}
    return {name: _groups(optimizer, names) for name, optimizer in optimizers.items()}


def matched(name: str, saved_state: dict[str, Any], saved: Groups, live: Groups) -> dict[str, Any]:
    """A saved optimizer state in the order of the live parameters, for load_state_dict.

    saved, live: the parameters as `described` then and now. Raises Mismatch, one line that names the first parameters
    that are missing, new, of another shape or in another group, and for a state that cannot be reordered.
    """
    if saved == live:
        return saved_state
    _same(name, saved, live)
    _separable(name, saved_state, saved)
    return _reordered(saved_state, saved, live)


def replaced(parts: Mapping[str, Any], kept: Mapping[str, Any]) -> Iterator[str]:
    """What to say of options that the program built an optimizer with, and that its saved state replaces.

    A rate that a scheduler moves says nothing; what it started from does.
    """
    scheduled = "scheduler" in parts or any(isinstance(part, LRScheduler) for part in parts.values())
    for name, part in parts.items():
        if not hasattr(part, "param_groups") or "param_groups" not in kept.get(name, {}):
            continue
        for live, saved in zip(part.param_groups, kept[name]["param_groups"], strict=False):
            told = [k for k in _options(live, saved, scheduled) if str(live[k]) != str(saved[k])]
            if told:
                words = ", ".join(f"{k} {saved[k]} (built with {live[k]})" for k in told)
                yield f"Warning: {name} goes on with the options in its saved state: {words}"


def _options(live: Mapping[str, Any], saved: Mapping[str, Any], scheduled: bool) -> list[str]:
    """The options that nobody but the program decides."""
    moving = {"params", "param_names", "initial_lr", "lr"}
    if "max_momentum" in saved:  # a cycle moves these too
        moving |= {"momentum", "betas"}
    rate = "initial_lr" if "initial_lr" in live and "initial_lr" in saved else "" if scheduled else "lr"
    return [k for k in live if k in saved and (k not in moving or k == rate)]


def _names(parts: Mapping[str, object]) -> dict[int, str]:
    names: dict[int, str] = {}
    for part, module in parts.items():
        if isinstance(module, torch.nn.Module):
            for inner, parameter in module.named_parameters():
                names.setdefault(id(parameter), f"{part}.{inner}")
    return names


def _groups(optimizer: Any, names: Mapping[int, str]) -> Groups:
    return [
        [
            [names.get(id(parameter), f"group {number}, parameter {place}"), list(parameter.shape)]
            for place, parameter in enumerate(group["params"])
        ]
        for number, group in enumerate(optimizer.param_groups)
    ]


# ---- what does not fit


def _same(name: str, saved: Groups, live: Groups) -> None:
    """Refuse another set of parameters. Raises Mismatch."""
    then, now = _places(saved), _places(live)
    both = [p for p in then if p in now]
    wrong = {
        "missing here": [p for p in then if p not in now],
        "not in the saved state": [p for p in now if p not in then],
        "of another shape": [f"{p} ({then[p][1]} saved, {now[p][1]} here)" for p in both if then[p][1] != now[p][1]],
        "in another group": [f"{p} ({then[p][0]} saved, {now[p][0]} here)" for p in both if then[p][0] != now[p][0]],
    }
    told = [f"{_first(names)} {what}" for what, names in wrong.items() if names]
    if len(saved) != len(live):
        told.append(f"{len(saved)} groups saved, {len(live)} here")
    if told:
        raise Mismatch(
            f"{name} does not fit the saved state: {'; '.join(told)}. Give it the parameters that it had, in the same "
            "groups; or begin another run with the weights alone (unbroken.initialise)"
        )


def _separable(name: str, saved_state: dict[str, Any], saved: Groups) -> None:
    """Refuse to reorder a state that spans several parameters, as that of LBFGS does. Raises Mismatch."""
    for index, (parameter, shape) in _indexed(saved_state, saved):
        room = torch.Size(shape).numel()
        if any(tensor.numel() > max(room, 1) for tensor in _tensors(saved_state["state"].get(index))):
            raise Mismatch(
                f"{name} does not fit the saved state: its parameters are in another order now, and what it remembers "
                f"of {parameter} is larger than that is; give it the parameters in the order that they had"
            )


def _places(groups: Groups) -> dict[str, tuple[str, list[int]]]:
    return {name: (f"group {number}", shape) for number, group in enumerate(groups) for name, shape in group}


def _first(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more} {'is' if len(names) == 1 else 'are'}"


# ---- the new order


def _reordered(saved_state: dict[str, Any], saved: Groups, live: Groups) -> dict[str, Any]:
    """The same entries under the numbers that torch gives the live parameters: 0, 1, 2, … over all groups."""
    then = {parameter: index for index, (parameter, _) in _indexed(saved_state, saved)}
    now = {parameter: number for number, (parameter, _) in enumerate(entry for group in live for entry in group)}
    moved = {index: now[parameter] for parameter, index in then.items()}
    groups = [
        _group(group, [name for name, _ in before], [name for name, _ in after])
        for group, before, after in zip(saved_state["param_groups"], saved, live, strict=True)
    ]
    state = {moved.get(key, key): value for key, value in saved_state["state"].items()}
    return {**saved_state, "state": state, "param_groups": groups}


def _group(group: dict[str, Any], before: list[str], after: list[str]) -> dict[str, Any]:
    """A group of as many parameters has the same numbers in any order; only names that torch recorded move."""
    if "param_names" not in group:
        return group
    place = {name: number for number, name in enumerate(before)}
    return {**group, "param_names": [group["param_names"][place[name]] for name in after]}


def _indexed(saved_state: dict[str, Any], saved: Groups) -> Iterator[tuple[int, list[Any]]]:
    """Each parameter with the number that it has in the saved state."""
    for group, entries in zip(saved_state["param_groups"], saved, strict=True):
        yield from zip(group["params"], entries, strict=True)


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict | list | tuple):
        inner = cast(dict[Any, Any], value).values() if isinstance(value, dict) else cast(list[Any], value)
        for one in inner:
            yield from _tensors(one)
