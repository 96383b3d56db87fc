"""The work dir's files"""

import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.unbroken import children
from tests.unbroken.test_checkpoint import flipped, tree
from unbroken import state
from unbroken.errors import Damaged, Foreign, Unwritable
from unbroken.shelf import TEMPORARY, Shelf


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    (tmp_path / "run").mkdir()
    return Shelf(str(tmp_path / "run"))


def put(shelf: Shelf, *steps: int) -> None:
    for step in steps:
        shelf.put(tree(step=step, epoch=step))


def damage(path: str) -> None:
    content = Path(path).read_bytes()
    values = content.index(tree()["state_dict"]["w"].numpy().tobytes())
    Path(path).write_bytes(flipped(content, 8 * values + 30))


def damage_any(path: str) -> None:
    """Damage a state of any content."""
    content = Path(path).read_bytes()
    Path(path).write_bytes(content[: len(content) // 2])


def listing(shelf: Shelf) -> list[str]:
    return sorted(str(p.relative_to(shelf.folder)) for p in Path(shelf.folder).rglob("*") if p.is_file())


def newest(shelf: Shelf) -> tuple[str | None, list[str]]:
    said: list[str] = []
    found = shelf.newest()
    if found:
        shelf.set_aside(found, said.append)
    return (os.path.relpath(found.path, shelf.folder) if found else None), said


def leave_behind(shelf: Shelf, step: int) -> list[str]:
    return [shelf.move_behind(path) for path in shelf.later(step)]


# ---- which state


def test_paths_are_those_that_the_user_typed() -> None:
    shelf = Shelf("./exp_per_part")
    assert shelf.checkpoint == "./exp_per_part/checkpoint.pt"
    assert shelf.snapshot(7) == "./exp_per_part/checkpoints/E007_net.pt"
    assert shelf.snapshot(12345) == "./exp_per_part/checkpoints/E12345_net.pt"


def test_a_folder_that_never_held_a_state_has_none(shelf: Shelf) -> None:
    assert newest(shelf) == (None, [])
    assert Shelf(shelf.folder + "/nowhere").newest() is None


def test_the_state_before_stays_beside_the_newest(shelf: Shelf) -> None:
    put(shelf, 1, 2, 3)
    assert listing(shelf) == ["checkpoint.prev.pt", "checkpoint.pt"]
    found = shelf.newest()
    assert found is not None
    assert (found.path, found.tree["step"]) == (shelf.checkpoint, 3)
    os.remove(shelf.checkpoint)
    found = shelf.newest()
    assert found is not None
    assert (found.path, found.tree["step"]) == (shelf.previous, 2)


def test_a_damaged_newest_is_set_aside_under_a_new_name_and_the_reason_said(shelf: Shelf) -> None:
    put(shelf, 1, 2)
    damage(shelf.checkpoint)
    content = Path(shelf.checkpoint).read_bytes()
    path, said = newest(shelf)
    assert path == "checkpoint.prev.pt"
    (line,) = said
    assert line.startswith(f"{shelf.checkpoint} is damaged: its content does not match its digest")
    assert line.endswith(f"; set aside as {shelf.checkpoint}.damaged")
    assert Path(shelf.checkpoint + ".damaged").read_bytes() == content
    assert newest(shelf) == ("checkpoint.prev.pt", [])


def test_what_is_set_aside_again_gets_a_name_that_nothing_has(shelf: Shelf) -> None:
    for name in ("checkpoint.pt.damaged", "checkpoint.pt.damaged-2"):
        put(shelf, 1, 2)
        damage(shelf.checkpoint)
        newest(shelf)
        assert name in listing(shelf)


@pytest.mark.parametrize(("snapshot", "chosen"), [(5, "checkpoints/E005_net.pt"), (1, "checkpoint.prev.pt")])
def test_behind_a_damaged_newest_the_later_of_previous_and_snapshots_is_taken(
    shelf: Shelf, snapshot: int, chosen: str
) -> None:
    put(shelf, 3, 6)
    shelf.put_snapshot(tree(step=snapshot, epoch=snapshot))
    damage(shelf.checkpoint)
    assert newest(shelf)[0] == chosen


def test_snapshots_are_tried_from_the_latest_by_number_and_not_by_name(shelf: Shelf) -> None:
    for epoch in (2, 999, 1000):
        shelf.put_snapshot(tree(step=epoch, epoch=epoch))
    assert newest(shelf)[0] == "checkpoints/E1000_net.pt"
    damage(shelf.snapshot(1000))
    path, said = newest(shelf)
    assert path == "checkpoints/E999_net.pt"
    assert len(said) == 1


def test_foreign_files_among_the_snapshots_are_not_looked_at(shelf: Shelf) -> None:
    shelf.put_snapshot(tree())
    for name in ("notes.txt", "E5.pt", "best_E009_net.pt", "E009_net.pt.bak"):
        Path(shelf.snapshots, name).write_text("mine")
    assert newest(shelf) == ("checkpoints/E002_net.pt", [])


def test_when_all_are_damaged_it_is_an_error_and_nothing_moves(shelf: Shelf) -> None:
    put(shelf, 1, 2)
    shelf.put_snapshot(tree())
    for path in (shelf.checkpoint, shelf.previous, shelf.snapshot(2)):
        damage(path)
    before = listing(shelf)
    for _ in range(2):
        with pytest.raises(Damaged, match=r"holds states, but none is whole: .*; .*; .*; nothing was changed$"):
            newest(shelf)
        assert listing(shelf) == before


def test_where_states_were_set_aside_a_run_never_begins_anew_in_silence(shelf: Shelf) -> None:
    put(shelf, 1, 2)
    damage(shelf.checkpoint)
    newest(shelf)
    os.remove(shelf.previous)
    with pytest.raises(Damaged, match="all were set aside as damaged"):
        newest(shelf)


def test_where_a_snapshot_was_set_aside_a_run_never_begins_anew_in_silence(shelf: Shelf) -> None:
    for epoch in (1, 2):
        shelf.put_snapshot(tree(epoch=epoch, step=epoch))
    damage(shelf.snapshot(2))
    newest(shelf)
    os.remove(shelf.snapshot(1))
    with pytest.raises(Damaged):
        newest(shelf)


def test_a_whole_newest_is_taken_without_a_look_at_the_others(shelf: Shelf) -> None:
    put(shelf, 1, 2)
    damage(shelf.previous)
    assert newest(shelf) == ("checkpoint.pt", [])


def test_a_snapshot_shares_no_bytes_with_the_checkpoint(shelf: Shelf) -> None:
    put(shelf, 2)
    path = shelf.put_snapshot(tree())
    assert not os.path.samefile(path, shelf.checkpoint)


# ---- what is moved


def test_later_states_are_left_behind_and_earlier_ones_stay(shelf: Shelf) -> None:
    put(shelf, 3, 4)
    for epoch in (1, 2, 3):
        shelf.put_snapshot(tree(step=epoch, epoch=epoch))
    moved = leave_behind(shelf, 2)
    assert sorted(map(os.path.basename, moved)) == ["E003_net.pt", "checkpoint.prev.pt", "checkpoint.pt"]
    assert [name for name in listing(shelf) if "left-behind" not in name] == [
        "checkpoints/E001_net.pt", "checkpoints/E002_net.pt",
    ]  # fmt: skip


def test_what_is_left_behind_never_overwrites_what_was_left_before(shelf: Shelf) -> None:
    for step in (5, 6):
        put(shelf, step)
        leave_behind(shelf, 0)
    names = [name for name in os.listdir(shelf.behind) if name.startswith("checkpoint.pt")]
    assert sorted(names) == ["checkpoint.pt", "checkpoint.pt-2"]


def test_a_damaged_state_is_left_behind_too(shelf: Shelf) -> None:
    put(shelf, 1)
    damage(shelf.checkpoint)
    assert leave_behind(shelf, 100) == [os.path.join(shelf.behind, "checkpoint.pt")]


# ---- a save that fails


def fails(folder: str) -> None:
    shelf = Shelf(folder)
    put(shelf, 1, 2)
    children.disk(20_000)
    try:
        shelf.put(tree(step=3, state_dict={"w": torch.ones(100_000)}))
    except (OSError, RuntimeError) as reason:
        print(type(reason).__name__)
    children.disk(-1)


def test_a_save_that_fails_leaves_both_states_whole_and_no_litter(shelf: Shelf) -> None:
    ended = children.run(fails, shelf.folder)
    assert ended.code == 0, ended.out
    assert ended.out.strip(), "the save did not fail"
    assert listing(shelf) == ["checkpoint.prev.pt", "checkpoint.pt"]
    found = shelf.newest()
    assert found is not None
    assert found.tree["step"] == 2


# ---- the record


def test_run_json_is_replaced_as_a_whole(shelf: Shelf) -> None:
    assert shelf.read_record() is None
    shelf.write_record({"sessions": []})
    assert shelf.read_record() == {"sessions": []}
    assert listing(shelf) == ["run.json"]


def test_a_damaged_run_json_is_an_error_that_says_what_to_do(shelf: Shelf) -> None:
    for content in ("{", "[1]", '"text"', "{}", '{"sessions": [1]}'):
        Path(shelf.record).write_text(content)
        with pytest.raises(Damaged, match=r"run.json is damaged \(.*\); move it away, the states do not need it"):
            shelf.read_record()


def test_what_a_killed_save_left_is_swept_and_nothing_else(shelf: Shelf) -> None:
    shelf.put_snapshot(tree())
    for path in (shelf.checkpoint + TEMPORARY, shelf.snapshot(3) + TEMPORARY, shelf.folder + "/model.tmp"):
        Path(path).write_text("half")
    with shelf.locked(print):
        assert listing(shelf) == ["checkpoints/E002_net.pt", "model.tmp", "run.lock"]


def test_a_work_dir_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "run"):
        with (
            pytest.raises(Unwritable, match=f"the work dir {folder} cannot be made: "),
            Shelf(str(folder)).locked(print),
        ):
            pass


def test_found_states_are_those_that_were_put(shelf: Shelf) -> None:
    original: dict[str, Any] = tree(step=9)
    shelf.put(original)
    found = shelf.newest()
    assert found is not None
    kept = {name: found.tree[name] for name in original}
    assert state.difference(kept, original) is None


def test_a_foreign_file_in_the_place_of_the_checkpoint_is_set_aside(shelf: Shelf) -> None:
    put(shelf, 1, 2)
    Path(shelf.checkpoint).write_text("not a checkpoint")
    assert newest(shelf)[0] == "checkpoint.prev.pt"
    os.remove(shelf.previous)
    os.remove(shelf.checkpoint + ".damaged")
    Path(shelf.checkpoint).write_text("not a checkpoint")
    with pytest.raises((Damaged, Foreign)):
        newest(shelf)


# ---- room


def test_before_there_is_a_state_nobody_knows_what_room_it_takes(shelf: Shelf) -> None:
    assert shelf.shortage(10**9) is None


def test_no_room_for_the_snapshots_that_are_to_come_is_said(shelf: Shelf) -> None:
    put(shelf, 1, 2)
    assert shelf.shortage(1) is None
    said = shelf.shortage(10**12)
    assert said is not None
    assert said.endswith(f"a state takes {os.path.getsize(shelf.checkpoint):,}: not enough for {10**12} more snapshots")


def test_the_next_save_needs_room_beside_the_state_and_the_one_before_it(shelf: Shelf) -> None:
    put(shelf, 1)
    free = shutil.disk_usage(shelf.folder).free
    os.truncate(shelf.checkpoint, free * 3 // 4)  # a hole: takes no room itself
    said = shelf.shortage(0)
    assert said is not None
    words = f"Warning: {shelf.folder} has N bytes free, a state takes {free * 3 // 4:,}: not enough for the next save"
    assert re.sub(r"has [\d,]+", "has N", said) == words
    Path(shelf.previous).write_text("goes when the next one is there")
    assert shelf.shortage(0) is None


# ---- retention


def test_only_the_snapshots_that_are_named_go(shelf: Shelf) -> None:
    for epoch in (1, 2, 999, 1000):
        shelf.put_snapshot(tree(epoch=epoch))
    os.mkdir(shelf.behind)
    others = [Path(shelf.snapshots, name) for name in ("notes.txt", "best_E001_net.pt", "left-behind/E001_net.pt")]
    for path in others:
        path.write_text("mine")
    asked: list[list[int]] = []
    shelf.drop(lambda epochs: (asked.append(sorted(epochs)), [1, 999])[1])
    assert asked == [[1, 2, 999, 1000]]
    assert sorted(map(os.path.basename, shelf.kept())) == ["E002_net.pt", "E1000_net.pt"]
    assert all(path.read_text() == "mine" for path in others)


# ---- folders


def test_every_new_folder_is_known_to_the_one_above_it_before_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced, fsync = list[tuple[str, list[str]]](), os.fsync

    def noted(file: int) -> None:
        fsync(file)
        folder = os.readlink(f"/proc/self/fd/{file}")
        synced.append((os.path.relpath(folder, tmp_path), os.listdir(folder)))

    monkeypatch.setattr(os, "fsync", noted)
    monkeypatch.chdir(tmp_path)
    for folder in ("a/b/c/", "d"):
        with Shelf(folder).locked(print):
            assert os.path.isdir(folder)
    assert synced == [(".", ["a"]), ("a", ["b"]), ("a/b", ["c"]), (".", synced[3][1])]
    assert sorted(synced[3][1]) == ["a", "d"]
