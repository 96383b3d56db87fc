import numpy as np
import pytest
import torch

from perpart import forms
from perpart.metrics import DRAWS, evaluate, imagine, score
from perpart.model import ContactCVAE
from perpart.scores.distance import apart


class Sketches(torch.utils.data.Dataset):
    """Three grasps of thing 0 and one of thing 1, on 64 random points: part i % 16 touches where x is large."""

    object_of = np.array([0, 0, 0, 1])
    known = 1.0

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        rng = torch.Generator().manual_seed(int(self.object_of[index]))
        points = torch.randn(64, 3, generator=rng) * 0.03
        contact = torch.zeros(64, 16)
        contact[points[:, index % 2] > 0.02, index] = 1.0
        normals = torch.nn.functional.normalize(points, dim=-1)
        return {
            "points": points,
            "normals": normals,
            "contact": contact,
            "part": contact.argmax(-1),
            "direction": normals * self.known,
        }


class Drawer:
    """Draws what it is told to."""

    def __init__(self, maps: torch.Tensor):
        self.maps = maps

    def dream(self, batch, n, generator) -> torch.Tensor:
        return self.maps[:n, None].expand(-1, len(batch["points"]), -1, -1)


def test_evaluation_gives_the_same_bits_twice_and_leaves_no_trace():
    torch.default_generator.manual_seed(0)
    model, state = ContactCVAE(8, 64), torch.get_rng_state()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    figures = [evaluate(model, Sketches()) for _ in range(2)]
    assert figures[0] == figures[1]
    assert model.training
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


def test_evaluation_reports_finite_numbers_under_their_names():
    torch.default_generator.manual_seed(0)
    figures = evaluate(ContactCVAE(8, 64), Sketches())
    terms = {"loss", "contact", "dice", "part", "direction", "kl", "flow"}
    assert set(figures) == terms | {"degrees", "f1", "iou", "mae", "f1_prior", "active", "prior", "score"}
    assert all(np.isfinite(value) for value in figures.values())


def test_degrees_are_degrees_whatever_is_minimised():
    torch.default_generator.manual_seed(0)
    model = ContactCVAE(8, 64)
    told = [evaluate(model, Sketches(), "cpu", objective)["degrees"] for objective in forms.LOSSES.values()]
    assert told[0] == told[1] < 180.0


def test_where_no_direction_is_known_no_degrees_are_told():
    unknown = Sketches()
    unknown.known = 0.0
    torch.default_generator.manual_seed(0)
    assert "degrees" not in evaluate(ContactCVAE(8, 64), unknown)


def test_real_grasps_drawn_score_higher_than_one_of_them_again_and_again_or_blur_or_nothing():
    class Pair(Sketches):
        object_of = np.zeros(2, int)

        def __len__(self) -> int:
            return 2

    real = torch.stack([Pair()[i]["contact"] for i in range(2)])
    again, blur = real[:1].expand_as(real), real.mean(0).expand_as(real) * 0.9
    found = [imagine(Drawer(maps), Pair(), "cpu", 32)[1] for maps in (real, again, blur, torch.zeros_like(real))]  # pyright: ignore
    far = apart(real, real)
    assert found[0] == pytest.approx(2 - 2 * far.mean() + far[0, 1])
    assert found[0] > max(found[1:])
    assert min(found[:3]) > found[3] == 0.0
    assert len(real) == DRAWS


def test_each_grasp_is_held_against_one_draw_in_its_turn():
    real = torch.stack([Sketches()[i]["contact"] for i in range(4)])
    imagined, _ = imagine(Drawer(real), Sketches(), "cpu", 32)  # pyright: ignore
    assert imagined.grasps[0] == 4
    assert 0.0 < imagined.f1()[0, -1] < 1.0  # of thing 0 the first two are hit


def test_the_score_wants_both_and_knows_no_nan():
    assert score(0.4, 0.9) == pytest.approx(0.6)
    assert score(0.44, 0.9) == pytest.approx(score(0.4, 0.99))
    assert score(0.0, 1.0) == score(0.9, 0.0) == score(float("nan"), 1.0) == 0.0
