"""When states are saved, and what becomes of a save that fails"""

import os
from pathlib import Path
from typing import Any

import pytest

from tests.unbroken import children, tiny
from tests.unbroken.test_checkpoint import tree
from unbroken import Every, Keep, Position, load, testing
from unbroken.errors import Unwritable
from unbroken.shelf import Shelf
from unbroken.writer import Writer


class Desk:
    """A writer, what it said, and the states that it asked for."""

    def __init__(self, folder: Path, when: Every, keep: Keep | None = None) -> None:
        folder.mkdir(exist_ok=True)
        self.said, self.asked = list[str](), list[Position]()
        self.shelf = Shelf(str(folder))
        self.writer = Writer(self.shelf, when, keep or Keep(), self.said.append, settle=list)

    def tree(self, position: Position) -> dict[str, Any]:
        self.asked.append(position)
        return tree(epoch=position.epoch, batch=position.batch, step=position.step)

    def commit(self, epoch: int, last: bool = False) -> None:
        position = Position(epoch, 0, 5 * epoch)
        self.writer.commit(position, lambda: self.tree(position), last)


def test_epochs_are_saved_where_that_is_due_and_the_last_always(tmp_path: Path) -> None:
    desk = Desk(tmp_path, Every(epochs=3, background=False))
    for epoch in range(1, 9):
        desk.commit(epoch, last=epoch == 8)
    assert [position.epoch for position in desk.asked] == [3, 6, 8]
    assert load(desk.shelf.checkpoint)["epoch"] == 8
    assert load(desk.shelf.previous)["epoch"] == 6


def test_a_position_is_saved_once(tmp_path: Path) -> None:
    desk = Desk(tmp_path, Every())
    for _ in range(3):
        desk.writer.save(Position(0, 1, 1), lambda: desk.tree(Position(0, 1, 1)))
    assert len(desk.asked) == 1


def test_snapshots_are_kept_for_good_every_so_many_epochs(tmp_path: Path) -> None:
    desk = Desk(tmp_path, Every(background=False), Keep(every=2))
    for epoch in range(1, 6):
        desk.commit(epoch)
    assert sorted(os.listdir(desk.shelf.snapshots)) == ["E002_net.pt", "E004_net.pt"]
    assert load(desk.shelf.snapshot(4))["epoch"] == 4


def test_within_an_epoch_a_save_is_due_when_the_time_since_the_last_one_is_over(tmp_path: Path) -> None:
    assert Desk(tmp_path, Every(minutes=1e-9)).writer.overdue()
    assert not Desk(tmp_path, Every(minutes=10)).writer.overdue()


def test_the_first_state_that_cannot_be_saved_is_an_error(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "run", Every())
    (tmp_path / "run").rmdir()
    with pytest.raises(Unwritable, match=r"no state can be saved in .*run: "):
        desk.writer.first(Position(), lambda: desk.tree(Position()))


def fails_then_tries_again(folder: Path) -> None:
    desk = Desk(folder, Every(background=False), Keep(every=2))
    desk.commit(1)
    children.disk(500)
    for epoch in (2, 3):
        desk.commit(epoch)
    print(desk.writer.failed, len(desk.said), load(desk.shelf.checkpoint)["epoch"])
    children.disk(-1)
    desk.writer.save(Position(3, 0, 15), lambda: desk.tree(Position(3, 0, 15)))
    print(desk.writer.failed, len(desk.said), load(desk.shelf.checkpoint)["epoch"])
    print(*desk.said[:2], sep="\n")


def test_a_save_that_fails_is_said_keeps_the_old_state_whole_and_is_tried_again(tmp_path: Path) -> None:
    ended = children.run(fails_then_tries_again, tmp_path)
    assert ended.code == 0, ended.out
    before, after, snapshot, said = ended.out.splitlines()
    assert before == "True 3 1"
    assert after == "False 3 3"
    assert snapshot.startswith(f"Warning: {tmp_path}/checkpoints/E002_net.pt could not be kept; training goes on (")
    assert said.startswith(
        f"Warning: this state could not be saved: {tmp_path}/checkpoint.pt still holds the one before it, "
        "the next save tries again; training goes on ("
    )
    assert sorted(p.name for p in tmp_path.rglob("*.pt")) == ["checkpoint.prev.pt", "checkpoint.pt"]


