"""Every preset as it is by default, killed: the model, its calibration, its best state, its workers"""

from pathlib import Path

import pytest

from perpart.average import weights
from perpart.settings import PRESETS
from tests.whole.campaign import campaign
from tests.whole.fixtures import few_grasps
from tests.whole.presets import preset
from unbroken import load


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_that_is_killed_leaves_the_undisturbed_bits(name: str, tmp_path: Path) -> None:
    data = few_grasps(tmp_path / "data", each=6)
    assert campaign("hands", preset(name, data, 2, 3), kills=2, seed=1, folder=tmp_path).total() == 2
    state = load(str(tmp_path / "undisturbed" / "best.pt"))
    assert state["settings"]["width"] == PRESETS[name].get("width", 32)
    assert weights(state)["chances.scale"].ne(1).any(), "the calibration was never fitted"
    assert "chances.sharpness" in weights(state), "how sharp maps are was never fitted"
    assert weights(state)["shape.lift.0.weight"].ne(state["state_dict"]["shape.lift.0.weight"]).any()
