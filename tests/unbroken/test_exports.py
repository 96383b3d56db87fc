"""The public words, and the one line that each file says of itself"""

import ast
from pathlib import Path

import pytest

import unbroken
from unbroken import checkpoint

FILES = sorted(Path(str(unbroken.__file__)).parent.glob("*.py"))


def test_the_public_words_are_complete_and_sorted() -> None:
    modules = {path.stem for path in FILES}
    public = {name for name in vars(unbroken) if not name.startswith("_")} - modules
    assert set(unbroken.__all__) == public
    assert unbroken.__all__ == sorted(unbroken.__all__)


def test_the_public_words_are_these() -> None:
    assert unbroken.__all__ == [
        "Epoch", "Error", "Every", "Feed", "Gradients", "Position", "Run", "Stopped", "load", "recorded",
    ]  # fmt: skip
    assert unbroken.load is checkpoint.read


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
