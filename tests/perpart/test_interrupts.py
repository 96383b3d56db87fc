"""Ctrl+C while a script still imports, as a real signal to a real process"""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from perpart.errors import told

HERE = Path(__file__).parents[2]


def interrupted(library: str, at_start: Callable[[], object]) -> subprocess.CompletedProcess[str]:
    """A script that is sent SIGINT in the middle of its imports: when so much is loaded."""
    command = [sys.executable, "train_per_part.py", "--help"]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, cwd=HERE, stdout=pipe, stderr=pipe, text=True, preexec_fn=at_start)  # noqa: PLW1509
    while process.poll() is None and library not in Path(f"/proc/{process.pid}/maps").read_text():
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    return subprocess.CompletedProcess(command, process.returncode, out, err)


@pytest.mark.parametrize("library", ["_multiarray_umath", "libtorch_cpu", "libtorch_python"])
def test_a_script_that_imports_ends_at_once_without_a_word(library):
    ended = interrupted(library, partial(signal.signal, signal.SIGINT, signal.SIG_DFL))
    assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGINT, "", "")


def test_where_ctrl_c_is_ignored_it_stays_so():
    ended = interrupted("libtorch_cpu", partial(signal.signal, signal.SIGINT, signal.SIG_IGN))
    assert ended.returncode == 0
    assert "--work-dir" in ended.stdout


def test_once_a_command_begins_it_can_be_heard(monkeypatch):
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        with pytest.raises(SystemExit) as left, told([]):
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    assert left.value.code == 130
