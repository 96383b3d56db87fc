"""Power loss: whatever the disk had not yet written is lost, and no state that was announced as saved is"""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.whole.disk import BLOCK, Disk, Event, Folder, listing, materialise, replayed
from tests.whole.power import branched, crashes, examine, recorded, train
from unbroken import testing

Trace = tuple[list[Event], Path]


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> Trace:
    folder = tmp_path_factory.mktemp("waiting") / "run"
    return recorded(folder), folder


@pytest.fixture(scope="module")
def background(tmp_path_factory: pytest.TempPathFactory) -> Trace:
    folder = tmp_path_factory.mktemp("background") / "run"
    return recorded(folder, background=True), folder


@pytest.fixture(scope="module")
def branch(tmp_path_factory: pytest.TempPathFactory) -> Trace:
    folder = tmp_path_factory.mktemp("branch") / "run"
    return branched(folder), folder


@pytest.mark.parametrize("kind", ["waiting", "background", "branch"])
def test_the_trace_is_complete(kind: str, request: pytest.FixtureRequest) -> None:
    """Replayed, it makes the very folder that the run left, byte by byte."""
    events, folder = request.getfixturevalue(kind)
    assert replayed(events) == listing(folder)


@pytest.mark.parametrize("kind", ["waiting", "background", "branch"])
def test_every_state_that_a_crash_may_leave_is_old_or_new(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    events, _ = request.getfixturevalue(kind)
    tally = examine(events, tmp_path / "crashed")
    assert min(tally.values()) > 100, "too few folders to mean something"


CONTROLS: dict[str, tuple[Callable[[Event], bool], str]] = {
    "no sync of files": (lambda event: event.kind == "sync", "none is whole|without its records|is damaged"),
    "no sync of the folder": (lambda event: event.kind == "sync folder", "was announced as saved, but"),
    "no second name for the state before": (
        lambda event: event.kind in ("link", "rename") and "checkpoint.prev.pt" in f"{event.subject} {event.more}",
        "the state before the newest one is not whole",
    ),
}


@pytest.mark.parametrize("missing", CONTROLS)
def test_a_step_of_the_protocol_that_is_left_out_is_missed(missing: str, waiting: Trace, tmp_path: Path) -> None:
    left_out, message = CONTROLS[missing]
    with pytest.raises(AssertionError, match=message):
        examine([event for event in waiting[0] if not left_out(event)], tmp_path / "crashed")


def test_a_run_that_lost_power_goes_on_to_the_same_bits(waiting: Trace, tmp_path: Path) -> None:
    events, _ = waiting
    train(tmp_path / "undisturbed")
    found = [content for _, _, content in crashes(events, "strict", random.Random(0))]
    for content in random.Random(1).sample(found, 12):
        work_dir = materialise(content, tmp_path / "crashed")
        train(work_dir)
        assert testing.compare(str(tmp_path / "undisturbed"), str(work_dir)) == []
        assert testing.records(str(tmp_path / "undisturbed")) == testing.records(str(work_dir))


# ---- the disk itself

OLD, NEW = b"old" * BLOCK, b"new" * BLOCK  # three blocks each
SAFE = [Event("make", "x", 1), Event("write", 1, 0, OLD), Event("sync", 1), Event("sync folder", ".")]
BESIDE = [Event("make", "y", 2), Event("write", 2, 0, NEW)]


def left(events: list[Event], model: str = "strict") -> list[Folder]:
    disk = Disk()
    for event in [*SAFE, *events]:
        disk.apply(event)
    return list(disk.crashes(model, random.Random(0)))


def test_what_was_synced_stays() -> None:
    assert left([]) == [{"x": OLD}]
    assert {folder["x"] for folder in left(BESIDE)} == {OLD}


def test_a_file_that_was_not_synced_may_be_missing_empty_torn_full_of_zeros_or_whole() -> None:
    found = [folder.get("y") for folder in left(BESIDE)]
    torn = [NEW[:BLOCK], NEW[:BLOCK] + bytes(2 * BLOCK), bytes(BLOCK) + NEW[BLOCK:]]
    for content in (None, b"", bytes(3 * BLOCK), NEW, *torn):
        assert content in found


def test_a_rename_may_come_before_the_data_and_before_the_sync_of_its_folder_may_not_come() -> None:
    found = [folder["x"] for folder in left([*BESIDE, Event("rename", "y", "x")])]
    assert OLD in found
    assert b"" in found
    synced = [*BESIDE, Event("sync", 2), Event("rename", "y", "x")]
    assert {folder["x"] for folder in left(synced)} == {OLD, NEW}
    assert left([*synced, Event("sync folder", ".")]) == [{"x": NEW}]


def test_overwriting_in_place_may_leave_a_mixture() -> None:
    found = [folder["x"] for folder in left([Event("write", 1, 0, NEW)])]
    assert NEW[:BLOCK] + OLD[BLOCK:] in found


def test_in_the_strict_model_the_later_of_two_operations_may_come_alone() -> None:
    two = [Event("make", "a", 2), Event("make", "b", 3)]
    assert {"x": OLD, "b": b""} in left(two)
    assert {"x": OLD, "b": b""} not in left(two, "ordered")
    assert {"x": OLD, "a": b""} in left(two, "ordered")


def test_a_name_in_a_folder_that_was_lost_is_lost() -> None:
    inner = [Event("folder", "f"), Event("make", "f/a", 2), Event("sync folder", "f")]
    assert {"x": OLD} in left(inner)
    assert left([*inner, Event("sync folder", ".")]) == [{"x": OLD, "f": None, "f/a": b""}]


def test_a_rename_between_two_names_of_one_file_does_nothing() -> None:
    same = [Event("link", "x", "y"), Event("rename", "y", "x"), Event("sync folder", ".")]
    assert left(same) == [{"x": OLD, "y": OLD}]
