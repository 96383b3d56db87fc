"""When states are saved, and what becomes of a save that fails"""

import errno
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.unbroken import children, tiny
from tests.unbroken.test_checkpoint import tree
from unbroken import Every, Keep, Position, load, state, testing
from unbroken.errors import Unwritable
from unbroken.shelf import Shelf
from unbroken.writer import Writer


class Desk:
    """A writer, what it said, and the states that it asked for. A save is held up in the background by `settle`."""

    def __init__(
        self, folder: Path, when: Every, keep: Keep | None = None, settle: Callable[[], object] = list
    ) -> None:  # fmt: skip
        folder.mkdir(exist_ok=True)
        self.said, self.asked = list[str](), list[Position]()
        self.shelf = Shelf(str(folder))
        self.writer = Writer(self.shelf, when, keep or Keep(), self.said.append, lambda: settle() and None)

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


@pytest.mark.parametrize("background", [True, False])
def test_what_saves_took_adds_up_a_write_that_training_waits_for_as_a_stall(tmp_path: Path, background: bool) -> None:
    desk = Desk(tmp_path, Every(background=background), settle=lambda: time.sleep(0.1))
    for epoch in (1, 2):
        desk.commit(epoch, last=True)
        desk.writer.wait()
    spent = desk.writer.spent
    assert spent.saves == 2
    assert (spent.written if background else spent.stalled) >= 0.2
    assert (spent.stalled < spent.written) if background else spent.written == 0.0


def test_the_first_state_that_cannot_be_saved_is_an_error(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "run", Every())
    (tmp_path / "run").rmdir()
    with pytest.raises(Unwritable, match=r"no state can be saved in .*run: "):
        desk.writer.first(Position(), lambda: desk.tree(Position()), there=False)


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


# ---- in the background


