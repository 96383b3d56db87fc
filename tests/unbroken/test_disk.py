"""Files and names that survive a power cut"""

from pathlib import Path

from unbroken.disk import free, link, made, remove


def test_a_link_takes_the_place_of_what_had_the_name(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text("content")
    new.write_text("what was there")
    for _ in range(2):  # and again, when both are names of one file
        link(str(old), str(new))
        assert new.samefile(old)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "old"]


def test_a_folder_is_made_with_those_above_it(tmp_path: Path) -> None:
    for _ in range(2):
        made(str(tmp_path / "a" / "b"))
        assert (tmp_path / "a" / "b").is_dir()


def test_a_free_name_is_the_name_itself_or_counted_up(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    names = []
    for _ in range(3):
        names.append(free(str(path)))
        Path(names[-1]).touch()
    assert names == [str(path), f"{path}-2", f"{path}-3"]


def test_removing_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    remove(str(tmp_path / "dangling"))
    remove(str(tmp_path / "dangling"))
    assert not list(tmp_path.iterdir())
