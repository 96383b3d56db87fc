"""Verbs of a module"""

import pytest

from perpart.verbs import obeyed


def add(first: int, second: int = 1) -> int:
    """Add two numbers.

    An example: add --first 2

    Args:
        first: the first.
        second: the second.
    """
    return first + second


def test_a_verb_is_obeyed_and_gives_what_it_gives():
    assert obeyed({"add": add}, "perpart.sums", "Sums.", ["add", "--first", "2"]) == 3


def test_the_module_s_help_has_a_line_for_a_verb_whose_own_help_tells_all(capsys):
    shown = []
    for words in (["--help"], ["add", "--help"], []):
        with pytest.raises(SystemExit):
            obeyed({"add": add}, "perpart.sums", "Sums.", words)
        shown.append("".join(capsys.readouterr()))
    module, verb, nothing = shown
    assert "Sums." in module
    assert "Add two numbers." in module
    assert "An example" not in module
    assert "An example" in verb
    assert "the second." in verb
    assert "run python -m perpart.sums --help" in nothing
