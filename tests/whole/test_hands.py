"""The main job as its command runs it: killed, resumed, misused"""

import hashlib
import io
import json
import math
import os
import pickle
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.tree import ROOT
from tests.whole import jobs
from tests.whole.campaign import campaign, compare, equal, every_call, hands, rewrite, short
from tests.whole.fixtures import few_grasps
from unbroken import load, testing


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return few_grasps(tmp_path_factory.mktemp("few") / "data")


@pytest.fixture(scope="module")
def oracle(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The work dir of the undisturbed run: five epochs of five batches."""
    folder = tmp_path_factory.mktemp("oracle")
    ended = jobs.run("hands", *hands(data)(folder / "run", 0, False), out=folder / "out.txt")
    assert ended.code == 0, ended.out
    return folder / "run"


@pytest.fixture
def halfway(data: Path, tmp_path: Path) -> Path:
    """A work dir whose run was killed in its third epoch, after twelve of twenty-five batches."""
    ended = jobs.run(
        "hands", *hands(data)(tmp_path / "exp", 0, True), "--no-background", out=tmp_path / "out.txt", die_at="batch 13"
    )
    assert ended.code == -signal.SIGKILL, ended.out
    return tmp_path / "exp"


def go_on(work_dir: Path, *options: object, cwd: Path | None = None) -> jobs.Ended:
    """The command again, with nothing but the work dir."""
    return jobs.run("hands", "--work-dir", work_dir, *options, out=work_dir.parent / "out.txt", cwd=cwd)


def test_killed_at_random_moments_no_bit_differs(data: Path, tmp_path: Path) -> None:
    tally = campaign("hands", hands(data), kills=10, seed=2, folder=tmp_path)
    assert sum(tally.values()) == 10
    assert min(tally.values()) > 0, "a kind of moment was never drawn: choose another seed"


def test_killed_around_single_calls_no_bit_differs(data: Path, tmp_path: Path) -> None:
    tally = every_call("hands", short("hands", hands(data)), tmp_path, most=5, seed=2)
    assert tally.total() == 5
    assert tally["not reached"] <= 2


@pytest.mark.parametrize("source", ["", "checkpoint.pt", "checkpoints/E002_net.pt"])
def test_resuming_prints_and_logs_the_five_lines(source: str, halfway: Path) -> None:
    typed = f"./exp/{source}"
    ended = jobs.run(
        "hands", "--work-dir", "./exp", *(["--resume", typed] if source else []),
        out=halfway.parent / "out.txt", cwd=halfway.parent,
    )  # fmt: skip
    five = ["Resuming from epoch 2", "Loaded optimizer state", "Loaded scheduler state",
            f"Load model from ./exp/{source or 'checkpoint.pt'}", "--- starting Epoch # 002"]  # fmt: skip
    said = ended.out.splitlines()
    start = said.index(five[0])
    assert [line for line in said[start:] if not line.startswith("the history begins")][:5] == five
    logged = (halfway / "train.log").read_text().splitlines()
    assert [line for line in logged if line in five][-5:] == five


def test_a_stock_torch_load_reads_a_checkpoint_after_the_first_epoch(data: Path, tmp_path: Path) -> None:
    arguments = [*hands(data)(tmp_path / "exp", 0, False), "--no-background"]
    jobs.run("hands", *arguments, out=tmp_path / "out.txt", die_at="batch 6")
    program = (
        "import sys, torch; c = torch.load(sys.argv[1], weights_only=True); "
        "print(type(c['epoch']).__name__, c['epoch'], sorted({'state_dict', 'optimizer', 'scheduler'} & set(c)), "
        "[m for m in sys.modules if m.startswith(('unbroken', 'perpart'))])"
    )
    path = str(tmp_path / "exp" / "checkpoint.pt")
    out = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True).stdout
    assert out == "int 1 ['optimizer', 'scheduler', 'state_dict'] []\n"


def test_the_learning_rate_is_the_undisturbed_one_at_every_step_and_ends_at_1e_4(oracle: Path, halfway: Path) -> None:
    go_on(halfway)
    rates = learning_rates(halfway)
    assert rates == learning_rates(oracle)
    assert rates == [1e-4 + 0.5 * 7e-4 * (1 + math.cos(math.pi * min(1.0, (i / 5) / 4.8))) for i in range(25)]
    assert (rates[0], rates[-1]) == (8e-4, 1e-4)
    assert load(str(halfway / "checkpoint.pt"))["optimizer"]["param_groups"][0]["lr"] == 1e-4


def learning_rates(work_dir: Path) -> list[float]:
    records = map(json.loads, (work_dir / "journal.jsonl").read_text().splitlines())
    return [record["lr"] for record in records if record["at"] == "step"]


@pytest.mark.parametrize("part", ["nothing", "optimizer", "average", "buffers", "batch", "means", "scheduler"])
def test_a_run_that_lost_one_part_of_its_state_is_seen_to_differ(part: str, halfway: Path, oracle: Path) -> None:
    rewrite(halfway, lambda tree: forget(tree, part))
    ended = go_on(halfway)
    assert ended.code == 0, ended.out
    # This schedule is a function of the position, so a lost scheduler state heals; the digits' scheduler has a past.
    assert equal(oracle, halfway) == (part in ("nothing", "scheduler"))


def forget(tree: dict[str, Any], part: str) -> None:
    if part == "optimizer":
        tree["optimizer"]["state"] = {}
    elif part == "average":
        tree["kept"]["average"]["n_averaged"].zero_()
    elif part == "buffers":
        for name, tensor in tree["state_dict"].items():
            if "running_" in name:
                tensor.zero_()
    elif part == "batch":
        tree["batch"], tree["step"] = 0, tree["step"] - tree["batch"]
    elif part == "means":
        tree["means"] = {"sums": {}, "counts": {}, "last": {}, "latest": {}}
    elif part == "scheduler":
        tree["scheduler"] = {"progress": 0.0, "lr": 0.0}


# ---- settings


def test_a_flag_that_is_not_given_keeps_the_recorded_value_and_one_that_differs_is_refused(halfway: Path) -> None:
    before = listing(halfway)
    refused = go_on(halfway, "--lr", 1e-3, "--seed", 5)
    assert refused.code == 2
    assert "name  recorded  now" in refused.out
    assert "--allow lr seed (" in refused.out
    assert listing(halfway) == before
    assert "of 5 batches of 4, seed 0" in go_on(halfway).out


def test_a_change_allowed_by_name_is_told_and_applied(halfway: Path) -> None:
    allowed = go_on(halfway, "--lr", 4e-4, "--allow", "lr")
    assert allowed.code == 0, allowed.out
    assert "allowed to change: lr from 0.0008 to 0.0004" in allowed.out
    rates = learning_rates(halfway)
    assert rates[12] == pytest.approx(1e-4 + 0.5 * 3e-4 * (1 + math.cos(math.pi * (12 / 5) / 4.8)), abs=0)


@pytest.mark.parametrize(
    ("how", "last", "at_25"), [("hold", 1e-4, 1e-4), ("stretch", 1e-4, None), ("restart", 1e-4, 8e-4)]
)
def test_a_longer_run_asks_what_becomes_of_the_schedule(
    how: str, last: float, at_25: float | None, halfway: Path
) -> None:
    silent = go_on(halfway, "--n-epochs", 7)
    assert silent.code == 2
    assert "--extend hold" in silent.out
    assert go_on(halfway, "--n-epochs", 7, "--extend", how).code == 0
    rates = learning_rates(halfway)
    assert len(rates) == 35
    assert rates[-1] == last
    if at_25 is None:
        at_25 = 1e-4 + 0.5 * 7e-4 * (1 + math.cos(math.pi * (25 / 5) / 6.8))
    assert rates[25] == pytest.approx(at_25, abs=1e-18)


def test_a_finished_run_says_so_changes_nothing_and_exits_0(data: Path, tmp_path: Path) -> None:
    jobs.run("hands", *hands(data)(tmp_path / "exp", 0, False), out=tmp_path / "out.txt")
    before = listing(tmp_path / "exp")
    ended = go_on(tmp_path / "exp")
    assert ended.code == 0
    assert "Finished: all 5 epochs are done; nothing to do" in ended.out
    assert listing(tmp_path / "exp") == before


def test_sigterm_during_an_epoch_stops_at_the_seam_with_143(data: Path, tmp_path: Path, oracle: Path) -> None:
    job = jobs.Job("hands", *hands(data)(tmp_path / "exp", 2, False), out=tmp_path / "out.txt")
    jobs.wait_for(tmp_path / "out.txt", "starting Epoch # 001")
    os.kill(job.pid, signal.SIGTERM)
    ended = job.wait()
    assert ended.code == 143, ended.out
    assert "Traceback" not in ended.out
    compare("hands", hands(data), oracle, tmp_path / "exp", tmp_path)


def test_flags_whose_default_is_decided_at_birth_can_be_given_again(halfway: Path) -> None:
    assert go_on(halfway, "--device", "auto", "--kl-warmup", "None").code == 0


def test_without_run_json_the_settings_come_from_the_state(halfway: Path, oracle: Path) -> None:
    (halfway / "run.json").unlink()
    assert "Finished: all 5 epochs are done" in go_on(halfway).out
    assert testing.difference(str(oracle / "checkpoint.pt"), str(halfway / "checkpoint.pt")) is None


def test_where_the_states_are_gone_that_is_said_and_the_journal_is_kept(data: Path, halfway: Path) -> None:
    for path in halfway.rglob("*.pt"):
        path.unlink()
    before = (halfway / "journal.jsonl").read_text()
    ended = jobs.run("hands", *hands(data)(halfway, 0, False), out=halfway.parent / "out.txt")
    assert ended.code == 0, ended.out
    assert "whose states are gone" in ended.out
    assert (halfway / "checkpoints" / "left-behind" / "journal.jsonl").read_text() == before


def test_who_reads_the_output_may_leave(halfway: Path, oracle: Path) -> None:
    command = [sys.executable, str(ROOT / "train_per_part.py"), "--work-dir", str(halfway), "--allow", "threads"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait() == 0
    assert "Finished: all 5 epochs" in (halfway / "train.log").read_text()


# ---- bad input


class Runs:
    """A pickle of this would run a command."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch hostile-code-ran",)


