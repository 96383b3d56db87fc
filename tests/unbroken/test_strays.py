"""Tensors of kept modules that are in no state"""

import gc
import warnings
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from unbroken.strays import Strays, strays


class Model(nn.Module):
    """A layer, and whatever a test hangs on it."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.register_buffer("count", torch.zeros(()))
        for name, value in attributes.items():
            setattr(self, name, value)


def table(model: nn.Module) -> nn.Module:
    model.register_buffer("table", torch.arange(4.0), persistent=False)
    return model


# ---- what is a stray


def test_what_a_state_dict_holds_is_none() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.LSTM(2, 2))  # the LSTM has its weights in a list too
    assert strays({"model": model, "optimizer": torch.optim.Adam(model.parameters())}) == {}


LOOSE: dict[str, tuple[Callable[[], nn.Module], list[str]]] = {
    "a buffer that is not persistent": (lambda: table(Model()), ["model.table"]),
    "one in an inner module": (lambda: nn.Sequential(table(Model())), ["model.0.table"]),
    "a plain attribute": (lambda: Model(hidden=torch.zeros(2)), ["model.hidden"]),
    "a plain list": (lambda: Model(hidden=[torch.zeros(2), 5, torch.ones(2)]), ["model.hidden[0]", "model.hidden[2]"]),
    "a plain dict": (lambda: Model(cache={"k": torch.zeros(2), 7: None}), ["model.cache['k']"]),
    "parameters in a plain list": (lambda: Model(extra=[nn.Parameter(torch.zeros(2))]), ["model.extra[0]"]),
    "a module in a plain list": (
        lambda: Model(layers=[nn.BatchNorm1d(2, affine=False)]),
        [f"model.layers[0].{name}" for name in ("running_mean", "running_var", "num_batches_tracked")],
    ),
}


@pytest.mark.parametrize(("build", "paths"), LOOSE.values(), ids=LOOSE)
def test_what_no_state_dict_holds_is_found_by_its_path(build: Callable[[], nn.Module], paths: list[str]) -> None:
    assert list(strays({"model": build()})) == paths


def test_a_tensor_that_another_kept_module_holds_is_none() -> None:
    teacher = nn.BatchNorm1d(2)
    student = Model(targets=[teacher], shared=[teacher.running_mean])
    assert len(strays({"student": student})) == 6  # two parameters and three buffers, one of these by two paths
    assert strays({"student": student, "teacher": teacher}) == {}


def test_a_module_that_writes_a_state_of_its_own_is_trusted_with_its_attributes() -> None:
    class Extra(Model):
        def get_extra_state(self) -> Any:
            return {"hidden": self.hidden}

    class Own(Model):
        def state_dict(self, *arguments: Any, **options: Any) -> Any:
            return {**super().state_dict(*arguments, **options), "hidden": self.hidden}

    for kind in (Extra, Own):
        assert strays({"model": kind(hidden=torch.zeros(2))}) == {}


def test_parts_that_are_no_modules_have_none() -> None:
    class Own:
        hidden = torch.zeros(2)

    assert strays({"own": Own(), "optimizer": torch.optim.SGD([torch.zeros(1, requires_grad=True)])}) == {}


def test_results_of_a_batch_that_hang_on_its_graph_are_none() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # it is old, it is still in use
        normed = nn.utils.weight_norm(nn.Linear(2, 2))  # computes the attribute `weight` in each forward pass
    model = Model(normed=normed)
    model.features = normed(torch.ones(1, 2))  # pyright: ignore[reportAttributeAccessIssue]
    assert strays({"model": model}) == {}


# ---- which of them changed


def test_a_table_that_stays_as_it_was_is_not_named() -> None:
    model = table(Model())
    look = Strays({"model": model})
    model.layer(torch.ones(2)).sum().backward()
    torch.optim.SGD(model.parameters(), lr=0.1).step()
    assert look.changed() == []


CHANGES: dict[str, tuple[Callable[[], nn.Module], Callable[[Any], object], str]] = {
    "a buffer in place": (lambda: table(Model()), lambda m: m.table.add_(1), "model.table"),
    "a buffer by another": (lambda: table(Model()), lambda m: setattr(m, "table", torch.ones(4)), "model.table"),
    "an attribute in place": (lambda: Model(a=torch.zeros(2)), lambda m: m.a.zero_(), "model.a"),
    "an attribute by another": (lambda: Model(a=torch.zeros(2)), lambda m: setattr(m, "a", m.a + 1), "model.a"),
    "in a list": (lambda: Model(a=[torch.zeros(2)]), lambda m: m.a[0].mul_(2), "model.a[0]"),
    "in a dict": (lambda: Model(a={"b": torch.zeros(2)}), lambda m: m.a.update(b=torch.ones(2)), "model.a['b']"),
}


@pytest.mark.parametrize(("build", "change", "path"), CHANGES.values(), ids=CHANGES)
def test_one_that_changed_is_named_once(build: Callable[[], nn.Module], change: Any, path: str) -> None:
    model = build()
    look = Strays({"model": model})
    change(model)
    assert look.changed() == [path]
    change(model)
    assert look.changed() == []


def test_each_of_them_makes_one_warning_that_says_what_to_do() -> None:
    model: Any = Model(hidden=torch.zeros(2), other=torch.zeros(2))
    look = Strays({"model": model})
    model.hidden += 1
    (warning,) = look.warnings()
    assert warning.startswith("Warning: model.hidden changes in training, but no state holds it")
    assert "register it as a buffer, or keep it" in warning


def test_parameters_that_an_optimizer_trains_though_no_state_holds_them_are_named() -> None:
    model = Model(layers=[nn.Linear(2, 2)])
    optimizer = torch.optim.Adam([*model.parameters(), *model.layers[0].parameters()])
    look = Strays({"model": model})
    model.layers[0](torch.ones(1, 2)).sum().backward()
    optimizer.step()
    assert look.changed() == ["model.layers[0].weight", "model.layers[0].bias"]


def test_a_table_that_the_first_batch_builds_is_named_only_when_it_changes_once_more() -> None:
    model: Any = Model()
    look = Strays({"model": model})
    model.cosines = torch.ones(3)
    assert look.changed() == []
    assert look.changed() == []
    model.cosines += 1
    assert look.changed() == ["model.cosines"]


def test_a_new_tensor_at_the_address_of_a_freed_one_is_a_change() -> None:
    model: Any = Model(hidden=torch.zeros(2))
    look = Strays({"model": model})
    for _ in range(3):
        address = id(model.hidden)
        model.hidden = None
        model.hidden = torch.ones(2)
        if id(model.hidden) == address:  # python gives addresses of freed objects out again, mostly at once
            break
    assert look.changed() == ["model.hidden"]


def test_to_look_keeps_nothing_alive() -> None:
    model: Any = Model(hidden=torch.zeros(2))
    look, hidden = Strays({"model": model}), weakref.ref(model.hidden)
    model.hidden = None
    gc.collect()
    assert hidden() is None
    assert look.changed() == []


def test_odd_tensors_are_looked_at_without_a_complaint() -> None:
    with torch.inference_mode():
        made: Tensor = torch.zeros(2)
    sparse = torch.zeros(2, 2).to_sparse()
    model = Model(made=made, sparse=sparse, empty=torch.zeros(0), meta=torch.zeros(1, device="meta"))
    look = Strays({"model": model})
    assert look.changed() == []
    assert len(strays({"model": model})) == 4
