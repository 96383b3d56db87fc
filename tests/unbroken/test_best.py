"""The best epoch so far, and best.pt"""

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

import unbroken
from unbroken.best import Best
from unbroken.errors import Error

SCORES = (0.3, 0.5, 0.4, 0.5, 0.6, 0.1)


def offered(keep: unbroken.Keep, values: tuple[float, ...]) -> list[int]:
    best = Best(keep)
    return [k for k, value in enumerate(values, 1) if best.offer({"valid": {"score": value}}, k)]


def test_an_epoch_is_better_only_where_it_beats_all_before() -> None:
    assert offered(unbroken.Keep(best="valid.score"), SCORES) == [1, 2, 5]


def test_lower_is_better_where_that_is_asked_for() -> None:
    assert offered(unbroken.Keep(best="valid.score", lower=True), SCORES) == [1, 6]


def test_what_is_not_a_number_is_never_the_best() -> None:
    assert offered(unbroken.Keep(best="valid.score"), (float("nan"), 0.1, float("nan"))) == [2]


def test_nothing_is_best_and_nothing_is_stored_where_none_is_asked_for() -> None:
    best = Best(unbroken.Keep())
    assert not best.offer({"valid": {"score": 1.0}}, 1)
    assert best.state_dict() == {}
    assert best.warnings() == []


def test_an_epoch_without_the_value_is_told_of_once() -> None:
    best = Best(unbroken.Keep(best="valid.score"))
    assert not best.offer({"valid": {"loss": 1.0}}, 1)
    assert best.warnings() == ["Warning: epoch 1 logged no valid.score, by which best.pt is to be kept"]
    assert not best.offer({"train": {}}, 2)
    assert best.warnings() == []


def test_whoever_validates_now_and_then_is_not_warned() -> None:
    best = Best(unbroken.Keep(best="valid.score"))
    assert best.offer({"valid": {"score": 0.5}}, 1)
    assert not best.offer({"train": {}}, 2)
    assert best.warnings() == []


def test_a_history_of_another_value_does_not_count() -> None:
    past = Best(unbroken.Keep(best="valid.score"))
    past.offer({"valid": {"score": 0.9}}, 7)
    for name, epoch in (("valid.score", 7), ("valid.loss", 0)):
        best = Best(unbroken.Keep(best=name))
        best.load_state_dict(past.state_dict())
        assert best.epoch == epoch


def train(
    folder: Path, epochs: int = len(SCORES), *, resume: str | None = None, scores: tuple[float, ...] = SCORES
) -> unbroken.Run:
    """A run whose epochs score as given; every state of it is another one."""
    feed = unbroken.Feed(TensorDataset(torch.arange(4.0).reshape(4, 1)), batch_size=2)
    keep = unbroken.Keep(every=1, best="valid.score")
    with unbroken.Run(str(folder), feed, epochs=epochs, snapshots=keep, resume=resume) as run:
        model = nn.Linear(1, 1)
        run.keep(model=model)
        for epoch in run:
            for _ in epoch:
                with torch.no_grad():
                    model.weight += 1
            run.log(valid={"score": scores[run.position.epoch]})
    return run


def best_epoch(folder: Path) -> int:
    return unbroken.load(str(folder / "best.pt"))["epoch"]


def test_best_pt_is_the_whole_state_of_the_best_epoch(tmp_path: Path) -> None:
    train(tmp_path)
    best, snapshot = (unbroken.load(str(tmp_path / name)) for name in ("best.pt", "checkpoints/E005_net.pt"))
    assert best["best"] == {"name": "valid.score", "value": 0.6, "epoch": 5}
    assert torch.equal(best["state_dict"]["weight"], snapshot["state_dict"]["weight"])
    assert unbroken.load(str(tmp_path / "checkpoint.pt"))["epoch"] == 6


def test_the_comparison_goes_on_after_a_stop(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="in the way"):
        stopped_after(tmp_path, 3)
    assert best_epoch(tmp_path) == 2
    train(tmp_path)
    assert best_epoch(tmp_path) == 5


def stopped_after(folder: Path, epochs: int) -> None:
    """As train, with an error in the epoch after so many."""
    scores = SCORES[:epochs]

    class Ends(tuple[float, ...]):
        def __getitem__(self, place: object) -> float:  # pyright: ignore[reportIncompatibleMethodOverride]
            if place == epochs:
                raise RuntimeError("in the way")
            return scores[place]  # pyright: ignore[reportArgumentType]

    train(folder, scores=Ends(scores))


def test_a_run_that_died_between_the_two_names_gets_the_second(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="in the way"):
        stopped_after(tmp_path, 2)
    (tmp_path / "best.pt").unlink()
    (tmp_path / "best.pt").symlink_to(tmp_path / "checkpoints" / "E001_net.pt")
    with pytest.raises(RuntimeError, match="in the way"):
        stopped_after(tmp_path, 2)
    assert best_epoch(tmp_path) == 2


def test_a_branch_moves_a_later_best_out_of_the_way_and_compares_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(tmp_path)
    train(tmp_path, resume=str(tmp_path / "checkpoints" / "E003_net.pt"), scores=(0, 0, 0, 0.1, 0.2, 0.1))
    assert best_epoch(tmp_path) == 5
    assert unbroken.load(str(tmp_path / "best.pt"))["best"]["value"] == 0.2
    assert unbroken.load(str(tmp_path / "checkpoints" / "left-behind" / "best.pt"))["best"]["value"] == 0.6
    assert "best.pt of epoch 2 is not here: the best is kept from here on" in capsys.readouterr().out


def test_a_damaged_best_is_set_aside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError, match="in the way"):
        stopped_after(tmp_path, 3)
    (tmp_path / "best.pt").unlink()
    (tmp_path / "best.pt").write_bytes(b"nothing of the kind")
    train(tmp_path)
    assert (tmp_path / "best.pt.damaged").read_bytes() == b"nothing of the kind"
    assert best_epoch(tmp_path) == 5
    assert "set aside as" in capsys.readouterr().out


def test_the_states_are_told_with_the_best(tmp_path: Path) -> None:
    run = train(tmp_path, epochs=2)
    assert str(tmp_path / "best.pt") in run.shelf.states()
    with pytest.raises(Error):
        unbroken.load(str(tmp_path / "worst.pt"))


@pytest.mark.parametrize(("name", "words"), [("valid.iou", "valid iou"), ("loss", "loss")])
def test_a_line_shows_the_value_by_its_own_name(name: str, words: str) -> None:
    record = {"valid": {"score": 0.25, "iou": 0.5}, "loss": 0.75}
    assert Best(unbroken.Keep(best=name)).shown(record) == {words: {"valid.iou": 0.5, "loss": 0.75}[name]}
    assert Best(unbroken.Keep(best=name)).shown({"valid": {"score": 0.25}}) == {}
    assert Best(unbroken.Keep()).shown(record) == {}