def hostile(path: Path, good: bytes) -> None:
    """The good file with its pickle replaced by one that runs code."""
    with zipfile.ZipFile(io.BytesIO(good)) as old, zipfile.ZipFile(path, "w") as new:
        for item in old.infolist():
            evil = item.filename.endswith("data.pkl")
            new.writestr(item, pickle.dumps({"epoch": Runs()}, 2) if evil else old.read(item))


def flipped(path: Path, good: bytes) -> None:
    middle = len(good) // 2
    path.write_bytes(good[:middle] + bytes([good[middle] ^ 16]) + good[middle + 1 :])


BAD: dict[str, tuple[Callable[[Path, bytes], object], str]] = {
    "missing": (lambda path, good: None, "there is no such file"),
    "empty": (lambda path, good: path.write_bytes(b""), "is not a checkpoint"),
    "foreign": (lambda path, good: path.write_text("a letter"), "is not a checkpoint"),
    "weights": (lambda path, good: torch.save({"w": torch.ones(3)}, path), "weights of another program"),
    "truncated": (lambda path, good: path.write_bytes(good[: len(good) // 2]), "cut short or damaged"),
    "flipped": (flipped, "is damaged"),
    "hostile": (hostile, "would run code when loaded"),
    "pickle": (lambda path, good: path.write_bytes(pickle.dumps(Runs())), "can run code when loaded"),
    "folder": (lambda path, good: path.mkdir(), "is not a file"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_resume_path_is_one_line_and_nothing_changes(kind: str, halfway: Path) -> None:
    make, message = BAD[kind]
    path = halfway.parent / "bad.pt"
    make(path, (halfway / "checkpoint.pt").read_bytes())
    before = listing(halfway)
    ended = go_on(halfway, "--resume", "./bad.pt", cwd=halfway.parent)
    assert one_line(ended).startswith("error: ./bad.pt")
    assert message in ended.out
    assert listing(halfway) == before
    assert not (halfway.parent / "hostile-code-ran").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--n-epochs", 1, "--extend", "hold"], "2 are done"),
        (["--device", "abacus"], "no such kind of device"),
        (["--device", "cuda:7", "--allow", "device"], "take --device cpu"),
        (["--batch-size", 0], "at least 1"),
        (["--allow", "nonsense"], "no such setting"),
        (["--batch-size", 8, "--allow", "batch-size"], "stands inside an epoch"),
        (["--data", "./nowhere"], "nowhere"),
    ],
)
def test_a_wish_that_cannot_be_granted_is_one_line(options: list[object], message: str, halfway: Path) -> None:
    before = listing(halfway)
    ended = go_on(halfway, *options, cwd=halfway.parent)
    assert message in one_line(ended)
    assert listing(halfway) == before


def test_a_state_of_another_program_is_one_line(tmp_path: Path) -> None:
    jobs.run("digits", tmp_path / "exp", out=tmp_path / "out.txt")
    assert "is of another program's run, or another version's: it records no" in one_line(go_on(tmp_path / "exp"))


@pytest.mark.parametrize(
    ("content", "said"),
    [("[]", "holds no list of objects"), ("{}", "holds no list of objects"), ("{", "cannot be read")],
)
def test_data_that_are_none_are_one_line(content: str, said: str, data: Path, tmp_path: Path) -> None:
    shutil.copytree(data, tmp_path / "data")
    (tmp_path / "data" / "grasps.json").write_text(content)
    for folder, reason in ((tmp_path / "data", said), (data / "grasps.npz", "grasps.npz: is a file")):
        ended = jobs.run("hands", *hands(folder)(tmp_path / "exp", 0, False), out=tmp_path / "out.txt")
        assert reason in one_line(ended)
    assert not (tmp_path / "exp").exists()


def test_grasps_that_are_not_finite_are_one_line(data: Path, tmp_path: Path) -> None:
    shutil.copytree(data, tmp_path / "data")
    with np.load(data / "grasps.npz") as file:
        arrays = dict(file)
    np.savez(tmp_path / "data" / "grasps.npz", **{**arrays, "angles": arrays["angles"] * np.nan})
    ended = jobs.run("hands", *hands(tmp_path / "data")(tmp_path / "exp", 0, False), out=tmp_path / "out.txt")
    assert "angles is not finite in 630 of 630 numbers" in one_line(ended)


def test_a_work_dir_that_cannot_be_made_is_one_line(data: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    ended = jobs.run("hands", *hands(data)(tmp_path / "file" / "exp", 0, False), out=tmp_path / "out.txt")
    assert "cannot be" in one_line(ended)


def test_an_occupied_work_dir_is_one_line(data: Path, tmp_path: Path) -> None:
    first = jobs.Job("hands", *hands(data)(tmp_path / "exp", 0, True), out=tmp_path / "first.txt")
    jobs.wait_for(tmp_path / "first.txt", "starting Epoch # 001")
    os.kill(first.pid, signal.SIGSTOP)  # holds on, however fast it is
    try:
        ended = go_on(tmp_path / "exp")
    finally:
        first.process.kill()
        first.process.join()
    assert f"is held by another trainer: pid {first.pid}" in one_line(ended)


def test_states_that_are_all_damaged_are_an_error_and_never_a_fresh_start(halfway: Path) -> None:
    for path in halfway.rglob("*.pt"):
        flipped(path, path.read_bytes())
    for _ in range(2):
        before = listing(halfway)
        ended = go_on(halfway)
        assert "none is whole" in one_line(ended)
        assert listing(halfway) == before


def test_a_damaged_newest_state_is_set_aside_and_the_one_before_is_used(halfway: Path, oracle: Path) -> None:
    path = halfway / "checkpoint.pt"
    flipped(path, path.read_bytes())
    damaged = path.read_bytes()
    ended = go_on(halfway)
    assert ended.code == 0, ended.out
    assert f"set aside as {path}.damaged" in ended.out
    assert f"Load model from {halfway}/checkpoint.prev.pt" in ended.out
    assert Path(f"{path}.damaged").read_bytes() == damaged
    assert testing.difference(str(oracle / "checkpoint.pt"), str(path)) is None


def one_line(ended: jobs.Ended) -> str:
    """The error of a refused start: one line on its own, and exit code 2."""
    assert ended.code == 2, ended.out
    assert "Traceback" not in ended.out
    errors = [line for line in ended.out.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert ended.out.rstrip().splitlines()[-1] == errors[0]
    return errors[0]


def listing(folder: Path) -> dict[str, tuple[int, str]]:
    """Every file of a folder with the time and the hash of its content; but not the lock, which every start takes."""
    return {
        str(p.relative_to(folder)): (p.stat().st_mtime_ns, hashlib.sha256(p.read_bytes()).hexdigest())
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name != "run.lock"
    }
