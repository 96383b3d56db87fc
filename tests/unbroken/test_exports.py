"""The public words, and the one line that each file says of itself"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import unbroken

FILES = sorted(Path(str(unbroken.__file__)).parent.glob("*.py"))


def test_the_public_words_are_complete_and_sorted() -> None:
    """Complete: what types and editors see, imported in the file, is what can be asked for."""
    tree = ast.parse(Path(str(unbroken.__file__)).read_text())
    ours = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level == 1]
    seen = {alias.asname or alias.name for node in ours for alias in node.names}
    assert set(unbroken.__all__) == seen
    assert unbroken.__all__ == sorted(unbroken.__all__)
    assert seen <= set(dir(unbroken))


def test_the_public_words_are_these() -> None:
    assert unbroken.__all__ == [
        "Epoch", "Error", "Every", "Feed", "Gradients", "Keep", "Position", "Run", "Stop", "Stopped",
        "environment", "initialise", "load", "recorded",
    ]  # fmt: skip


@pytest.mark.parametrize("word", unbroken.__all__)
def test_a_public_word_is_what_its_file_calls_it(word: str) -> None:
    assert getattr(unbroken, word).__name__ == word


def test_a_word_that_is_not_public_is_an_error_of_attributes() -> None:
    with pytest.raises(AttributeError, match="module 'unbroken' has no attribute 'Manager'"):
        _ = unbroken.Manager


def test_importing_the_package_and_its_errors_imports_no_torch() -> None:
    program = "import sys, unbroken, unbroken.errors, unbroken.places; print('torch' in sys.modules, unbroken.Every())"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ran.stdout.startswith("False Every("), ran.stdout + ran.stderr


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_says_in_one_line_what_it_is(path: Path) -> None:
    first = (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n")[0]
    assert 0 < len(first) <= 100, first
    assert not first.endswith(".")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_fits_in_three_hundred_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 300


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_of_the_core_has_a_file_of_tests(path: Path) -> None:
    mirror = "test_exports" if path.stem == "__init__" else f"test_{path.stem}"
    assert (Path(__file__).parent / f"{mirror}.py").exists()
