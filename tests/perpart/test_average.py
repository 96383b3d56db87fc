"""The mean of a model's latest steps"""

import math

import torch
from torch import nn

from perpart.average import POWER, Average, weights


class Walker(nn.Module):
    """A parameter that is where it is told to be, and a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.zeros(2, dtype=torch.float64))
        self.register_buffer("count", torch.zeros(1))

    def at(self, place: float) -> "Walker":
        self.place.data.fill_(place)
        return self


def walked(places: list[float]) -> Average:
    model = Walker()
    average = Average(model)
    for place in places:
        average.update_parameters(model.at(place))
    return average


def test_step_t_weighs_as_a_power_of_t() -> None:
    places = [math.sin(k) for k in range(200)]
    share = [((k + 1) / 200) ** (POWER + 1) - (k / 200) ** (POWER + 1) for k in range(200)]
    mean = walked(places).module.place
    expected = sum(place * weight for place, weight in zip(places, share, strict=True))
    assert torch.allclose(mean, torch.full_like(mean, expected), rtol=0, atol=1e-12)


def test_it_spreads_over_a_tenth_of_the_run_whatever_its_length() -> None:
    for steps in (500, 5000):
        when = torch.arange(1, steps + 1, dtype=torch.float64)
        share = (when ** (POWER + 1)).diff(prepend=torch.zeros(1)) / steps ** (POWER + 1)
        middle = share @ when
        assert abs((share @ (when - middle) ** 2).sqrt().item() / steps - 0.1) < 0.002


def test_it_goes_on_from_its_state_to_the_same_bits() -> None:
    places = [math.cos(k) for k in range(30)]
    whole, first = walked(places), walked(places[:13])
    model = Walker()
    second = Average(model)
    second.load_state_dict(first.state_dict())
    for place in places[13:]:
        second.update_parameters(model.at(place))
    assert torch.equal(second.module.place, whole.module.place)
    assert second.n_averaged == whole.n_averaged == 30


def test_buffers_are_the_models() -> None:
    model = Walker()
    average = Average(model)
    model.count.fill_(3)
    average.update_parameters(model)
    assert average.module.count.item() == 3


def test_of_a_state_the_mean_is_drawn_from_and_without_one_the_model() -> None:
    state = {"state_dict": {"place": torch.zeros(2)}, "kept": {}}
    assert weights(state) is state["state_dict"]
    assert weights({"state_dict": state["state_dict"]}) is state["state_dict"]
    found = weights({**state, "kept": {"average": dict(walked([1.0]).state_dict())}})
    assert {name: value.tolist() for name, value in found.items()} == {"place": [1.0, 1.0], "count": [0.0]}
