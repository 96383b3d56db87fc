"""Making a set: really killed, really continued, to the same bytes

The long form, 200 grasps killed five times at any moment: `python -m tests.whole.making --grasps 200 --kills 5`.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import filelock
import pytest

from perpart.errors import Mistake
from perpart.grasps import making, pieces
from perpart.grasps.search import Catch
from tests.forks import SERVER

# The plate gives nothing in a round, so the apple makes up for it in a second turn: 3 pieces in all.
WISH = making.Wish(grasps=12, seed=0, instances=1, categories=("apple", "plate"), rounds=1)
COMMAND = [
    sys.executable, "-m", "perpart.grasps", "make", "--grasps", "12", "--instances", "1", "--rounds", "1",
    "--categories", "apple", "plate",
]  # fmt: skip
FILES = ("grasps.npz", "grasps.json")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The set, made in one go, and what was kept of it on the way in `kept`."""
    folder = tmp_path_factory.mktemp("whole")
    keep = folder / "kept"
    remove = shutil.rmtree
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(making.shutil, "rmtree", lambda path: (shutil.copytree(path, keep), remove(path)))
        making.make(folder, WISH, 1)
    return folder


def same(one: Path, other: Path) -> bool:
    return all((one / name).read_bytes() == (other / name).read_bytes() for name in FILES)


def killed_at(folder: Path, move: int, *, after: bool) -> int:
    """Make in a process of its own that gets a SIGKILL just before or after it puts so manieth file in its place."""
    process = SERVER.Process(target=_make_and_die, args=(folder, move, after))
    process.start()
    process.join()
    return process.exitcode or 0


def _make_and_die(folder: Path, move: int, after: bool) -> None:
    real, moved = pieces.move, []

    def counted(source: Path, target: Path) -> None:
        moved.append(target)
        if len(moved) == move and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        real(source, target)
        if len(moved) == move:
            os.kill(os.getpid(), signal.SIGKILL)

    pieces.move = counted
    making.make(folder, WISH, 1)


def test_killed_at_every_file_it_writes_it_ends_with_the_same_bytes(whole, tmp_path, capsys):
    left = tmp_path / making.LEFT
    deaths = {
        (1, False, "before the terms"): lambda: not (left / "terms.json").exists(),
        (1, True, "after the terms"): (left / "terms.json").exists,
        (1, True, "after the apple"): (left / "1" / "apple-0.piece").exists,
        (1, False, "before the plate"): (left / "1" / "plate-0.piece.part").exists,
        (2, False, "before the second turn's apple"): lambda: not (left / "2" / "apple-0.piece").exists(),
        (2, True, "between the two files"): lambda: (tmp_path / "grasps.npz").exists() and not same_json(),
        (2, True, "before it cleans up"): lambda: same_json() and left.exists(),
    }

    def same_json() -> bool:
        return (tmp_path / "grasps.json").exists()

    for (move, after, when), seen in deaths.items():
        assert killed_at(tmp_path, move, after=after) == -signal.SIGKILL, when
        assert seen(), when
    making.make(tmp_path, WISH, 1)
    assert "is finished" in capsys.readouterr().out
    assert same(whole, tmp_path)
    assert sorted(os.listdir(tmp_path)) == sorted(FILES)


def test_another_seed_gives_other_bytes(whole, tmp_path):
    making.make(tmp_path, making.Wish(3, 1, 1, ("apple",), 1), 1)
    assert not same(whole, tmp_path)


def test_stopped_and_killed_in_two_processes_it_ends_with_the_same_bytes(whole, tmp_path):
    command = [*COMMAND, "--jobs", "2", "--out", str(tmp_path)]
    first = tmp_path / making.LEFT / "1" / "apple-0.piece"
    stopped = _started(command)
    _wait_for(first)
    os.killpg(stopped.pid, signal.SIGINT)  # as a terminal's Ctrl+C reaches all
    said, complaint = stopped.communicate()
    assert stopped.returncode == 130
    assert "Traceback" not in complaint
    assert "the same command continues" in said

    first.unlink()
    killed = _started(command)
    _wait_for(first)
    crew = Path(f"/proc/{killed.pid}/task/{killed.pid}/children").read_text().split()
    killed.kill()
    killed.communicate()
    _wait_until(lambda: not any(_works(pid) for pid in crew))  # they do not work on for nobody

    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "1 of 2 objects were there, 6 grasps" in done.stdout
    assert same(whole, tmp_path)


