"""Where output cannot go is said before the work"""

import os

import pytest

from perpart.errors import Mistake
from perpart.outs import folder


def test_a_folder_need_not_be_there_and_is_not_made(tmp_path):
    assert folder(str(tmp_path / "a/b")) == tmp_path / "a/b"
    assert folder(str(tmp_path)) == tmp_path
    assert not list(tmp_path.iterdir())


def test_no_name_and_a_file_in_the_way_are_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Mistake, match="--out is empty: name a folder"):
        folder("")
    for name in ("file", "file/below/it"):
        with pytest.raises(Mistake, match=rf"--out .*{name}: .*/file is a file; name a folder to write to"):
            folder(str(tmp_path / name))


def test_a_folder_that_forbids_it_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere
    with pytest.raises(Mistake, match="cannot be written to; name another folder"):
        folder(str(tmp_path / "a/b"))
