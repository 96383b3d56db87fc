"""What is finished of a making, on disk"""

from collections import Counter

import numpy as np
import pytest

from perpart.anatomy import ANGLES, BONES
from perpart.grasps import pieces
from perpart.grasps.search import Catch


def catch(n: int) -> Catch:
    rng = np.random.default_rng(0)

    def rows(*shape: int) -> list[np.ndarray]:
        return list(rng.random((n, *shape)).astype(np.float32).astype(np.float64))

    return Catch(
        list(range(n)), rows(len(ANGLES)), rows(4, 4), rows(len(BONES)), [(0.1, 1e-7, 0.2, 1 / 3, 0.5)] * n,
        Counter(accepted=n, links=3), np.arange(14.0), [(3 + n, n)],
    )  # fmt: skip


@pytest.mark.parametrize("n", [0, 1, 5])
def test_what_is_kept_is_taken_back_to_the_last_bit(tmp_path, n):
    pieces.keep(tmp_path / "1" / "a.piece", catch(n), {"seed": 3})
    again = pieces.take(tmp_path / "1" / "a.piece", {"seed": 3})
    for name in ("kinds", "quality", "reasons", "turns"):
        assert getattr(again, name) == getattr(catch(n), name)
    for name in ("angles", "root", "bones", "tried"):
        np.testing.assert_array_equal(getattr(again, name), getattr(catch(n), name))


def test_every_cut_and_every_changed_byte_is_noticed(tmp_path):
    path = tmp_path / "a.piece"
    pieces.keep(path, catch(1), {})
    whole = path.read_bytes()
    for place in range(0, len(whole), 61):
        for content in (whole[:place], whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]):
            path.write_bytes(content)
            with pytest.raises(pieces.Torn, match="damaged"):
                pieces.take(path, {})


def test_a_piece_of_something_else_is_noticed(tmp_path):
    pieces.keep(tmp_path / "a.piece", catch(1), {"seed": 3})
    with pytest.raises(pieces.Torn, match="belongs to something else"):
        pieces.take(tmp_path / "a.piece", {"seed": 4})


def test_a_write_that_fails_leaves_what_was_there(tmp_path):
    pieces.write(tmp_path / "a", b"old")
    (tmp_path / "a.part").mkdir()  # nothing can be written beside
    with pytest.raises(IsADirectoryError):
        pieces.write(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"old"
