import json

import pytest

from perpart.data import kinds
from perpart.data.graspset import GraspSet
from perpart.data.maps import Maps
from perpart.data.skins import Skins
from perpart.data.source import Source
from perpart.errors import Mistake
from perpart.grasps import __main__ as grasps
from tests.perpart import own


@pytest.mark.parametrize(
    ("write", "kind"), [(own.angles_folder, GraspSet), (own.contact_folder, Maps), (own.mesh_folder, Skins)]
)
def test_every_kind_of_folder_opens_as_what_it_is(tmp_path, write, kind):
    found: Source = kinds.load(write(tmp_path))
    assert isinstance(found, kind)
    assert found.split == ("train", "valid")
    assert found.of("valid").tolist() == [3, 4, 5]
    with pytest.raises(Mistake, match="no split is called 'dev'"):
        found.of("dev")


@pytest.mark.parametrize("write", [own.angles_folder, own.contact_folder, own.mesh_folder])
def test_every_kind_is_described(tmp_path, write, capsys):
    grasps.main(["describe", "--data", str(write(tmp_path))])
    said = capsys.readouterr().out
    assert "6 grasps on 2 objects of 2 categories" in said
    assert "unit m, as grasps.json says" in said
    assert ("no poses of our hand" in said) == (write is not own.angles_folder)


def test_the_digest_changes_with_what_is_read_and_only_then(tmp_path):
    for write in (own.angles_folder, own.contact_folder, own.mesh_folder):
        folder = write(tmp_path / write.__name__)
        before = kinds.load(folder).fingerprint()
        said = json.loads((folder / "grasps.json").read_text())
        (folder / "grasps.json").write_text(json.dumps(said | {"author": "somebody"}))
        assert kinds.load(folder).fingerprint() == before
        said["objects"][0]["split"] = "test"
        (folder / "grasps.json").write_text(json.dumps(said))
        assert kinds.load(folder).fingerprint() != before


def test_a_folder_that_is_none_is_a_mistake_in_one_line(tmp_path):
    with pytest.raises(Mistake, match=r"grasps\.json: is missing"):
        kinds.load(tmp_path)
