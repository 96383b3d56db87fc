"""The command line: its options are frozen here, because users' scripts name them"""

from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch

from perpart.errors import Mistake, told
from perpart.settings import FREE, ONCE, PRESETS, YOUNG, Settings, parse, usable_device

OPTIONS = [
    "work_dir", "resume", "init_from", "preset", "explain", "grace", "stop_file", "max_hours",
    "virtual_ranks", "patience", "n_epochs", "extend", "allow",
    "batch_size", "grasps_per_epoch", "points", "width",
    "latents", "radii", "norm", "form", "loss", "prior",
    "lr", "lr_end", "weight_decay", "kl_weight", "kl_warmup", "seed", "num_workers", "device", "data",
    "validate_every", "snapshot_every", "snapshots_kept", "save_minutes", "save_stall", "background", "log_every",
]  # fmt: skip


def test_the_options_are_these_and_no_others(capsys: pytest.CaptureFixture[str]) -> None:
    assert [f.name for f in fields(Settings) if not f.name.startswith("legs")] == OPTIONS
    with pytest.raises(SystemExit, match="0"):
        parse(["--help"])
    help_text = capsys.readouterr().out
    assert all(f"--{name.replace('_', '-')}" in help_text for name in OPTIONS)
    assert "--legs" not in help_text


def test_the_defaults_that_users_expect() -> None:
    settings = Settings()
    assert (settings.n_epochs, settings.lr, settings.lr_end, settings.snapshot_every) == (3000, 8e-4, 1e-4, 1000)
    assert settings.weight_decay == 0  # which Adam would put into the gradient: the prior does not get past it


def test_a_new_run_decides_device_warm_up_and_legs_once(tmp_path: Path) -> None:
    settings = parse(["--work-dir", str(tmp_path / "new"), "--n-epochs", "200"])
    assert settings.device == ("cuda" if torch.cuda.is_available() else "cpu")
    assert (settings.kl_warmup, settings.legs) == (60.0, ((0, 200),))


def test_a_flag_wins_over_its_preset(tmp_path: Path) -> None:
    settings = parse(["--work-dir", str(tmp_path / "new"), "--preset", "paper", "--batch-size", "8"])
    assert settings == replace(
        settings, preset="paper", batch_size=8, **{k: v for k, v in PRESETS["paper"].items() if k != "batch_size"}
    )


def test_the_record_leaves_out_what_belongs_to_one_start() -> None:
    record = Settings().record()
    assert set(record) | set(ONCE) | set(YOUNG) == {f.name for f in fields(Settings)}
    assert set(FREE) < set(record)


def test_a_run_that_is_older_than_an_option_goes_on_without_it() -> None:
    assert "virtual_ranks" not in Settings().record()
    assert Settings(virtual_ranks=4).record()["virtual_ranks"] == 4


def test_a_work_dir_is_kept_as_it_was_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse(["--work-dir", "./exp/"]).work_dir == "./exp/"


@pytest.mark.parametrize("option", ["--batch-size", "--width", "--n-epochs", "--log-every"])
def test_a_number_that_nothing_can_be_done_with_is_refused(option: str, tmp_path: Path) -> None:
    with pytest.raises(Mistake, match=f"{option} 0: at least 1"):
        parse(["--work-dir", str(tmp_path), option, "0"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--lr", "nan"], "--lr nan: a finite number"),
        (["--kl-weight", "inf"], "--kl-weight inf: a finite number"),
        (["--points", "5"], "--points 5: at least 32"),
        (["--lr", "0"], "more than 0"),
        (["--form", "contactgen", "--latents", "2"], "--latents 2 with --form contactgen: at least 3, one a stage"),
    ],
)
def test_a_number_that_would_fail_later_is_refused_at_once(options: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(Mistake, match=message):
        parse(["--work-dir", str(tmp_path), *options])


@pytest.mark.parametrize("name", ["abacus", "mps", "cuda:99"])
def test_a_device_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(Mistake, match=f"--device {name}: "):
        usable_device(name)


def test_a_mistake_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"), told([]):
        raise Mistake("mug.ply: no such file")
    assert capsys.readouterr().err == "error: mug.ply: no such file\n"
