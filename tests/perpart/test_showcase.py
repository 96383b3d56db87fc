"""The sheet of objects, and their list"""

import numpy as np
import pytest
from PIL import Image

from perpart import objects
from perpart.objects import __main__ as command
from perpart.objects import showcase


@pytest.fixture
def few(monkeypatch):
    """Three categories are all there are."""
    some = {name: objects.CATEGORIES[name] for name in ("mug", "pen", "egg")}
    for module in (command, showcase):
        monkeypatch.setattr(module, "CATEGORIES", some)


def test_every_family_has_a_colour_of_its_own():
    families = {recipe.family for recipe in objects.CATEGORIES.values()}
    assert set(showcase.HUES) == families
    assert len(set(showcase.HUES.values())) == len(families)


def test_sizes_are_millimetres():
    thing = objects.build("egg", 0)
    assert showcase.size(thing) == " × ".join(str(round(1000 * side)) for side in thing.mesh.extents)


@pytest.mark.usefixtures("few")
def test_the_command_draws_the_same_sheet_each_time(tmp_path, capsys):
    for name in ("a.png", "b.png"):
        command.main(["sheet", str(tmp_path / name), "--instances", "1"])
    assert capsys.readouterr().out.splitlines()[0] == f"wrote {tmp_path / 'a.png'}"
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as image:
        assert np.asarray(image.convert("L")).std() > 5


@pytest.mark.usefixtures("few")
def test_the_list_has_a_line_per_category_with_sizes_mass_and_symmetry(capsys):
    command.main(["list", "--seeds", "2"])
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.startswith("z is up in all")
    assert [line.split()[0] for line in lines] == ["mug", "pen", "egg"]
    assert lines[2].endswith("any turn about the upright axis")


def test_none_of_each_is_one_line_and_exit_code_2(capsys):
    with pytest.raises(SystemExit) as left:
        command.main(["list", "--seeds", "0"])
    assert left.value.code == 2
    assert capsys.readouterr().err == "error: --seeds is 0; it must be 1 or more\n"
