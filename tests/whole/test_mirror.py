"""TensorBoard after many kills: one unbroken curve, the journal's"""

import signal
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.whole import jobs
from unbroken import records

Points = list[tuple[int, float]]


def mirrored(work_dir: Path) -> dict[str, Points]:
    """What TensorBoard shows: each curve's steps and values."""
    found = EventAccumulator(str(work_dir / "summaries"), size_guidance={"scalars": 0}).Reload()
    return {tag: [(event.step, event.value) for event in found.Scalars(tag)] for tag in found.Tags()["scalars"]}


def recorded(work_dir: Path) -> dict[str, Points]:
    """What the journal holds, by TensorBoard's names. What sessions have spent is not mirrored."""
    curves: dict[str, Points] = {}
    for record in records.read(str(work_dir / "journal.jsonl")):
        for path, value in records.numbers(record):
            if path not in ("epoch", "step") and not path.startswith("time/"):
                curves.setdefault(f"{record['at']}/{path}", []).append((record["step"], value))
    return curves


def measured(curves: dict[str, Points]) -> dict[str, Points]:
    return {tag: points for tag, points in curves.items() if "/time/" not in tag}


def alike(work_dir: Path) -> None:
    """Every curve of the mirror is the journal's: no step twice, none missing, the same values."""
    told, shown = recorded(work_dir), measured(mirrored(work_dir))
    assert shown.keys() == told.keys()
    for tag, points in told.items():
        assert [step for step, _ in shown[tag]] == [step for step, _ in points], tag
        assert [value for _, value in shown[tag]] == pytest.approx([value for _, value in points]), tag


def test_killed_ten_times_it_shows_one_unbroken_curve(tmp_path: Path) -> None:
    """Killed with records that no state vouches for, once between an epoch's record and its state, and at once."""
    work_dir, out = tmp_path / "run", tmp_path / "out.txt"
    for batch in (13, 27, 5, 18, 21, 20, 9, 2, 24, 1):
        ended = jobs.run("ends", work_dir, "--wait", out=out, die_at=f"batch {batch}")
        assert ended.code == -signal.SIGKILL, ended.out
    ended = jobs.run("ends", work_dir, out=out)
    assert ended.code == 0, ended.out
    assert max(step for step, _ in mirrored(work_dir)["step/train/loss"]) == 120
    alike(work_dir)


def test_killed_between_an_epochs_record_and_its_state_the_epoch_is_shown_once(tmp_path: Path) -> None:
    """The state at the epoch's last batch knows all its steps, and nothing of the epoch's own record."""
    work_dir, out = tmp_path / "run", tmp_path / "out.txt"
    often = ["--wait", "--save-minutes", 1e-9]
    ended = jobs.run(
        "ends", work_dir, *often, out=out, die_at="before replace checkpoint.pt.unbroken-tmp 22", folder=work_dir
    )
    assert ended.code == -signal.SIGKILL, ended.out
    assert [record["step"] for record in records.read(str(work_dir / "journal.jsonl"))][-2:] == [20, 20]
    ended = jobs.run("ends", work_dir, *often, out=out)
    assert "20 of its 20 batches are done" in ended.out
    alike(work_dir)
