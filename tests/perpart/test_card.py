"""The data card"""

import json
from itertools import pairwise

import pytest

from perpart.data import graspset as files
from perpart.grasps import __main__ as grasps
from perpart.grasps import card

MADE = {
    "command": "python -m perpart.grasps make --out DIR",
    "tries": {"accepted": 15, "links": 85},
    "limits": {"penetration depth, m": 0.002},
    "made with": {"numpy": "2"},
}


@pytest.fixture(scope="module")
def folder(graspset, tmp_path_factory):
    path = tmp_path_factory.mktemp("card")
    files.save(graspset, path, MADE)
    card.card(path, None)
    return path


def test_the_page_says_what_made_the_data_how_much_there_is_and_what_was_rejected(folder, graspset):
    page = (folder / "card.md").read_text()
    assert page.startswith("# 15 grasps on 3 objects of 3 categories")
    assert MADE["command"] in page
    assert graspset.fingerprint() in page
    assert "| links | 85 | 85.00 % |" in page
    assert "| penetration depth, m | 0.002 |" in page
    assert "| numpy | 2 |" in page
    assert "| mug | handled | 1 | 0 | 5 | 0 | 5 | 1 |" in page


def test_its_pictures_stand_beside_it(folder):
    page = (folder / "card.md").read_text()
    pictures = [line.split("(")[1].rstrip(")") for line in page.splitlines() if line.startswith("![")]
    assert len(pictures) == 3
    assert all((folder / name).read_bytes().startswith(b"\x89PNG") for name in pictures)


def test_every_table_of_the_page_is_whole(folder):
    lines = (folder / "card.md").read_text().splitlines()
    for above, line in pairwise(lines):
        if above.startswith("|") and line.startswith("|"):
            assert line.count("|") == above.count("|")


def test_the_same_folder_gives_the_same_bytes_wherever_they_go(folder, tmp_path, capsys):
    grasps.main(["card", "--data", str(folder), "--out", str(tmp_path / "again")])
    assert capsys.readouterr().out == f"wrote {tmp_path / 'again' / 'card.md'}\n"
    written = sorted(path.name for path in (tmp_path / "again").iterdir())
    assert len(written) == 5
    for name in written:
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes(), name


def test_the_numbers_are_finite_json(folder):
    said = json.loads((folder / "card.json").read_text(), parse_constant=pytest.fail)
    assert said["tries"]["links"] == {"tries": 85, "share": 0.85}


def test_a_set_that_says_nothing_of_its_making_has_a_page_too(folder):
    said = json.loads((folder / "card.json").read_text())
    page = card.page(said | {"command": None, "tries": {}, "limits": {}, "made with": {}}, {})
    for words in ("not said", "Not said.", "No limits are said.", "No versions are said."):
        assert words in page
