"""The quick start is true: its commands, as they stand there, lead from a mesh that is not ours to a page of maps"""

import os
import re
import select
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
import trimesh

from tests.tree import ROOT

PAGE = (ROOT / "docs/start.md").read_text()
COMMANDS = re.findall(r"^python ((?:sample|show|fit)_per_part\.py .*)$", PAGE, re.M)
COMPLETION = re.findall(r"^(?:python .* --tyro-write-completion|alias|\.) .*$", PAGE, re.M)
FEW = {"sample_per_part.py": ["--n", "2"]}
"""Two maps are enough to see that it works."""


@pytest.fixture
def thing(tmp_path: Path) -> Path:
    """A pipe in millimetres, its axis upright."""
    trimesh.creation.annulus(20.0, 24.0, 120.0).export(tmp_path / "thing.stl")
    return tmp_path


def test_from_a_mesh_to_its_page(thing: Path) -> None:
    *told, _ = [shlex.split(command) for command in COMMANDS]
    assert [words[0].split("_")[0] for words in told] == ["sample", "show", "fit", "show"]
    for script, *words in told:
        command = [sys.executable, str(ROOT / script), *words, *FEW.get(script, [])]
        subprocess.run(command, cwd=thing, check=True, capture_output=True, text=True)
    page = (thing / "maps" / "show.html").read_text()
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert (thing / "hands" / "hand_001.glb").exists()


def test_tab_completes_an_option_in_a_shell_that_was_told_so(tmp_path: Path) -> None:
    """As it is typed: in a shell of its own, under a terminal, in the folder of the clone."""
    main, other = os.openpty()
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    own = {**os.environ, "HOME": str(tmp_path), "PATH": path, "TERM": "xterm"}
    shell = subprocess.Popen(
        ["bash", "--norc", "--noprofile", "-i"], cwd=ROOT, env=own, stdin=other, stdout=other, stderr=other,
        start_new_session=True,
    )  # fmt: skip
    os.close(other)
    try:
        os.write(main, "".join(f"{line}\n" for line in COMPLETION).encode() + b"sample_per_part.py --te\t")
        said = heard(main, "sample_per_part.py --temperature", 60.0)
    finally:
        shell.kill()
        shell.wait()
        os.close(main)
    assert "sample_per_part.py --temperature" in said, said
    assert "sample_per_part" in (tmp_path / ".sample_per_part.bash").read_text()


def heard(terminal: int, wanted: str, patience: float) -> str:
    """What a terminal says until it has said this, or so many seconds have passed."""
    said, until = "", time.monotonic() + patience
    while wanted not in said and select.select([terminal], [], [], max(0.0, until - time.monotonic()))[0]:
        said += os.read(terminal, 10_000).decode()
    return said