class Gate:
    """Holds a save up, just before it is written, until it is opened."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self.open = self._open.set

    def __call__(self) -> None:
        assert self._open.wait(60)


def test_the_file_holds_the_state_of_the_seam_although_training_goes_on(tmp_path: Path) -> None:
    gate, model = Gate(), nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    desk, optimizer = Desk(tmp_path, Every(), settle=gate), torch.optim.Adam(model.parameters(), lr=0.1)

    def step() -> None:
        optimizer.zero_grad()
        model(torch.randn(8, 3)).square().sum().backward()
        optimizer.step()

    def live() -> dict[str, Any]:
        return tree(state_dict=model.state_dict(), optimizer=optimizer.state_dict())

    step()
    seam = state.snapshot(live())
    desk.writer.save(Position(0, 1, 1), live)
    step()  # weights, running means, the optimizer's memory and its count of steps change in place
    assert state.difference(seam, live()) is not None
    gate.open()
    desk.writer.close()
    saved = load(desk.shelf.checkpoint)
    assert state.difference(seam, {name: saved[name] for name in seam}) is None


def test_one_save_is_under_way_and_a_newer_state_takes_the_place_of_one_that_waits(tmp_path: Path) -> None:
    gate = Gate()
    desk = Desk(tmp_path, Every(), settle=gate)
    for epoch in (1, 2, 3):
        desk.commit(epoch)
        assert not desk.writer.overdue()
    assert [position.step for position in desk.asked] == [5]
    assert desk.writer.saved is None
    gate.open()
    desk.writer.wait()
    assert desk.writer.saved == Position(1, 0, 5)
    assert desk.writer.overdue()
    desk.writer.save(Position(3, 1, 16), lambda: desk.tree(Position(3, 1, 16)))
    desk.writer.close()
    assert [position.step for position in desk.asked] == [5, 16]
    assert [load(path)["step"] for path in (desk.shelf.previous, desk.shelf.checkpoint)] == [5, 16]
    assert desk.writer.saved == Position(3, 1, 16)


def test_snapshots_and_the_last_epoch_are_of_that_very_epoch_and_disturb_no_save_under_way(tmp_path: Path) -> None:
    gate, asked, weight = Gate(), threading.Event(), torch.zeros(4)
    desk = Desk(tmp_path, Every(), Keep(every=2), settle=gate)

    def commit(epoch: int, last: bool = False) -> None:
        weight.fill_(epoch)
        position = Position(epoch, 0, 5 * epoch)
        desk.writer.commit(position, lambda: {**desk.tree(position), "state_dict": {"w": weight}}, last)

    commit(1)
    # Opened once the next state was copied, were it copied too early; soon after, where that waits as it must.
    threading.Thread(target=lambda: (asked.wait(0.1), gate.open())).start()
    desk.tree = lambda position: (asked.set(), tree(epoch=position.epoch, step=position.step))[1]
    commit(2)
    commit(3, last=True)
    desk.writer.close()
    paths = (desk.shelf.snapshot(2), desk.shelf.previous, desk.shelf.checkpoint)
    held = [(load(path)["epoch"], load(path)["state_dict"]["w"].tolist()) for path in paths]
    assert held == [(2, [2.0] * 4), (2, [2.0] * 4), (3, [3.0] * 4)]
    assert weight.tolist() == [3.0] * 4


def test_a_failure_in_the_background_is_said_at_the_next_seam_and_the_next_save_tries_again(tmp_path: Path) -> None:
    gate = Gate()
    desk = Desk(tmp_path / "run", Every(), settle=gate)
    desk.commit(1)
    shutil.rmtree(tmp_path / "run")
    gate.open()
    desk.writer.wait()
    assert desk.said == [
        f"Warning: this state could not be saved: {tmp_path}/run/checkpoint.pt still holds the one before it, the next "
        f"save tries again; training goes on ([Errno 2] No such file or directory: '{tmp_path}/run/checkpoint.pt"
        ".unbroken-tmp')"
    ]
    assert (desk.writer.failed, desk.writer.saved) == (True, None)
    (tmp_path / "run").mkdir()
    desk.commit(2)
    desk.writer.close()
    assert (desk.writer.failed, desk.writer.saved) == (False, Position(2, 0, 10))
    assert load(desk.shelf.checkpoint)["epoch"] == 2


def nested(levels: int) -> list[Any]:
    """Refused when it is read back, as a file is in which the disk has changed something."""
    return [nested(levels - 1)] if levels else []


def test_a_file_that_is_not_read_back_is_a_save_that_failed_whatever_is_wrong_with_it(tmp_path: Path) -> None:
    desk = Desk(tmp_path, Every(background=False))
    desk.commit(1)
    desk.writer.save(Position(1, 1, 6), lambda: tree(kept={"mine": nested(200)}))
    assert desk.writer.failed
    assert "this state could not be saved" in desk.said[0]
    desk.commit(2)
    assert load(desk.shelf.checkpoint)["epoch"] == 2


def unsynced() -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_where_the_journal_is_not_safe_no_state_vouches_for_it_and_the_lost_snapshot_is_named(tmp_path: Path) -> None:
    desk = Desk(tmp_path, Every(background=False), Keep(every=2), settle=unsynced)
    desk.commit(2)
    assert not any(tmp_path.rglob("*.pt"))
    assert desk.writer.failed
    assert f"this state could not be saved, {desk.shelf.snapshot(2)} is not kept: " in desk.said[0]


# ---- retention


def test_an_older_snapshot_goes_only_after_the_newer_one_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, remove = list[tuple[str, int]](), os.remove

    def looking(path: str) -> None:
        if path.endswith("_net.pt"):
            newest = desk.shelf.newest()
            assert newest is not None
            gone.append((os.path.basename(path), load(desk.shelf.kept()[0])["epoch"]))
        remove(path)

    desk = Desk(tmp_path, Every(background=False), Keep(every=1, latest=2))
    monkeypatch.setattr(os, "remove", looking)
    for epoch in range(1, 5):
        desk.commit(epoch)
    assert gone == [("E001_net.pt", 3), ("E002_net.pt", 4)]
    assert sorted(os.listdir(desk.shelf.snapshots)) == ["E003_net.pt", "E004_net.pt"]


def keeps_one_on_a_full_disk(folder: Path) -> None:
    desk = Desk(folder, Every(background=False), Keep(every=1, latest=1))
    desk.commit(1)
    children.disk(500)
    desk.commit(2)
    print(os.listdir(desk.shelf.snapshots), load(desk.shelf.kept()[0])["epoch"])
    children.disk(-1)
    desk.commit(3)
    print(os.listdir(desk.shelf.snapshots), load(desk.shelf.kept()[0])["epoch"])


def test_where_the_newer_snapshot_cannot_be_written_the_older_one_stays(tmp_path: Path) -> None:
    ended = children.run(keeps_one_on_a_full_disk, tmp_path)
    assert ended.out == "['E001_net.pt'] 1\n['E003_net.pt'] 3\n"


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
