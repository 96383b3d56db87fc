"""The loop in shell, run for real: with commands that end in each way, and with a tiny run that is struck in each"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.tree import ROOT
from tests.unbroken import children
from tests.whole import squares
from unbroken import testing

LOOP = str(ROOT / "examples" / "forever.sh")
KNOWN = {**os.environ, "PYTHON": sys.executable, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "LONGEST": "0"}
STRUCK = """
import os, signal, sys, time
from pathlib import Path
from tests.whole import squares
from unbroken.epoch import Epoch

def strike(epoch, given=Epoch.__next__):
    global left
    left -= 1
    if left == 0:
        way()
    return given(epoch)

def fail():
    raise RuntimeError("as a loop of one's own may")

start = len(Path("starts").read_text()) if os.path.exists("starts") else 0
Path("starts").write_text("." * (start + 1))
ways = [lambda: os.kill(os.getpid(), signal.SIGKILL), lambda: signal.raise_signal(signal.SIGTERM), fail,
        lambda: (Path("stop").touch(), time.sleep(1.1))]  # a run looks for it once a second
way, left = (ways[start], 12) if start < len(ways) else (None, 0)
Epoch.__next__ = strike
sys.argv += ["--stop-file", "stop"]
if start == len(ways):
    os.remove("stop")  # whoever put it there takes it away
squares.main()
"""


def loop(folder: Path, *command: str, shell: str = "sh", **settings: str) -> subprocess.Popen[str]:
    words = [shell, LOOP, str(folder / "run"), *command]
    return subprocess.Popen(words, cwd=folder, env={**KNOWN, **settings}, stderr=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    said = process.communicate(timeout=240)[1]
    return process.returncode, said


def peace(work_dir: str) -> None:
    sys.argv = ["squares", "--work-dir", work_dir]
    squares.main()


def test_a_run_that_is_struck_in_every_way_comes_to_its_end_with_the_same_bits(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(STRUCK)
    code, said = ended(loop(tmp_path, sys.executable, "train.py", "--work-dir", "run"))
    assert code == 0, said
    codes = [int(line.split()[3]) for line in said.splitlines() if line.startswith("forever: ended with")]
    assert codes == [137, 143, 1, 75]
    calm = children.run(peace, str(tmp_path / "peace"))
    assert calm.code == 0, calm.out
    assert testing.compare(str(tmp_path / "peace"), str(tmp_path / "run")) == []


@pytest.mark.parametrize("shell", ["sh", "bash"])
@pytest.mark.parametrize("code", [0, 2, 126, 130])
def test_it_stops_where_another_start_would_be_wrong(code: int, shell: str, tmp_path: Path) -> None:
    command = f"echo . >> starts; exit {code}"
    assert ended(loop(tmp_path, "sh", "-c", command, shell=shell)) == (code, "")
    assert (tmp_path / "starts").read_text() == ".\n"


def test_it_says_so_where_the_command_cannot_be_started(tmp_path: Path) -> None:
    code, said = ended(loop(tmp_path, "./no-such-program"))
    assert code == 127
    assert "no-such-program" in said


@pytest.mark.parametrize(
    ("end", "code"), [("exit 1", 1), ("exit 74", 74), ("exit 75", 75), ("kill -KILL $$", 137), ("kill -TERM $$", 143)]
)
def test_it_gives_up_after_so_many_starts_without_progress(end: str, code: int, tmp_path: Path) -> None:
    got, said = ended(loop(tmp_path, "sh", "-c", f"echo . >> starts; {end}", TRIES="3"))
    assert got == code
    assert (tmp_path / "starts").read_text() == ".\n" * 3
    assert said.splitlines()[-1] == f"forever: 3 starts without progress (step none): giving up with exit code {code}"


@pytest.mark.parametrize("shell", ["sh", "bash"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGUSR1, 138)])
def test_a_signal_to_the_loop_reaches_the_command_and_ends_both_with_its_code(
    number: signal.Signals, code: int, shell: str, tmp_path: Path
) -> None:
    name = number.name.removeprefix("SIG")
    command = f"trap 'echo heard >> heard; exit {code}' {name}; echo > ready; while :; do sleep 0.05; done"
    process = loop(tmp_path, "sh", "-c", command, shell=shell)
    while not (tmp_path / "ready").exists():
        time.sleep(0.02)
    process.send_signal(number)
    assert ended(process) == (code, "")
    assert (tmp_path / "heard").read_text() == "heard\n"


def test_a_persons_ctrl_c_reaches_the_command_once_and_ends_the_loop(tmp_path: Path) -> None:
    """The terminal sends it to the whole group; a second one would mean: leave at once, unsaved."""
    program = (
        "import pathlib, signal, sys, time\n"
        "def heard(*_):\n    open('heard', 'a').write('heard\\n')\n"
        "signal.signal(signal.SIGINT, heard)\n"
        "pathlib.Path('ready').touch()\n"
        "time.sleep(1)\n"
        "sys.exit(1)\n"  # as torchrun does, whatever the code beneath
    )
    words = ["sh", LOOP, str(tmp_path / "run"), sys.executable, "-c", program]
    process = subprocess.Popen(
        words, cwd=tmp_path, env=KNOWN, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    while not (tmp_path / "ready").exists():
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    assert ended(process)[0] == 1
    assert (tmp_path / "heard").read_text() == "heard\n"
