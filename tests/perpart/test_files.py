"""Hands are written only where an earlier fit's lay"""

import pytest

from perpart.errors import Mistake
from perpart.fits import files


def test_a_record_of_something_else_is_not_cleared_away(tmp_path):
    (tmp_path / "fit.json").write_text("{}")
    with pytest.raises(Mistake, match="not the record"):
        files._clear(tmp_path)
