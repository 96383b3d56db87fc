from dataclasses import replace
from pathlib import Path

import pytest
import torch

import unbroken
from perpart import evaluate
from perpart.data.dataset import Contacts
from perpart.data.graspset import save
from perpart.losses import objective
from perpart.metrics import measure
from perpart.model import ContactCVAE


@pytest.fixture(scope="module")
def trained(graspset, tmp_path_factory) -> Path:
    """A folder with data in `data` and a run of one epoch of two steps beside it."""
    folder = tmp_path_factory.mktemp("trained")
    save(graspset, folder / "data", {"command": "by a test"})
    settings = {"width": 8, "points": 64, "latents": 6, "fingerprint": graspset.fingerprint()}
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


def printed(trained: Path, capsys, *more: str) -> str:
    evaluate.main(["--checkpoint", str(trained / "checkpoint.pt"), "--data", str(trained / "data"), *more])
    return capsys.readouterr().out


def test_the_table_has_a_line_for_each_part_and_for_all(trained, capsys):
    lines = printed(trained, capsys).splitlines()
    names = [line.split()[0] for line in lines]
    assert "epoch 1" in lines[0]
    assert "split valid of the data it was trained with" in lines[1]
    assert {"palm", "thumb1", "little3", "all", "all,"} <= set(names)
    assert all(len(line.split()) == 6 for line in lines if line.startswith(("palm", "thumb", "little3", "all ")))


def test_the_numbers_can_be_recomputed(trained, capsys, graspset):
    first, second = (printed(trained, capsys) for _ in range(2))
    path = str(trained / "checkpoint.pt")
    model = ContactCVAE.restored(unbroken.load(path), path)
    figures = measure(model, Contacts(graspset, "valid", 64, augment=False)).figures
    assert first == second
    line = next(line for line in first.splitlines() if line.startswith("all "))
    assert line.split()[1:3] == [f"{figures[key]:.3f}" for key in ("f1", "f1_prior")]


def test_other_data_are_called_other_data(trained, capsys, graspset, tmp_path):
    moved = graspset.angles + 0.01
    save(replace(graspset, angles=moved), tmp_path, {"command": "by a test"})
    said = printed(trained, capsys, "--data", str(tmp_path))
    assert "split valid of other data than it was trained with" in said


def test_a_missing_split_or_file_is_one_line_and_exit_code_two(trained, capsys):
    for more in (["--split", "test"], ["--checkpoint", "nowhere.pt"], ["--device", "abacus"]):
        with pytest.raises(SystemExit) as left:
            printed(trained, capsys, *more)
        assert left.value.code == 2
        assert len(capsys.readouterr().err.splitlines()) == 1
