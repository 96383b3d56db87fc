"""Where output cannot go is said before the work"""

import json
import os

import pytest

from perpart.errors import Mistake
from perpart.outs import folder, page, replaced


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


def test_a_page_is_html_in_a_folder_that_is_there(tmp_path):
    assert page(str(tmp_path / "a.html")) == tmp_path / "a.html"
    (tmp_path / "maps.npy").write_text("")
    for name in (str(tmp_path / "maps.npy"), "", "/dev/full"):
        with pytest.raises(Mistake, match="is no name of a page; give one that ends in"):
            page(name)
    (tmp_path / "b.html").mkdir()
    for name, words in (("none/a.html", "there is no folder"), ("b.html", "is a folder")):
        with pytest.raises(Mistake, match=words):
            page(str(tmp_path / name))


def made(place, *names: str) -> None:
    with replaced(place, "record.json", "making", "page.html") as fresh:
        for name in names:
            (fresh / name).write_text("new")
        (fresh / "record.json").write_text(json.dumps({"files": names}))


def test_new_output_takes_the_place_of_the_old_and_of_nothing_else(tmp_path):
    made(tmp_path / "out", "a", "b")
    for name in ("mine", "page.html"):
        (tmp_path / "out" / name).write_text("")
    made(tmp_path / "out", "b", "c")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["b", "c", "mine", "record.json"]


def test_until_the_new_is_whole_the_old_stays(tmp_path):
    made(tmp_path, "a")
    with pytest.raises(Mistake, match=r"cannot be written \(No space left on device\); give another --out"):
        stopped(tmp_path, OSError(28, "No space left on device"))
    with pytest.raises(KeyboardInterrupt):
        stopped(tmp_path, KeyboardInterrupt())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "record.json"]
    assert (tmp_path / "a").read_text() == "new"


def stopped(place, why: BaseException) -> None:
    with replaced(place, "record.json", "making") as fresh:
        (fresh / "a").write_text("newer")
        raise why


@pytest.mark.parametrize("text", ["{}", "nonsense", "[]", '{"files": 3}'])
def test_a_record_of_something_else_is_left_alone(tmp_path, text):
    (tmp_path / "record.json").write_text(text)
    with pytest.raises(Mistake, match=r"record\.json: is not the record of an earlier making; give another --out"):
        made(tmp_path, "a")
    assert [path.name for path in tmp_path.iterdir()] == ["record.json"]
