"""An optimizer's state belongs to its parameters by name and shape"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from unbroken import Gradients, optimizers, state
from unbroken.errors import Mismatch

Build = Callable[[Iterable[Any]], torch.optim.Optimizer]
BUILDS: dict[str, Build] = {
    "Adam": lambda parameters: torch.optim.Adam(parameters, lr=0.1),
    "SGD with momentum": lambda parameters: torch.optim.SGD(parameters, lr=0.1, momentum=0.9),
    "AdamW with amsgrad": lambda parameters: torch.optim.AdamW(parameters, lr=0.1, amsgrad=True),
    "Adafactor": lambda parameters: torch.optim.Adafactor(parameters, lr=0.1),
}


def net() -> nn.Sequential:
    """Two layers of one shape, so that their moments can be mistaken for each other without a complaint."""
    return nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 1))


def teach(model: nn.Module, *several: torch.optim.Optimizer, steps: int = 1) -> None:
    rows = torch.linspace(-1.0, 1.0, 12).reshape(4, 3)
    for _ in range(steps):
        model.zero_grad()
        model(rows).square().sum().backward()
        for optimizer in several:
            optimizer.step()


def resumed(parts: Mapping[str, Any], others: Mapping[str, Any]) -> None:
    """Bring the state of kept parts into others, as a run does that goes on."""
    then, now = optimizers.described(parts), optimizers.described(others)
    for name, part in others.items():
        saved = state.snapshot(parts[name].state_dict())
        if name in now:
            saved = optimizers.matched(name, saved, then[name], now[name])
        state.restore(name, part, saved)


def weights(model: nn.Module) -> dict[str, Tensor]:
    return state.snapshot(model.state_dict())


# ---- described


def test_parameters_are_named_after_the_kept_module_that_holds_them() -> None:
    model = net()
    parts = {"model": model, "optimizer": torch.optim.SGD(model[2].parameters(), lr=0.1)}
    assert optimizers.described(parts) == {"optimizer": [[["model.2.weight", [1, 3]], ["model.2.bias", [1]]]]}


def test_only_optimizers_are_described() -> None:
    model = net()
    optimizer = torch.optim.Adam(model.parameters())
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2)
    parts = {"model": model, "scheduler": scheduler, "gradients": Gradients(model), "optimizer": optimizer}
    assert list(optimizers.described(parts)) == ["optimizer"]


def test_a_parameter_in_no_kept_module_is_named_by_its_place() -> None:
    loose = [torch.zeros(2, requires_grad=True), torch.zeros(5, requires_grad=True)]
    optimizer = torch.optim.SGD([{"params": loose[:1]}, {"params": loose[1:]}], lr=0.1)
    described = optimizers.described({"model": net(), "optimizer": optimizer})["optimizer"]
    assert described == [[["group 0, parameter 0", [2]]], [["group 1, parameter 0", [5]]]]


def test_a_parameter_in_two_kept_modules_has_the_name_in_the_first() -> None:
    model = net()
    parts = {"model": model, "head": model[2], "optimizer": torch.optim.SGD(model[2].parameters(), lr=0.1)}
    assert optimizers.described(parts)["optimizer"][0][0][0] == "model.2.weight"


def test_a_description_can_be_saved_as_it_is() -> None:
    model = net()
    described = optimizers.described({"model": model, "optimizer": torch.optim.Adam(model.parameters())})
    assert state.difference(described, state.snapshot(described)) is None


# ---- matched


def test_the_state_of_the_same_parameters_is_handed_on_as_it_is() -> None:
    model = net()
    optimizer = torch.optim.Adam(model.parameters())
    live = optimizers.described({"model": model, "optimizer": optimizer})["optimizer"]
    saved = optimizer.state_dict()
    assert optimizers.matched("optimizer", saved, live, live) is saved


@pytest.mark.parametrize("build", BUILDS.values(), ids=BUILDS)
def test_a_reordered_optimizer_goes_on_bit_for_bit(build: Build) -> None:
    model, other = net(), net()
    optimizer, backwards = build(model.parameters()), build(reversed(list(other.parameters())))
    teach(model, optimizer, steps=3)
    resumed({"model": model, "optimizer": optimizer}, {"model": other, "optimizer": backwards})
    teach(model, optimizer)
    teach(other, backwards)
    assert state.difference(weights(model), weights(other)) is None


def test_by_place_alone_the_same_optimizer_would_go_wrong_without_a_complaint() -> None:
    model, other = net(), net()
    optimizer, swapped = (
        torch.optim.Adam(m.parameters(), lr=0.1)
        for m in (model, nn.ModuleList([other[1], other[0], other[2]]))
    )  # fmt: skip
    teach(model, optimizer, steps=3)
    state.restore("model", other, weights(model))
    state.restore("optimizer", swapped, state.snapshot(optimizer.state_dict()))
    teach(model, optimizer)
    teach(other, swapped)
    assert state.difference(weights(model), weights(other)) is not None


def test_a_model_whose_layers_are_registered_in_another_order_goes_on_bit_for_bit() -> None:
    class Pair(nn.Module):
        def __init__(self, *order: str) -> None:
            super().__init__()
            for name in order:
                self.add_module(name, nn.Linear(3, 3))

        def forward(self, rows: Tensor) -> Tensor:
            return self.second(self.first(rows))

    model, other = Pair("first", "second"), Pair("second", "first")
    optimizer, its = (torch.optim.Adam(m.parameters(), lr=0.1) for m in (model, other))
    teach(model, optimizer, steps=3)
    resumed({"model": model, "optimizer": optimizer}, {"model": other, "optimizer": its})
    teach(model, optimizer)
    teach(other, its)
    assert state.difference(weights(model), weights(other)) is None


def test_two_groups_keep_their_own_rates_and_are_reordered_each_for_itself() -> None:
    def grouped(model: nn.Sequential, turned: bool) -> torch.optim.Optimizer:
        decayed, free = [m.weight for m in model], [m.bias for m in model]
        if turned:
            decayed, free = decayed[::-1], free[::-1]
        groups = [{"params": decayed, "weight_decay": 0.3}, {"params": free, "weight_decay": 0.0, "lr": 0.01}]
        return torch.optim.AdamW(groups, lr=0.1)

    model, other = net(), net()
    optimizer, its = grouped(model, turned=False), grouped(other, turned=True)
    teach(model, optimizer, steps=3)
    resumed({"model": model, "optimizer": optimizer}, {"model": other, "optimizer": its})
    teach(model, optimizer)
    teach(other, its)
    assert state.difference(weights(model), weights(other)) is None
    assert [group["lr"] for group in its.param_groups] == [0.1, 0.01]


def test_frozen_parameters_have_no_state_and_keep_none() -> None:
    model, other = net(), net()
    for m in (model, other):
        m[0].requires_grad_(False)
    optimizer, its = (
        torch.optim.Adam(model.parameters(), lr=0.1), torch.optim.Adam(reversed(list(other.parameters())), lr=0.1),
    )  # fmt: skip
    teach(model, optimizer, steps=3)
    resumed({"model": model, "optimizer": optimizer}, {"model": other, "optimizer": its})
    assert sorted(its.state_dict()["state"]) == [0, 1, 2, 3]  # the frozen layer's two come last now
    teach(model, optimizer)
    teach(other, its)
    assert state.difference(weights(model), weights(other)) is None


def test_names_that_torch_itself_records_are_reordered_too() -> None:
    model, other = net(), net()
    optimizer = torch.optim.Adam(model.named_parameters(), lr=0.1)
    its = torch.optim.Adam(reversed(list(other.named_parameters())), lr=0.1)
    expected = its.param_groups[0]["param_names"]
    teach(model, optimizer)
    resumed({"model": model, "optimizer": optimizer}, {"model": other, "optimizer": its})
    assert its.param_groups[0]["param_names"] == expected


def test_two_optimizers_of_a_gan_are_matched_each_for_itself() -> None:
    def gan(turned: bool) -> dict[str, Any]:
        drawer, judge = net(), net()
        order = reversed if turned else iter
        return {
            "drawer": drawer,
            "judge": judge,
            "draws": torch.optim.Adam(order(list(drawer.parameters())), lr=0.1),
            "judges": torch.optim.SGD(order(list(judge.parameters())), lr=0.1, momentum=0.9),
        }

    def step(parts: dict[str, Any], steps: int = 1) -> None:
        teach(parts["drawer"], parts["draws"], steps=steps)
        teach(parts["judge"], parts["judges"], steps=steps)

    one, other = gan(turned=False), gan(turned=True)
    step(one, steps=3)
    resumed(one, other)
    step(one)
    step(other)
    assert state.difference(weights(one["drawer"]), weights(other["drawer"])) is None
    assert state.difference(weights(one["judge"]), weights(other["judge"])) is None


# ---- what does not fit

ENTRY = ["model.0.weight", [3, 3]]
OTHER = ["model.1.weight", [3, 3]]
REFUSED = {
    "missing": ([[ENTRY, OTHER]], [[ENTRY]], "model.1.weight is missing here"),
    "new": ([[ENTRY]], [[ENTRY, OTHER]], "model.1.weight is not in the saved state"),
    "renamed": ([[ENTRY]], [[OTHER]], "model.0.weight is missing here; model.1.weight is not in the saved state"),
    "shape": ([[ENTRY]], [[["model.0.weight", [3, 4]]]], r"model.0.weight \(\[3, 3\] saved, \[3, 4\] here\) is of an"),
    "moved": ([[ENTRY], [OTHER]], [[ENTRY, OTHER], []], r"model.1.weight \(group 1 saved, group 0 here\) is in an"),
    "groups": ([[ENTRY], []], [[ENTRY]], "2 groups saved, 1 here"),
    "swapped": ([[ENTRY], [OTHER]], [[OTHER], [ENTRY]], "model.0.weight .*, model.1.weight .* are in another group"),
}  # fmt: skip


@pytest.mark.parametrize(("saved", "live", "told"), REFUSED.values(), ids=REFUSED)
def test_other_parameters_are_refused_in_one_line_that_names_them(saved: Any, live: Any, told: str) -> None:
    with pytest.raises(Mismatch, match=f"^head_optimizer does not fit the saved state: .*{told}") as refused:
        optimizers.matched("head_optimizer", {"state": {}, "param_groups": []}, saved, live)
    assert "\n" not in str(refused.value)


def test_of_many_the_first_three_are_named_and_the_rest_counted() -> None:
    entries = [[f"model.{i}.weight", [1]] for i in range(10)]
    with pytest.raises(Mismatch, match=r"model\.0\.weight, model\.1\.weight, model\.2\.weight and 7 more are missing"):
        optimizers.matched("optimizer", {}, [entries], [[]])


def test_a_state_that_spans_several_parameters_is_not_reordered() -> None:
    def spanning(model: nn.Module, turned: bool) -> torch.optim.Optimizer:
        parameters = list(model.parameters())
        return torch.optim.LBFGS(parameters[::-1] if turned else parameters, lr=0.1)

    model, other = net(), net()
    optimizer, its = spanning(model, turned=False), spanning(other, turned=True)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = model(torch.ones(2, 3)).square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)  # pyright: ignore[reportArgumentType]
    with pytest.raises(Mismatch, match=r"another order now, and what it remembers of model\.0\.weight is larger"):
        resumed({"model": model, "optimizer": optimizer}, {"model": other, "optimizer": its})
    resumed({"model": model, "optimizer": optimizer}, {"model": other, "optimizer": spanning(other, turned=False)})


# ---- options that the saved state replaces


def built(kind: Any, make: Any = None, **options: Any) -> dict[str, Any]:
    optimizer = kind(nn.Linear(2, 2).parameters(), **options)
    return {"optimizer": optimizer, **({"scheduler": make(optimizer)} if make else {})}


def cosine(optimizer: Any) -> Any:
    return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)


def one_cycle(optimizer: Any) -> Any:
    return torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=10)


@pytest.mark.parametrize(
    ("then", "now", "words"),
    [
        (built(torch.optim.Adam, lr=0.1), built(torch.optim.Adam, lr=0.2), "lr 0.1 (built with 0.2)"),
        (
            built(torch.optim.Adam, cosine, lr=0.1),
            built(torch.optim.Adam, cosine, lr=0.2),
            "initial_lr 0.1 (built with 0.2)",
        ),
        (
            built(torch.optim.Adam, lr=0.1, weight_decay=0.5),
            built(torch.optim.Adam, lr=0.1),
            "weight_decay 0.5 (built with 0)",
        ),
    ],
)
def test_an_option_that_the_saved_state_replaces_is_said(then: Any, now: Any, words: str) -> None:
    kept = {name: part.state_dict() for name, part in then.items()}
    said = list(optimizers.replaced(now, kept))
    assert said == [f"Warning: optimizer goes on with the options in its saved state: {words}"]


@pytest.mark.parametrize("make", [None, cosine, one_cycle])
def test_what_a_schedule_moves_is_not_worth_a_word(make: Any) -> None:
    then, now = built(torch.optim.Adam, make, lr=0.1), built(torch.optim.Adam, make, lr=0.1)
    for _ in range(3):
        then["optimizer"].step()
        if make:
            then["scheduler"].step()
    assert list(optimizers.replaced(now, {name: part.state_dict() for name, part in then.items()})) == []
