"""What is kept in a file is whole and of the right data, or computed again"""

import mmap
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perpart.data import cache
from tests.tree import ROOT

KEY = "0123456789abcdef0123456789abcdef"


class Made:
    """Builds two arrays, and counts how often; what was said stands in `lines`."""

    def __init__(self, size: int = 1000) -> None:
        self.size, self.times, self.lines = size, 0, list[str]()

    def __call__(self) -> Iterator[tuple[str, np.ndarray]]:
        self.times += 1
        yield "whole", np.arange(12.0).reshape(4, 3)
        for start in range(0, self.size, 300):
            yield "pieces", np.arange(start, min(start + 300, self.size), dtype=np.uint16)
        yield "nothing", np.zeros((0, 5), np.int8)

    def kept(self, *folders: Path, key: str = KEY) -> Any:
        return cache.kept(folders, "numbers", key, self, self.lines.append)


def right(arrays: Any, size: int = 1000) -> bool:
    """Whether these are the arrays that Made builds."""
    known = {"whole": np.arange(12.0).reshape(4, 3), "pieces": np.arange(size, dtype=np.uint16)}
    same = all(
        np.array_equal(arrays[name], value) and arrays[name].dtype == value.dtype for name, value in known.items()
    )
    return same and set(arrays) == {*known, "nothing"} and arrays["nothing"].shape == (0, 5)


def file(folder: Path) -> Path:
    return folder / f"numbers-{KEY[:20]}.cache"


def test_arrays_are_built_once_and_then_found(tmp_path: Path) -> None:
    made = Made()
    assert right(made.kept(tmp_path))
    assert right(made.kept(tmp_path))
    assert made.times == 1
    assert len(made.lines) == 1
    assert made.lines[0].startswith(f"{file(tmp_path)}: computed in ")
    assert {path.name for path in tmp_path.iterdir()} == {file(tmp_path).name, file(tmp_path).with_suffix(".lock").name}


def test_without_a_folder_they_are_the_same_arrays(tmp_path: Path) -> None:
    here, there = Made().kept(), Made().kept(tmp_path)
    assert right(here)
    assert all(np.array_equal(here[name], there[name]) for name in here)


def test_they_are_mapped_and_cannot_be_written(tmp_path: Path) -> None:
    array = Made().kept(tmp_path)["pieces"]
    lowest = array
    while isinstance(lowest, np.ndarray):
        lowest = lowest.base
    assert isinstance(getattr(lowest, "obj", lowest), mmap.mmap)
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1


def test_a_worker_is_sent_the_path_and_not_the_arrays(tmp_path: Path) -> None:
    sent = pickle.dumps(Made(50_000).kept(tmp_path))
    assert len(sent) < 1000
    assert right(pickle.loads(sent), 50_000)  # noqa: S301 (our own)


def test_a_flipped_byte_is_noticed_and_all_is_computed_again(tmp_path: Path) -> None:
    made = Made(20)
    made.kept(tmp_path)
    whole = file(tmp_path).read_bytes()
    for place in range(0, len(whole), 5):
        file(tmp_path).write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        made.times, made.lines = 0, []
        assert right(made.kept(tmp_path), 20)
        assert made.times == 1, place
        assert len(made.lines) == 2, made.lines
        assert made.lines[0].endswith("; computed again")
        assert file(tmp_path).read_bytes() == whole


@pytest.mark.parametrize("left", [0, 1, 19, 20, 100, -1, -8, -20, -300])
def test_a_file_that_is_cut_short_is_computed_again(tmp_path: Path, left: int) -> None:
    made = Made()
    made.kept(tmp_path)
    whole = file(tmp_path).read_bytes()
    file(tmp_path).write_bytes(whole[:left])
    assert right(made.kept(tmp_path))
    assert made.times == 2
    assert file(tmp_path).read_bytes() == whole


def test_what_was_appended_is_noticed(tmp_path: Path) -> None:
    made = Made()
    made.kept(tmp_path)
    with file(tmp_path).open("ab") as end:
        end.write(b"more")
    assert right(made.kept(tmp_path))
    assert made.times == 2


def test_a_file_of_another_key_is_computed_again(tmp_path: Path) -> None:
    made = Made()
    made.kept(tmp_path, key=KEY[:20] + "another")  # which has the same name
    assert right(made.kept(tmp_path))
    assert made.times == 2
    assert "is of other data; computed again" in made.lines[1]


def test_other_data_have_another_file(tmp_path: Path) -> None:
    made = Made()
    for key in (KEY, "f" * 32, KEY, "f" * 32):
        made.kept(tmp_path, key=key)
    assert made.times == 2


