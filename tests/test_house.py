"""The house is in order: style, types, who knows whom, and a README that is true"""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.tree import ROOT, tree

BIN = Path(sys.executable).parent
CHECKS = {
    "style": ["ruff", "check"],
    "format": ["ruff", "format", "--check"],
    "types": ["pyright", "--pythonpath", sys.executable],
    "who knows whom": ["lint-imports"],
}


@pytest.mark.parametrize("check", CHECKS)
def test_the_code_passes(check: str) -> None:
    program, *arguments = CHECKS[check]
    ended = subprocess.run([BIN / program, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_the_readmes_tree_is_the_tree() -> None:
    assert f"```\n{tree()}\n```" in (ROOT / "README.md").read_text(), "run `python -m tests.tree` and paste"


def test_ci_runs_the_readmes_test_command() -> None:
    command = (ROOT / ".ci" / "run").read_text().splitlines()[-1]
    assert f"```\n{command}\n```" in (ROOT / "README.md").read_text()


def test_a_file_fits_in_one_reading() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in (ROOT / "src").rglob("*.py")}
    assert {str(path): n for path, n in lengths.items() if n > 320} == {}


def test_the_lines_of_the_readmes_three_line_loop_run(tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text()
    program = text.split("```python\n")[1].split("```")[0]
    for _ in range(2):  # started, and started again
        ended = subprocess.run(
            [sys.executable, "-W", "error", "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr
    assert "Finished: all 20 epochs are done; nothing to do" in ended.stdout
