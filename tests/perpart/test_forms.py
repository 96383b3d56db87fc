import pytest
import torch

from perpart import forms
from perpart.average import Average
from perpart.errors import Mistake
from tests.perpart.test_model import batch

SMALL = {"width": 8, "points": 64, "latents": 12, "radii": (0.02, 0.06), "norm": "layer", "prior": "flow"}


@pytest.mark.parametrize("loss", forms.LOSSES)
@pytest.mark.parametrize("form", forms.FORMS)
def test_every_form_learns_a_handful_of_grasps_with_every_loss(form: str, loss: str) -> None:
    torch.default_generator.manual_seed(0)
    model, data, objective = forms.built(SMALL | {"form": form}), batch(4, 64), forms.LOSSES[loss]
    optimizer, losses = torch.optim.Adam(model.parameters(), 5e-3), []
    for _ in range(300):
        optimizer.zero_grad()
        loss_terms = objective(model(data), data, 1e-4)
        loss_terms["loss"].backward()
        optimizer.step()
        losses.append(loss_terms["contact"].item())
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("form", forms.FORMS)
def test_a_model_is_restored_from_a_runs_state_and_from_no_other(form: str) -> None:
    settings = SMALL | {"radii": [0.02, 0.06], "form": form, "lr": 1.0}
    model, data = forms.built(settings), batch(points=64)
    state = {"settings": settings, "state_dict": model.state_dict()}
    assert torch.equal(forms.restored(state, "a.pt")(data)["contact"], model.eval()(data)["contact"])
    mean = Average(forms.built(settings))
    drawn = forms.restored(state | {"kept": {"average": mean.state_dict()}}, "a.pt")
    assert torch.equal(drawn(data)["contact"], mean.module.eval()(data)["contact"])
    latest = forms.restored(state | {"kept": {"average": mean.state_dict()}}, "a.pt", latest=True)
    assert torch.equal(latest(data)["contact"], model(data)["contact"])
    wider = state | {"settings": settings | {"width": 16}}
    for wrong in (wider, {"settings": {}, "state_dict": {}}):
        with pytest.raises(Mistake, match=r"^a\.pt holds another model"):
            forms.restored(wrong, "a.pt")
