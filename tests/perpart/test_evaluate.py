import csv
import json
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import unbroken
from perpart import evaluate, forms
from perpart.data.dataset import Contacts
from perpart.data.graspset import save
from perpart.fits import aims, solve
from perpart.losses import objective
from perpart.model import ContactCVAE
from tests.perpart import own
from unbroken import checkpoint


@pytest.fixture(scope="module")
def trained(graspset, tmp_path_factory) -> Path:
    """A folder with data in `data` and a run of one epoch of two steps beside it."""
    folder = tmp_path_factory.mktemp("trained")
    save(graspset, folder / "data", {"command": "by a test"})
    settings = {
        "width": 8, "points": 64, "latents": 6, "radii": (0.02, 0.06), "norm": "layer", "prior": "flow",
        "form": "sixteen",
        "fingerprint": graspset.fingerprint(),
    }  # fmt: skip
    feed = unbroken.Feed(Contacts(graspset, "train", 64), 5)
    with unbroken.Run(str(folder), feed, epochs=1, seed=0, settings=settings) as run:
        model = ContactCVAE(width=8, points=64, latents=6)
        optimizer = torch.optim.Adam(model.parameters())
        run.keep(model=model, optimizer=optimizer)
        for epoch in run:
            for batch in epoch:
                optimizer.zero_grad()
                objective(model(batch), batch, 0.0)["loss"].backward()
                optimizer.step()
    return folder


QUICKLY = ("--draws", "4", "--resamplings", "20")


def printed(trained: Path, capsys, *more: str) -> str:
    evaluate.main(["--checkpoint", str(trained / "checkpoint.pt"), "--data", str(trained / "data"), *QUICKLY, *more])
    return capsys.readouterr().out


def test_the_tables_say_what_was_evaluated_and_how_every_part_fares(trained, capsys):
    lines = printed(trained, capsys).splitlines()
    assert "epoch 1, digest" in lines[0]
    assert "split valid of the data it was trained with" in lines[1]
    assert "5 grasps of 1 objects, 64 points and 4 draws each" in lines[1]
    assert {"rebuilt", "palm", "little3", "all", "chances", "sets,"} <= {line.split()[0] for line in lines if line}


