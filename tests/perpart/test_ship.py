"""The model that ships, and how one is made"""

from pathlib import Path

import numpy as np
import pytest
import torch

import unbroken
from perpart import forms, ship
from perpart.average import Average
from perpart.objects import build
from perpart.sample import Sampling, sample
from tests.perpart.test_sample import FACTS, SHAPE
from unbroken import checkpoint


@pytest.fixture
def state(tmp_path: Path) -> Path:
    torch.default_generator.manual_seed(0)
    model = forms.built(SHAPE)
    optimizer = torch.optim.Adam(model.parameters())
    tree = {**FACTS, "state_dict": dict(model.state_dict()), "optimizer": optimizer.state_dict()}
    checkpoint.write(tree, str(tmp_path / "best.pt"))
    return tmp_path / "best.pt"


def test_what_is_shipped_holds_the_model_and_nothing_of_its_training(state: Path, capsys) -> None:
    out = state.with_name("model.pt")
    ship.main(["--checkpoint", str(state), "--out", str(out)])
    lean, whole = unbroken.load(str(out)), unbroken.load(str(state))
    assert lean["optimizer"] == {}
    for name, value in whole["state_dict"].items():
        kept = lean["state_dict"][name]
        assert torch.equal(kept, value.half() if value.dim() > 1 else value)
    assert {value.dtype for value in forms.restored(lean, str(out)).state_dict().values()} == {torch.float32}
    assert "epoch 1, " in capsys.readouterr().out
    assert sorted(path.name for path in state.parent.iterdir()) == ["best.pt", "model.pt"]


def test_of_a_run_that_kept_a_mean_the_mean_is_shipped(state: Path) -> None:
    tree, out, state = unbroken.load(str(state)), state.with_name("model.pt"), state.with_name("meant.pt")
    mean = Average(forms.built(SHAPE))
    checkpoint.write({**tree, "kept": {"average": dict(mean.state_dict()), "mine": [1]}}, str(state))
    ship.main(["--checkpoint", str(state), "--out", str(out)])
    lean = unbroken.load(str(out))
    assert lean["kept"] == {"mine": [1]}
    for name, value in mean.module.state_dict().items():
        assert torch.equal(lean["state_dict"][name], value.half() if value.dim() > 1 else value)


def test_what_no_one_can_draw_from_is_not_shipped(state: Path, tmp_path: Path, capsys) -> None:
    checkpoint.write({**FACTS, "state_dict": {"weight": torch.zeros(3)}}, str(tmp_path / "other.pt"))
    with pytest.raises(SystemExit, match="2"):
        ship.main(["--checkpoint", str(tmp_path / "other.pt"), "--out", str(tmp_path / "model.pt")])
    assert "holds another model" in capsys.readouterr().err
    assert not (tmp_path / "model.pt").exists()


def test_without_a_checkpoint_the_shipped_model_draws_maps_that_touch(tmp_path: Path) -> None:
    build("mug", 7).mesh.export(tmp_path / "mug.ply")
    sample(Sampling((str(tmp_path / "mug.ply"),), str(tmp_path / "maps"), n=6, device="cpu"))
    contact = np.load(tmp_path / "maps" / "contact_maps.npy")
    touching = (contact >= 0.5).any(1)  # [6, 16]: which parts touch
    assert (touching.sum(1) >= 2).mean() > 0.6
    assert Path(ship.MODEL).stat().st_size < 8e6