def test_a_pickle_in_its_place_is_not_opened(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return os.mkdir, (str(tmp_path / "sprung"),)

    file(tmp_path).write_bytes(pickle.dumps(Trap()))
    assert right(Made().kept(tmp_path))
    assert not (tmp_path / "sprung").exists()


def child(body: str, *arguments: object) -> subprocess.Popen[str]:
    """A process of its own that runs this program after the imports."""
    program = "import os, resource, signal, sys, time\nfrom pathlib import Path\nimport numpy as np\n"
    program += "from perpart.data import cache\nfrom tests.perpart.test_cache import KEY, Made, right\n"
    command = [sys.executable, "-c", program + textwrap.dedent(body), *map(str, arguments)]
    path = {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    return subprocess.Popen(command, env={**os.environ, **path}, stdout=subprocess.PIPE, text=True)


def test_a_build_that_is_killed_half_way_leaves_nothing_that_is_believed(tmp_path: Path) -> None:
    body = """
        def build():
            yield "pieces", np.zeros(100_000)
            print("half-way", flush=True)
            time.sleep(60)
        cache.kept([Path(sys.argv[1])], "numbers", KEY, build)
    """
    with child(body, tmp_path) as half:
        assert half.stdout
        assert half.stdout.readline() == "half-way\n"
        assert file(tmp_path).with_suffix(".building").exists()
        half.send_signal(signal.SIGKILL)
    assert not file(tmp_path).exists()
    made = Made()
    assert right(made.kept(tmp_path))
    assert len(made.lines) == 1  # nobody was waited for
    assert not file(tmp_path).with_suffix(".building").exists()


def test_of_several_that_want_it_at_once_one_builds_and_the_others_wait(tmp_path: Path) -> None:
    body = """
        class Slow(Made):
            def __call__(self):
                with open(Path(sys.argv[1]) / "builds", "a") as log:
                    log.write("one\\n")
                time.sleep(0.5)
                yield from super().__call__()
        slow = Slow()
        while not (Path(sys.argv[1]) / "go").exists():
            time.sleep(0.001)
        assert right(slow.kept(Path(sys.argv[1]) / "kept"))
        print(*slow.lines, sep="\\n")
    """
    several = [child(body, tmp_path) for _ in range(3)]
    time.sleep(0.5)
    (tmp_path / "go").touch()
    said = [each.communicate()[0] for each in several]
    assert [each.returncode for each in several] == [0, 0, 0]
    assert (tmp_path / "builds").read_text() == "one\n"
    assert sum("computed in" in lines for lines in said) == 1


def test_where_the_first_folder_cannot_be_written_the_next_one_is_taken(tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    made = Made()
    assert right(made.kept(tmp_path / "a file" / "cache", tmp_path / "user"))
    assert file(tmp_path / "user").exists()
    assert made.lines[0] == f"numbers: cannot be kept in {tmp_path / 'a file' / 'cache'}: Not a directory"
    assert right(made.kept(tmp_path / "a file" / "cache", tmp_path / "user"))
    assert made.times == 1


def read_only(folder: str, there: bool) -> None:
    """As somebody who may not write there: what is there is found, and what is not is held in memory."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresuid(65534, 65534, 65534)
    made = Made()
    assert right(made.kept(Path(folder)))
    assert made.times == (0 if there else 1)
    assert made.lines == ([] if there else [f"numbers: cannot be kept in {folder}: Permission denied"])


@pytest.mark.parametrize("there", [True, False])
def test_in_a_read_only_folder_what_is_there_is_used(there: bool) -> None:
    folder = Path(f"/tmp/perpart-read-only-{os.getpid()}")  # noqa: S108 (pytest's own folders are closed to others)
    folder.mkdir()
    try:
        if there:
            Made().kept(folder)
            file(folder).with_suffix(".lock").unlink()
        folder.chmod(0o555)
        process = multiprocessing.get_context("fork").Process(target=read_only, args=(str(folder), there))
        process.start()
        process.join()
        assert process.exitcode == 0
    finally:
        folder.chmod(0o755)
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()


def test_where_the_disk_is_full_it_is_held_in_memory(tmp_path: Path) -> None:
    body = """
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
        made = Made(30_000)
        assert right(made.kept(Path(sys.argv[1])), 30_000)
        print(*made.lines, sep="\\n")
    """
    with child(body, tmp_path) as full:
        said = full.communicate()[0]
    assert full.returncode == 0
    assert said == f"numbers: cannot be kept in {tmp_path}: File too large\n"
    assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]


def test_more_than_fits_in_memory_is_built_and_read(tmp_path: Path) -> None:
    body = """
        def build():
            for piece in range(64):
                yield "much", np.full((1 << 20,), piece, np.uint32)
        cache.kept([Path(sys.argv[1])], "numbers", KEY, lambda: [("little", np.zeros(1))])  # all is loaded by now
        held = int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_DATA, (held + (64 << 20), held + (64 << 20)))
        much = cache.kept([Path(sys.argv[1])], "much", KEY, build)["much"]
        assert much.nbytes == 256 << 20
        assert (much[:: 1 << 20] == np.arange(64)).all()
    """
    with child(body, tmp_path) as small:
        small.communicate()
    assert small.returncode == 0


def test_an_error_of_the_build_is_the_callers(tmp_path: Path) -> None:
    def build() -> Iterator[tuple[str, np.ndarray]]:
        yield "some", np.zeros(3)
        raise FileNotFoundError(2, "No such file or directory", "mug.ply")

    with pytest.raises(FileNotFoundError, match=r"mug\.ply"):
        cache.kept([tmp_path], "numbers", KEY, build, [].append)


@pytest.mark.parametrize("second", [np.zeros(3, np.int8), np.zeros((3, 2))])
def test_pieces_that_do_not_fit_together_are_refused(tmp_path: Path, second: np.ndarray) -> None:
    with pytest.raises(ValueError, match="some: its pieces differ"):
        cache.kept([tmp_path], "numbers", KEY, lambda: [("some", np.zeros(3)), ("some", second)], [].append)


def test_places_are_beside_the_data_and_with_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.places(None) == (tmp_path / "perpart",)
    assert cache.places("my_data") == (Path("my_data/cache"), tmp_path / "perpart")
    for nothing in ("", "not/absolute"):
        monkeypatch.setenv("XDG_CACHE_HOME", nothing)
        assert cache.places(None) == (Path.home() / ".cache" / "perpart",)


def test_of_many_lines_about_a_long_build_few_are_said() -> None:
    lines = list[str]()
    never, seldom, always = (cache.every(seconds, lines.append) for seconds in (1000, 0.05, 0.0))
    for i in range(2):
        never(f"never {i}")
        always(f"always {i}")
    time.sleep(0.06)
    seldom("seldom")
    assert lines == ["always 0", "always 1", "seldom"]