def test_the_same_command_writes_the_same_bytes_on_any_number_of_threads(trained, capsys, tmp_path):
    before = torch.get_num_threads()
    for name, threads in (("a", 1), ("b", 2)):
        torch.set_num_threads(threads)
        try:
            printed(trained, capsys, "--points", "512", "--out", str(tmp_path / name))
        finally:
            torch.set_num_threads(before)
    for file in ("checkpoint-valid.json", "checkpoint-valid.csv"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_the_files_lie_beside_the_checkpoint_and_say_how_to_compute_them_again(trained, capsys, graspset):
    printed(trained, capsys)
    folder = trained / "evaluation"
    said = json.loads((folder / "checkpoint-valid.json").read_text())
    assert said["checkpoint"]["digest"] == unbroken.load(str(trained / "checkpoint.pt"))["digest"]
    assert said["data"]["fingerprint"] == graspset.fingerprint()
    assert (said["form"], said["data"]["grasps"], said["data"]["points"]) == (
        {"draws": 4, "tries": 8, "fits": 0, "seed": 0}, 5, 64,
    )  # fmt: skip
    assert said["versions"]["torch"] == torch.__version__
    before = (folder / "checkpoint-valid.csv").read_bytes()
    evaluate.main(shlex.split(said["command"])[2:])
    assert (folder / "checkpoint-valid.csv").read_bytes() == before
    with (folder / "checkpoint-valid.csv").open() as file:
        assert len(list(csv.reader(file))) == 1 + len(said["figures"])


def test_what_is_printed_can_be_recomputed_by_hand(trained, capsys, graspset):
    line = next(line for line in printed(trained, capsys).splitlines() if line.startswith("rebuilt"))
    model = forms.restored(unbroken.load(str(trained / "checkpoint.pt")), "")
    data = Contacts(graspset, "valid", 64, augment=False)
    with torch.no_grad():
        batch = {key: torch.stack([data[i][key] for i in range(5)]) for key in data[0]}
        said, true = model(batch)["contact"].sigmoid(), batch["contact"]
    touch, guess = true >= 0.5, said >= 0.5
    f1 = 2 * (touch & guess).sum() / (touch.sum() + guess.sum())
    assert line.split()[1] == f"{f1.item():.3f}"
    assert f"{(said - true).abs().mean().item():.4f}" in line


def test_how_sharp_maps_are_made_is_told(trained, tmp_path, capsys):
    state = unbroken.load(str(trained / "checkpoint.pt"))
    state["state_dict"]["chances.sharpness"] = torch.tensor(1.26)
    checkpoint.write(state, str(tmp_path / "checkpoint.pt"))
    evaluate.main(["--checkpoint", str(tmp_path / "checkpoint.pt"), "--data", str(trained / "data"), *QUICKLY])
    assert capsys.readouterr().out.splitlines()[0].endswith("maps sharpened by 1.26")
    told = json.loads((tmp_path / "evaluation" / "checkpoint-valid.json").read_text())
    assert told["checkpoint"]["sharpness"] == 1.26
    assert printed(trained, capsys).splitlines()[0].endswith("maps sharpened by 1")


def test_a_model_of_other_radii_is_judged_with_its_own_balls(trained, tmp_path, graspset):
    state = unbroken.load(str(trained / "checkpoint.pt"))
    state["settings"]["radii"] = [0.004, 0.008]
    checkpoint.write(state, str(tmp_path / "checkpoint.pt"))
    model, data = forms.restored(state, ""), Contacts(graspset, "valid", 64, augment=False)
    with torch.no_grad():
        batch = {key: torch.stack([data[i][key] for i in range(5)]) for key in data[0] if key not in ("near", "far")}
        off = (model(batch)["contact"].sigmoid() - batch["contact"]).abs().mean().item()
    evaluate.main(["--checkpoint", str(tmp_path / "checkpoint.pt"), "--data", str(trained / "data"), *QUICKLY])
    told = json.loads((tmp_path / "evaluation" / "checkpoint-valid.json").read_text())["figures"]
    mae = next(f["value"] for f in told if (f["guess"], f["measure"], f["part"]) == ("rebuilt", "mae", "all"))
    assert mae == pytest.approx(off, abs=1e-7)


def figures(trained: Path, out: Path, *more: str) -> list[dict]:
    evaluate.main(["--checkpoint", str(trained / "checkpoint.pt"), *QUICKLY, "--out", str(out), *more])
    return json.loads((out / "checkpoint-valid.json").read_text())["figures"]


@pytest.fixture
def quick_fits(monkeypatch):
    quickly = aims.Weights()
    monkeypatch.setattr(solve, "ROUNDS", (solve.Round(2, 64, 3, 1.0, quickly), solve.Round(1, 64, 3, 0.5, quickly)))


@pytest.mark.usefixtures("quick_fits")
def test_objects_made_for_the_evaluation_alone_are_judged_by_the_training_grasps_of_another_folder(
    trained, capsys, tmp_path, graspset
):
    alone = replace(graspset, split=("test", "valid", "test"))
    a, b, c = graspset.objects
    elsewhere = (graspset.object_of + 1) % 3
    floor = replace(graspset, objects=(c, a, b), split=("train", "train", "valid"), object_of=elsewhere)
    for name, data in (("alone", alone), ("floor", floor)):
        save(data, tmp_path / name, {"command": "by a test"})
    both = figures(trained, tmp_path / "both", "--data", str(trained / "data"), "--fits=1")
    judged, training = ("--data", str(tmp_path / "alone")), ("--train-data", str(tmp_path / "floor"))
    apart = figures(trained, tmp_path / "apart", *judged, *training, "--fits=1")
    assert str(apart) == str(both)  # nan is not nan
    assert "the floor: training grasps of other data than it was trained with (fingerprint " in capsys.readouterr().out
    with pytest.raises(SystemExit):
        figures(trained, tmp_path / "none", *judged)
    assert "no grasp of the split 'train'" in capsys.readouterr().err


def test_another_seed_draws_otherwise(trained, capsys):
    assert printed(trained, capsys) != printed(trained, capsys, "--seed", "1")


def test_draws_are_the_best_of_eight_unless_one_try_is_asked_for(trained, capsys):
    best, once = printed(trained, capsys), printed(trained, capsys, "--tries", "1")
    assert "4 draws each, every one the best of 8;" in best
    assert "4 draws each;" in once
    first, other = (next(line for line in said.splitlines() if line.startswith("draw  ")) for said in (best, once))
    assert first != other


def test_fewer_grasps_are_called_fewer(trained, capsys):
    assert "4 of 5 grasps, evenly chosen," in printed(trained, capsys, "--grasps", "4")


def test_the_full_form_takes_all_there_is_and_has_a_name_of_its_own(trained, capsys):
    said = printed(trained, capsys, "--full", "--fits", "0")
    assert "5 grasps of 1 objects, 2048 points and 4 draws each" in said
    assert "checkpoint-valid-full.json" in said


@pytest.mark.usefixtures("quick_fits")
def test_hands_are_fitted_when_asked_for_and_the_record_says_so(trained, capsys, tmp_path):
    said = printed(trained, capsys, "--fits", "1", "--out", str(tmp_path))
    begins = [line.split("  ")[0] for line in said.splitlines()]
    assert {"grasps, per object", "draws", "nearest", "rebuilt", "real maps *", "real hands *"} <= set(begins)
    record = json.loads((tmp_path / "checkpoint-valid.json").read_text())
    assert record["form"]["fits"] == 1
    assert "--fits=1" in record["command"]
    assert "grasps, per object" not in printed(trained, capsys, "--full", "--fits", "0", "--out", str(tmp_path))
    assert "--fits=0" in json.loads((tmp_path / "checkpoint-valid-full.json").read_text())["command"]


def test_contact_maps_of_ones_own_are_evaluated_and_their_directions_are_unknown(trained, capsys, tmp_path):
    said = printed(trained, capsys, "--data", str(own.contact_folder(tmp_path)))
    figures = json.loads((trained / "evaluation" / "checkpoint-valid.json").read_text())["figures"]
    assert {figure["value"] for figure in figures if figure["table"] == "direction"} == {None}
    assert "other data than it was trained with" in said
    assert any(figure["value"] > 0 for figure in figures if figure["measure"] == "rate")


def test_other_data_are_called_other_data(trained, capsys, graspset, tmp_path):
    moved = graspset.angles + 0.01
    save(replace(graspset, angles=moved), tmp_path, {"command": "by a test"})
    said = printed(trained, capsys, "--data", str(tmp_path))
    assert "split valid of other data than it was trained with" in said


@pytest.mark.parametrize(
    "more",
    [
        ["--split", "test"],
        ["--checkpoint", "nowhere.pt"],
        ["--device", "abacus"],
        ["--draws", "1"],
        ["--points", "9"],
        ["--tries", "0"],
    ],
)
def test_a_wish_that_cannot_be_met_is_one_line_and_exit_code_two(trained, capsys, more):
    with pytest.raises(SystemExit) as left:
        printed(trained, capsys, *more)
    assert left.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
