"""The names in a work dir"""

from pathlib import Path

from unbroken.places import Places


def test_places_are_those_that_the_user_typed() -> None:
    places = Places("./exp_per_part")
    assert places.checkpoint == "./exp_per_part/checkpoint.pt"
    assert places.previous == "./exp_per_part/checkpoint.prev.pt"
    assert places.behind == "./exp_per_part/checkpoints/left-behind"
    assert places.journal == "./exp_per_part/journal.jsonl"
    assert places.snapshot(7) == "./exp_per_part/checkpoints/E007_net.pt"
    assert places.snapshot(12345) == "./exp_per_part/checkpoints/E12345_net.pt"


def test_a_folder_without_states_has_none(tmp_path: Path) -> None:
    assert Places(str(tmp_path)).states() == []
    assert Places(str(tmp_path / "nowhere")).states() == []


def test_states_are_listed_in_the_order_in_which_they_are_tried(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    for name in ("E002_net.pt", "E999_net.pt", "E1000_net.pt", "E5.pt", "E009_net.pt.damaged", "notes.txt"):
        (tmp_path / "checkpoints" / name).touch()
    (tmp_path / "checkpoint.prev.pt").touch()
    (tmp_path / "checkpoint.pt").symlink_to("nowhere")  # a dangling link is a state that cannot be read, not no state
    names = [str(Path(path).relative_to(tmp_path)) for path in Places(str(tmp_path)).states()]
    assert names == [
        "checkpoint.pt", "checkpoint.prev.pt",
        "checkpoints/E1000_net.pt", "checkpoints/E999_net.pt", "checkpoints/E002_net.pt",
    ]  # fmt: skip
