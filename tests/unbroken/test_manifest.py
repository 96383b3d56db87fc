"""What a sharded state says of its shards"""

from pathlib import Path
from typing import Any

import pytest

from unbroken import manifest
from unbroken.errors import Damaged
from unbroken.manifest import Absent, Manifest

DIGEST = "0" * 64


def told(**changes: Any) -> dict[str, Any]:
    weight = {"at": ["state_dict", "0.weight"], "dtype": "float32", "shape": [2, 3], "dim": 0}
    files = {"__0_0.distcp": [5, DIGEST], ".metadata": [4, DIGEST]}
    return {"folder": "shards/00000001-ab", "files": files, "tensors": {"state_dict.0.weight": weight}, **changes}


def test_a_state_without_shards_has_none() -> None:
    assert manifest.of({"epoch": 1}) is None


def test_what_is_told_is_understood_and_told_again() -> None:
    found = manifest.of({"shards": told()})
    assert found is not None
    weight = Absent("state_dict.0.weight", ("state_dict", "0.weight"), "float32", (2, 3), 0)
    assert found == Manifest(
        "shards/00000001-ab", {"__0_0.distcp": (5, DIGEST), ".metadata": (4, DIGEST)}, {weight.name: weight}
    )
    assert found.size == 9
    assert weight.told() == told()["tensors"][weight.name]


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        {"folder": "shards/a"},
        told(folder="shards/../../etc"),
        told(folder="/etc"),
        told(folder=1),
        told(files={"__0_0.distcp": [5, DIGEST]}),
        told(files={".metadata": [4, DIGEST], "../x": [1, DIGEST]}),
        told(files={".metadata": ["4", DIGEST]}),
        told(files={".metadata": [4, "short"]}),
        told(files=[]),
        told(tensors={"w": {"at": [["x"]], "dtype": "float32", "shape": [1], "dim": 0}}),
        told(tensors={"w": {"at": ["x"], "dtype": "float32", "shape": [-1], "dim": 0}}),
        told(tensors={"w": 1}),
    ],
    ids=str,
)
def test_what_does_not_add_up_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="shards"):
        manifest.of({"shards": wrong})


def test_a_tensor_in_shards_has_its_place_in_the_tree() -> None:
    found = manifest.of({"shards": told()})
    tree = {"state_dict": {"0.weight": None, "0.bias": 1}, "kept": [(2,)]}
    opened = manifest.opened(tree, found)
    assert opened["state_dict"]["0.weight"].shape == (2, 3)
    assert (opened["state_dict"]["0.bias"], opened["kept"]) == (1, [(2,)])
    with pytest.raises(ValueError, match=r"holds state_dict\.0\.weight twice"):
        manifest.opened({"state_dict": {"0.weight": 3}}, found)
    with pytest.raises(ValueError, match=r"state_dict\.0\.weight, for which it has no place"):
        manifest.opened({"state_dict": {}}, found)


def written(tmp_path: Path) -> Manifest:
    folder = tmp_path / "shards" / "1-a"
    folder.mkdir(parents=True)
    for name in ("__0_0.distcp", "__1_0.distcp", ".metadata"):
        (folder / name).write_text(name)
    names = ("__0_0.distcp", "__1_0.distcp", ".metadata")
    return Manifest("shards/1-a", {name: manifest.hashed(str(folder / name)) for name in names}, {})


@pytest.mark.parametrize("place", ["checkpoint.pt", "checkpoints/E001_net.pt", "checkpoints/left-behind/checkpoint.pt"])
def test_shards_are_found_from_every_place_where_states_lie(place: str, tmp_path: Path) -> None:
    found = written(tmp_path)
    path = tmp_path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    assert manifest.place(str(path), found) == str(tmp_path / "shards" / "1-a")
    manifest.check(str(path), found)
    manifest.look(str(path), found)


def test_shards_are_found_beside_a_state_that_is_named_without_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = written(tmp_path)
    monkeypatch.chdir(tmp_path)
    manifest.check("checkpoint.pt", found)


def test_a_shard_that_is_left_out_cut_or_changed_is_found(tmp_path: Path) -> None:
    found = written(tmp_path)
    path, shard = str(tmp_path / "checkpoint.pt"), tmp_path / "shards" / "1-a" / "__1_0.distcp"
    for content, words in (("__1_0.distcP", "does not match its hash"), ("__1", "has 3 bytes instead of 12")):
        shard.write_text(content)
        with pytest.raises(Damaged, match=rf"checkpoint.pt is damaged: its shard .*__1_0.distcp {words}"):
            manifest.check(path, found)
    shard.unlink()
    with pytest.raises(Damaged, match=r"__1_0.distcp is missing"):
        manifest.check(path, found)
    with pytest.raises(Damaged, match=r"__1_0.distcp is missing"):
        manifest.look(path, found)
    manifest.check(path, found, ["__0_0.distcp", ".metadata"])  # the part of a process that does not read it


def test_shards_whose_folder_is_gone_are_missed(tmp_path: Path) -> None:
    with pytest.raises(Damaged, match=r"its shards, shards/1-a, are not there"):
        manifest.check(str(tmp_path / "checkpoint.pt"), Manifest("shards/1-a", {}, {}))
