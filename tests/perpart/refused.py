"""What a command says of bad input: exit code 2, and one line"""

from collections.abc import Callable

import pytest


def refused(capsys: pytest.CaptureFixture[str], main: Callable[[list[str]], None], *arguments: str) -> str:
    """The line."""
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    return error
