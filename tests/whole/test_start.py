"""The quick start is true: its commands, as they stand there, lead from a mesh that is not ours to a page of maps"""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import trimesh

from tests.tree import ROOT

COMMANDS = re.findall(r"^python ((?:sample|show|fit)_per_part\.py .*)$", (ROOT / "docs/start.md").read_text(), re.M)
FEW = {"sample_per_part.py": ["--n", "2"]}
"""Two maps are enough to see that it works."""


@pytest.fixture
def thing(tmp_path: Path) -> Path:
    """A pipe in millimetres, its axis upright."""
    trimesh.creation.annulus(20.0, 24.0, 120.0).export(tmp_path / "thing.stl")
    return tmp_path


def test_from_a_mesh_to_its_page(thing: Path) -> None:
    *told, completion = [shlex.split(command) for command in COMMANDS]
    assert [words[0].split("_")[0] for words in told] == ["sample", "show", "fit", "show"]
    for script, *words in told:
        command = [sys.executable, str(ROOT / script), *words, *FEW.get(script, [])]
        subprocess.run(command, cwd=thing, check=True, capture_output=True, text=True)
    page = (thing / "maps" / "show.html").read_text()
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert (thing / "hands" / "hand_001.glb").exists()
    target = Path(completion[-1].replace("~", str(thing)))
    target.parent.mkdir(parents=True)
    command = [sys.executable, str(ROOT / completion[0]), *completion[1:-1], str(target)]
    subprocess.run(command, cwd=thing, check=True, capture_output=True)
    assert "sample_per_part" in target.read_text()