# ---- a whole run on a disk that fills up


def fills_up(folder: Path, room: int, until: int, leave: int) -> None:
    """The disk is full from step 3 until step `until`; the loop is left at step `leave`."""

    def inside(epoch: Any) -> object:
        if epoch.step == 3:
            children.disk(room)
        if epoch.step == until:
            children.disk(-1)
        return "leave" if epoch.step == leave else None

    tiny.train(folder, epochs=3, inside=inside)


@pytest.mark.parametrize("room", [0, 700, 3000])
def test_a_full_disk_does_not_end_training_and_the_exit_code_tells_what_was_lost(tmp_path: Path, room: int) -> None:
    ended = children.run(fills_up, tmp_path / "run", room, 1000, 1000)
    assert ended.code == 74, ended.out
    assert "this state could not be saved" in ended.out
    assert "epoch 3/3" in ended.out
    assert "Traceback" not in ended.out
    assert load(str(tmp_path / "run" / "checkpoint.pt"))["step"] == 0


def test_after_a_full_disk_the_same_command_goes_on_and_no_bit_differs(tmp_path: Path) -> None:
    tiny.train(tmp_path / "undisturbed", epochs=3)
    assert children.run(fills_up, tmp_path / "run", 3000, 1000, 1000).code == 74
    tiny.train(tmp_path / "run", epochs=3)
    assert testing.difference(str(tmp_path / "run/checkpoint.pt"), str(tmp_path / "undisturbed/checkpoint.pt")) is None
    assert testing.records(str(tmp_path / "run")) == testing.records(str(tmp_path / "undisturbed"))


def test_a_disk_that_has_room_again_in_time_costs_nothing(tmp_path: Path) -> None:
    ended = children.run(fills_up, tmp_path / "run", 700, 12, 1000)
    assert ended.code == 0, ended.out
    assert "this state could not be saved" in ended.out
    assert load(str(tmp_path / "run" / "checkpoint.pt"))["step"] == 15


def test_who_leaves_the_loop_early_on_a_full_disk_is_told_by_the_exit_code_too(tmp_path: Path) -> None:
    ended = children.run(fills_up, tmp_path / "run", 700, 1000, 7)
    assert "this state could not be saved" in ended.out
    assert ended.code == 74, ended.out


def begins_without_room(folder: Path) -> None:
    children.disk(100)
    try:
        tiny.train(folder)
    except Unwritable as refused:
        print("refused:", refused)


def test_a_run_that_cannot_save_its_first_state_does_not_begin(tmp_path: Path) -> None:
    ended = children.run(begins_without_room, tmp_path / "run")
    assert ended.code == 0, ended.out
    assert ended.out.startswith("refused: no state can be saved in "), ended.out


def goes_on_without_room(folder: Path, room: int) -> None:
    children.disk(room)
    try:
        tiny.train(folder, epochs=3)
    except Unwritable as refused:
        print("refused:", refused)


@pytest.mark.parametrize("room", [0, 700])
def test_a_run_that_cannot_go_on_for_want_of_room_says_so_in_one_line_or_by_its_exit_code(
    tmp_path: Path, room: int
) -> None:
    tiny.train(tmp_path / "run", epochs=3, inside=tiny.at(3, "leave"))
    ended = children.run(goes_on_without_room, tmp_path / "run", room)
    assert "Traceback" not in ended.out
    assert "refused: " in ended.out or ended.code == 74
    assert load(str(tmp_path / "run" / "checkpoint.pt"))["step"] == 4


def branches_without_room(folder: Path, room: int) -> None:
    children.disk(room)
    try:
        tiny.train(folder, epochs=3, resume=str(folder / "checkpoints" / "E001_net.pt"))
    except Unwritable as refused:
        print("refused:", refused)


@pytest.mark.parametrize("room", [0, 700])
def test_going_back_without_room_loses_no_state(tmp_path: Path, room: int) -> None:
    tiny.train(tmp_path / "run", epochs=3, snapshots=Keep(every=1))
    ended = children.run(branches_without_room, tmp_path / "run", room)
    assert "Traceback" not in ended.out
    assert "refused: " in ended.out
    steps = sorted(load(str(path))["step"] for path in (tmp_path / "run").rglob("*.pt"))
    assert steps == [5, 10, 10, 15, 15]
