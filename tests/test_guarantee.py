"""docs/guarantee.md is true: its claims name tests that exist, and what it does not promise is really not kept"""

import ast
import itertools
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.tree import ROOT
from tests.unbroken import tiny
from unbroken import Run, load
from unbroken.epoch import Epoch
from unbroken.state import difference

PAGE = (ROOT / "docs" / "guarantee.md").read_text()
Quirk = Callable[[Epoch], float]


# ---- the page


def test_every_claim_names_a_test() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| ---")]
    claims = [row for row in rows if "| shown by |" not in row]
    assert len(claims) > 20
    assert [row for row in claims if "`tests/" not in row] == []


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(tests/[^`]+)`", PAGE))))
def test_a_test_that_the_page_names_exists(name: str) -> None:
    file, _, test = name.partition("::")
    functions = {node.name for node in ast.walk(ast.parse((ROOT / file).read_text())) if hasattr(node, "name")}
    assert test in functions, name


# ---- a loop with a weight of its own making in each batch


def train(folder: Path, quirk: Quirk, leave: int = -1, workers: int = 0, **kept: Any) -> dict[str, Any]:
    """The state after two epochs of five batches; or where it was left, with that batch in hand."""
    with Run(str(folder), tiny.feed(workers=workers), epochs=2) as run:
        model, optimizer, _ = tiny.parts()
        run.keep(model=model, optimizer=optimizer, **kept)
        for epoch in run:
            if turn(epoch, model, optimizer, quirk, leave) == "leave":
                break
    return load(str(folder / "checkpoint.pt"))


def turn(epoch: Epoch, model: torch.nn.Module, optimizer: torch.optim.Optimizer, quirk: Quirk, leave: int) -> str:
    for batch in epoch:
        optimizer.zero_grad()
        (model(batch).square().mean() * quirk(epoch)).backward()
        optimizer.step()
        if epoch.step == leave:
            return "leave"
    return ""


def equal(a: dict[str, Any], b: dict[str, Any]) -> bool:
    return difference([a["state_dict"], a["optimizer"]], [b["state_dict"], b["optimizer"]]) is None


def interrupted(folder: Path, quirk: Callable[[], tuple[Quirk, dict[str, Any]]]) -> tuple[dict[str, Any], Any]:
    """An undisturbed run, and one that is left inside its first epoch and goes on in another process's stead: with
    quirks made anew."""
    weight, kept = quirk()
    undisturbed = train(folder / "undisturbed", weight, **kept)
    for leave in (2, -1):
        weight, kept = quirk()
        other = train(folder / "left", weight, leave, **kept)
    return undisturbed, other


# ---- what does not come back


def own_generator() -> tuple[Quirk, dict[str, Any]]:
    generator = torch.Generator().manual_seed(5)
    return lambda _: torch.rand((), generator=generator).item(), {}


def own_counter() -> tuple[Quirk, dict[str, Any]]:
    counter = itertools.count(1)
    return lambda _: next(counter) / 7, {}


def own_list() -> tuple[Quirk, dict[str, Any]]:
    seen: list[float] = []

    def weight(epoch: Epoch) -> float:
        seen.append(1.0 + epoch.step)
        return sum(seen)

    return weight, {}


class Generator:
    """A generator of one's own that can be kept."""

    def __init__(self) -> None:
        self.own = torch.Generator().manual_seed(5)

    def state_dict(self) -> dict[str, Any]:
        return {"state": self.own.get_state()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.own.set_state(state_dict["state"])


def kept_generator() -> tuple[Quirk, dict[str, Any]]:
    generator = Generator()
    return lambda _: torch.rand((), generator=generator.own).item(), {"generator": generator}


def function_of_the_step() -> tuple[Quirk, dict[str, Any]]:
    return lambda epoch: 1.0 / (1 + epoch.step), {}


@pytest.mark.parametrize("quirk", [own_generator, own_counter, own_list])
def test_what_is_not_kept_does_not_come_back(quirk: Any, tmp_path: Path) -> None:
    assert not equal(*interrupted(tmp_path, quirk))


@pytest.mark.parametrize("quirk", [kept_generator, function_of_the_step])
def test_what_is_kept_or_computed_from_the_place_comes_back(quirk: Any, tmp_path: Path) -> None:
    assert equal(*interrupted(tmp_path, quirk))


def test_a_loop_that_asks_the_clock_is_another_one_each_time(tmp_path: Path) -> None:
    runs = [train(tmp_path / name, lambda _: time.perf_counter_ns() % 1_000_003 / 1e6) for name in "ab"]
    assert not equal(*runs)


# ---- what does not matter


def test_numbers_drawn_in_one_step_do_not_move_those_of_the_next(tmp_path: Path) -> None:
    def wasteful(epoch: Epoch) -> float:
        torch.rand(7 * epoch.step)  # after the dropout of this step was drawn
        return 1.0

    assert equal(train(tmp_path / "a", lambda _: 1.0), train(tmp_path / "b", wasteful))
    assert equal(train(tmp_path / "c", lambda _: 1.0), train(tmp_path / "d", wasteful, workers=1))


def test_a_kernel_without_a_deterministic_form_is_an_error_and_not_a_surprise(tmp_path: Path) -> None:
    def scatter(_: Epoch) -> float:
        return torch.zeros(4).put_(torch.tensor([0, 0]), torch.tensor([1.0, 2.0]))[0].item()  # whichever came last

    with pytest.raises(RuntimeError, match="does not have a deterministic implementation"):
        train(tmp_path / "run", scatter)


def test_the_optimizers_choice_of_kernel_is_part_of_its_state(tmp_path: Path) -> None:
    def chosen(foreach: bool, epochs: int) -> Any:
        with Run(str(tmp_path / "run"), tiny.feed(), epochs=epochs) as run:
            model = torch.nn.Linear(4, 1, dtype=torch.float64)
            optimizer = torch.optim.Adam(model.parameters(), foreach=foreach)
            run.keep(model=model, optimizer=optimizer)
            for epoch in run:
                turn(epoch, model, optimizer, lambda _: 1.0, -1)
        return optimizer.param_groups[0]["foreach"]

    assert chosen(foreach=True, epochs=1)
    assert chosen(foreach=False, epochs=2), "the loop went on with another kernel than it began with"
