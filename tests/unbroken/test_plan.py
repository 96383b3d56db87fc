"""python -m unbroken plan"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unbroken.test_costs import session, written
from unbroken import Every, plan
from unbroken.__main__ import main
from unbroken.costs import Costs
from unbroken.every import Cost

GIVEN = ["--step", "400ms", "--stall", "80ms", "--write", "12s", "--restart", "90s"]
COSTS = Costs(step=0.4, stall=0.08, write=12.0, restart=90.0)


def told(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    assert main(["plan", *words]) == 0
    return capsys.readouterr().out.splitlines()


def parsed(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    return json.loads("\n".join(told(capsys, *words, "--json")))


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["plan", *words]) == 2
    return capsys.readouterr().err


def test_it_prints_a_table_of_intervals_and_what_to_use(capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(capsys, *GIVEN, "--mtbf", "3h", "--nodes", "8")
    assert lines[0] == "given: step 400 ms, stall 80 ms, write 12 s, restart 90 s"
    assert lines[2] == "a node stops every 3 h, 8 of them every 22.5 min, without notice; seed 0"
    assert lines[3].startswith("| saves apart | goodput, simulated | Young/Daly | less the write |")
    assert sum(line.endswith("best |") for line in lines) == 1
    assert sum("Every() by itself" in line for line in lines) == 1
    assert any(line.startswith("Young: 14.7 s, Daly: 14.6 s of training between two saves") for line in lines)
    assert lines[-1].startswith("Use unbroken.Every(minutes=0.24")
    assert "of the main job, --save-minutes 0.24" in lines[-1]
    assert lines[-1].endswith("A state is then being written 82 % of the time: see that steps are no slower beside it")


def test_both_ends_of_a_public_figure_are_planned(capsys: pytest.CaptureFixture[str]) -> None:
    worst, best = parsed(capsys, *GIVEN, "--trace", "spot-v100", "--nodes", "8")
    assert (worst["stops"]["mean"], best["stops"]["mean"]) == pytest.approx((612, 1440))
    assert worst["best"]["useful"] < best["best"]["useful"]


def test_a_public_figure_with_one_end_is_planned_once(capsys: pytest.CaptureFixture[str]) -> None:
    (only,) = parsed(capsys, *GIVEN, "--trace", "llama3", "--nodes", "16384")
    assert only["stops"]["mean"] == pytest.approx(11135, abs=1)


def test_recorded_stops_are_planned_with(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "stops.txt").write_text("".join(f"{3600 * i}\n" for i in range(1, 20)))
    (only,) = parsed(capsys, *GIVEN, "--trace", str(tmp_path / "stops.txt"))
    assert only["stops"]["mean"] == 3600.0
    assert only["best"]["restarting"] == pytest.approx(90 / 3600, rel=0.01)
    assert "--nodes 4: the stops in" in refused(capsys, *GIVEN, "--trace", str(tmp_path / "stops.txt"), "--nodes", "4")


def test_what_a_run_costs_is_measured_in_its_work_dir(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = written(tmp_path, session(0.0, 0, [(0, 20), (1, 30), (1, 50), (2, 60)], restart=40.0))
    (line, *_) = told(capsys, folder, "--mtbf", "1h")
    assert line == (
        f"measured in {folder} (1 session, 40 steps, 6 saves): step 500 ms, stall 100 ms, write 2 s, restart 40 s, "
        "a save after each epoch of 15 s"
    )
    (line, *_) = told(capsys, folder, "--mtbf", "1h", "--restart", "5min", "--step", "1s")
    assert line.startswith(f"measured in {folder} (1 session, 40 steps, 6 saves, but step, restart given): step 1 s")


def test_where_epochs_are_short_a_save_in_so_many_of_them_is_advised(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = written(tmp_path, session(0.0, 0, [(0, 20), (1, 30), (1, 50), (2, 60)], restart=40.0))
    words = [folder, "--mtbf", "1d", "--step", "10ms"]  # an epoch of 0.3 s, a save of 2.1 s
    (only,) = parsed(capsys, *words)
    assert only["best"]["every"]["epochs"] > 10
    assert only["best"]["useful"] > only["default"]["useful"] + 0.01
    advice = told(capsys, *words)[-1]
    assert advice.startswith(f"Use unbroken.Every(epochs={only['best']['every']['epochs']}, minutes=")
    assert "; of the main job, which saves after every epoch, no flag: " in advice


def test_what_is_neither_given_nor_measured_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = written(tmp_path, session(0.0, 0, [(0, 2), (0, 4)], 1.0))
    assert refused(capsys, folder, "--mtbf", "3h") == (
        f"error: {folder}'s journal is too short to tell: give --stall, --write (such as --stall 80ms)\n"
    )
    assert refused(capsys, "--mtbf", "3h", "--step", "1s") == (
        "error: name a run, or give --stall, --write, --restart (such as --stall 80ms)\n"
    )


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([], "how often does a node stop? --mtbf 3h, or --trace with a name or a file, and not both"),
        (["--mtbf", "3h", "--trace", "llama3"], "how often does a node stop?"),
        (["--mtbf", "3h", "--nodes", "0"], "--nodes 0: at least 1"),
        (["--mtbf", "3h", "--noticed", "1"], "--noticed: say how long before the end the notice comes (--grace 30s)"),
        (["--mtbf", "3h", "--grace", "1s", "--noticed", "1.5"], "more than 0, and 0 to 1"),
        (["--mtbf", "0s"], "more than 0, and 0 to 1"),
        (["--trace", "no-such-file"], "--trace no-such-file: neither a file nor one of spot-v100, llama3"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(
    words: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(capsys, *GIVEN, *words)
    assert why in said
    assert said.count("\n") == 1


def test_a_span_that_is_none_is_refused_with_the_name_of_its_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["plan", "--mtbf", "3"])
    assert "argument --mtbf: '3' is no span of time: write a number and its unit" in capsys.readouterr().err


def test_a_notice_is_planned_with_and_whether_a_save_fits_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(capsys, *GIVEN, "--mtbf", "3h", "--grace", "30s")
    assert "100 % of them 30 s after a notice (a step and a save take 12.5 s: that fits)" in lines[2]
    assert lines[-1] == (
        "Keep the default, unbroken.Every(); and unbroken.Stop(grace=30) (--grace 30): "
        "no other interval is better by 0.10 %"
    )
    assert lines[-4].endswith("is lost work or waits for a last save")
    lines = told(capsys, *GIVEN, "--mtbf", "3h", "--grace", "5s", "--noticed", "0.25")
    assert "25 % of them 5 s after a notice (a step and a save take 12.5 s: that does not fit)" in lines[2]


def test_the_same_seed_prints_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    asked = [*GIVEN, "--mtbf", "3h", "--nodes", "8"]
    assert told(capsys, *asked) == told(capsys, *asked, "--seed", "0")
    assert told(capsys, *asked) != told(capsys, *asked, "--seed", "1")


@pytest.mark.parametrize("apart", [12.5, 45.0, 90.0, 400.0, 3000.0])
@pytest.mark.parametrize("batches", [0, 100, 10_000])
def test_a_rule_saves_as_far_apart_as_asked_or_further_but_for_what_its_epochs_add(apart: float, batches: int) -> None:
    costs = Costs(COSTS.step, COSTS.stall, COSTS.write, COSTS.restart, batches)
    every = plan.rule(apart, costs)
    assert every.apart(Cost(costs.stall, costs.save)) == pytest.approx(apart, rel=0.005)
    assert every.epochs == (max(1, int(apart / (batches * 0.4))) if batches else 1)


def test_a_rule_that_the_default_share_of_stalls_allows_leaves_it_alone() -> None:
    assert plan.rule(60.0, COSTS) == Every(minutes=1.0)
    assert plan.rule(600.0, COSTS) == Every(minutes=10.0, stall=7e-05)


def test_no_interval_is_tried_at_which_the_disk_cannot_follow() -> None:
    assert min(plan.candidates(COSTS, 60.0)) == COSTS.save
    assert min(plan.candidates(COSTS, 1e6)) > COSTS.save


def test_the_default_is_kept_where_no_interval_is_better_by_what_a_flag_is_worth(
    capsys: pytest.CaptureFixture[str],
) -> None:
    cheap = ["--step", "1s", "--stall", "1ms", "--write", "500ms", "--restart", "10s", "--mtbf", "10d"]
    (only,) = parsed(capsys, *cheap)
    assert only["best"] == only["default"]
    assert told(capsys, *cheap)[-1].startswith("Keep the default, unbroken.Every()")


def test_planning_imports_no_torch() -> None:
    words = ["plan", *GIVEN, "--mtbf", "3h"]
    program = f"import sys; from unbroken.__main__ import main; main({words}); print('torch' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ran.stdout.splitlines()[-1] == "False", ran.stderr
