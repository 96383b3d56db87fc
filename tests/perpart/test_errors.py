"""What a command does of what goes wrong"""

import os
import signal
import subprocess
import sys

import pytest

from perpart.errors import Mistake, told


def test_a_mistake_is_one_line_and_with_debug_a_traceback_too(capsys):
    for words in ([], ["--debug"]):
        with pytest.raises(SystemExit) as left, told(words):
            raise Mistake("what, where, what to do")
        assert left.value.code == 2
        said = capsys.readouterr().err
        assert said.endswith("error: what, where, what to do\n")
        assert ("Traceback" in said) == bool(words)


def test_a_reader_that_has_seen_enough_ends_a_command_without_a_word():
    """The pipe breaks while it prints, or only as what it printed is flushed."""
    for lines in (100_000, 1):
        code = (
            f"from perpart.errors import told\nwith told([]):\n  input()\n  for i in range({lines}): print('line', i)"
        )
        pipe = subprocess.PIPE
        process = subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        assert process.stdout
        process.stdout.close()
        process.stdout = None
        _, err = process.communicate("\n", timeout=60)
        assert (process.returncode, err) == (128 + signal.SIGPIPE, "")


def test_a_full_disk_behind_standard_output_is_one_line():
    code = "from perpart.errors import told\nwith told([]):\n  print('line')"
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            [sys.executable, "-c", code], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert ended.returncode == 2
    assert (
        ended.stderr == "error: output cannot be written (No space left on device); make room, or send it elsewhere\n"
    )


def test_letters_that_a_terminal_lacks_become_question_marks():
    code = "from perpart.errors import told\nwith told([]):\n  print('volume cm³')"
    words = [sys.executable, "-c", code]
    ended = subprocess.run(words, env=os.environ | {"PYTHONIOENCODING": "ascii"}, capture_output=True, check=False)
    assert (ended.returncode, ended.stdout) == (0, b"volume cm?\n")