def _started(command: list[str]) -> subprocess.Popen:
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def _wait_for(path: Path) -> None:
    _wait_until(path.exists)


def _wait_until(true) -> None:
    end = time.monotonic() + 120
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


def _works(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def half(whole, tmp_path) -> Path:
    """A making with all its pieces, not yet committed."""
    shutil.copytree(whole / "kept", tmp_path / making.LEFT)
    return tmp_path


def test_a_damaged_piece_and_a_foreign_one_are_made_again_and_it_is_said(whole, half, capsys):
    damaged, foreign = half / "making" / "2" / "apple-0.piece", half / "making" / "1" / "apple-0.piece"
    content = bytearray(damaged.read_bytes())
    shutil.copy(damaged, foreign)
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    making.make(half, WISH, 1)
    said = capsys.readouterr().out
    assert f"{damaged} is made again: it is damaged" in said
    assert f"{foreign} is made again: it belongs to something else" in said
    assert same(whole, half)


def test_with_all_pieces_there_nothing_is_searched(whole, half, capsys):
    making.make(half, WISH, 1)
    assert "this session: 0 grasps" in capsys.readouterr().out
    assert same(whole, half)


def test_other_arguments_and_other_code_are_refused_in_one_line(half, whole):
    other = making.Wish(13, 0, 1, WISH.categories, 1)
    with pytest.raises(Mistake, match=r"other arguments \(grasps 12, here 13\); give another --out, or remove") as told:
        making.make(half, other, 1)
    assert "\n" not in str(told.value)
    with pytest.raises(Mistake, match=r"finished set made with other arguments \(grasps 12, here 13\)"):
        making.make(whole, other, 1)
    terms = json.loads((half / "making" / "terms.json").read_text())
    terms["code"]["perpart.grasps.closing"] = "0" * 16
    (half / "making" / "terms.json").write_text(json.dumps(terms))
    with pytest.raises(Mistake, match=r"other code \(perpart\.grasps\.closing\)"):
        making.make(half, WISH, 1)


def test_a_second_maker_is_told(half):
    with (
        filelock.FileLock(half / "making" / "lock"),
        pytest.raises(Mistake, match="is being made by another process"),
    ):
        making.make(half, WISH, 1)


def test_a_finished_set_is_left_as_it_is(whole, capsys):
    before = [(whole / name).stat() for name in FILES]
    making.make(whole, WISH, 1)
    assert "is finished; nothing to do" in capsys.readouterr().out
    assert [(whole / name).stat().st_mtime_ns for name in FILES] == [stat.st_mtime_ns for stat in before]
    assert not (whole / making.LEFT).exists()


def test_it_says_how_many_there_are_when_there_are_too_few(tmp_path, capsys):
    sitting = making._Session(tmp_path, WISH, [], 1, {})
    sitting.catches = [Catch(kinds=[0] * 7)]
    sitting._account()
    assert "only 7 of 12 grasps could be had" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 0, 1, (), 1), "--grasps is 0"),
        ((1, -1, 1, (), 1), "--seed is -1"),
        ((1, 0, 0, (), 1), "--instances is 0"),
        ((1, 0, 1, (), 0), "--rounds is 0"),
    ],
)
def test_a_senseless_wish_is_told_in_one_line(arguments, message):
    with pytest.raises(Mistake, match=message) as told:
        making.Wish(*arguments)
    assert "\n" not in str(told.value)


def test_no_processes_is_a_mistake(tmp_path):
    with pytest.raises(Mistake, match="--jobs is 0"):
        making.make(tmp_path, WISH, 0)
