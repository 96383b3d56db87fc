from pathlib import Path

import pytest

from perpart.data.kinds import load
from perpart.data.things import Own
from perpart.errors import Mistake
from perpart.grasps.__main__ import main
from perpart.objects import CATEGORIES, build, own
from tests.tree import ROOT

SPORK = (ROOT / "docs" / "data.md").read_text().split("```python\n")[1].split("```")[0]


@pytest.fixture(autouse=True)
def given_back():
    """Categories are added for a whole process; not for the other tests of this one."""
    before = dict(CATEGORIES)
    yield
    CATEGORIES.clear()
    CATEGORIES.update(before)


def file(folder: Path, text: str) -> str:
    path = folder / "recipes.py"
    path.write_text(text)
    return str(path)


def test_the_pages_category_is_made_into_grasps_whose_folder_needs_no_recipe(tmp_path, capsys):
    path, out = file(tmp_path, SPORK), tmp_path / "sporks"
    main(["make", "--recipes", path, "--categories", "spork", "--grasps", "3", "--instances", "1", "--out", str(out)])
    assert "1 objects of 1 categories" in capsys.readouterr().out
    solid = build("spork", 0).mesh
    CATEGORIES.pop("spork")
    found = load(out)
    (thing,) = found.objects
    assert isinstance(thing, Own)
    assert (thing.name, thing.category) == ("spork_0", "spork")
    assert solid.is_watertight
    assert abs(found.cloud(0, 2000)[:, :3]).max() <= abs(solid.bounds).max() + 1e-6
    assert len(found) == 3


def test_a_file_can_be_adopted_again(tmp_path):
    path = file(tmp_path, SPORK)
    assert own.adopt(path) == own.adopt(path) == ("spork",)
    assert own.adopted("spork")
    assert not own.adopted("mug")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("CATEGORIES = 3", "has no CATEGORIES"),
        ("CATEGORIES = {'spork': 3}", "is no objects.Recipe"),
        (SPORK.replace('"spork":', '"mug":'), "a category is called 'mug' already"),
        ("1 / 0", "fails with ZeroDivisionError: division by zero"),
    ],
)
def test_what_is_no_file_of_recipes_is_told_in_one_line(tmp_path, text, said):
    with pytest.raises(Mistake, match=said) as raised:
        own.adopt(file(tmp_path, text))
    assert len(str(raised.value).splitlines()) == 1


def test_a_missing_file_of_recipes_is_told(tmp_path):
    with pytest.raises(Mistake, match="cannot be read"):
        own.adopt(str(tmp_path / "nowhere.py"))
