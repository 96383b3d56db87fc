"""Which process of how many this is"""

import pytest

from unbroken import ranks
from unbroken.errors import Misuse


def test_one_process_is_alone_and_the_first() -> None:
    ranks.alone()
    assert ranks.rank() == 0


def test_a_world_of_one_is_alone_under_torchrun_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "1")
    ranks.alone()


def test_a_world_of_several_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(Misuse, match="WORLD_SIZE is 2, but this version trains in one process"):
        ranks.alone()
