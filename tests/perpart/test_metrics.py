import numpy as np
import pytest
import torch

from perpart.metrics import Overlap, evaluate, mean_map
from perpart.model import ContactCVAE


class Sketches(torch.utils.data.Dataset):
    """Three grasps of thing 0 and one of thing 1, on 64 random points: part i % 16 touches where x is large."""

    object_of = np.array([0, 0, 0, 1])

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
            "direction": normals,
        }


def counted(guess, target) -> Overlap:
    overlap = Overlap()
    overlap.add(torch.as_tensor(guess), torch.as_tensor(target))
    return overlap


def maps(seed: int) -> torch.Tensor:
    return torch.rand(3, 50, 16, generator=torch.Generator().manual_seed(seed))


def test_f1_and_iou_are_their_definitions_at_every_threshold():
    guess, target = maps(0), maps(1)
    overlap = counted(guess, target)
    for threshold in (0.25, 0.5, 0.75):
        said, true = guess >= threshold, target >= 0.5
        hits, either = (said & true).sum().item(), (said | true).sum().item()
        assert overlap.iou(threshold) == pytest.approx(hits / either)
        assert overlap.f1(threshold) == pytest.approx(2 * hits / (said.sum() + true.sum()).item())
        part = (said & true)[..., 3].sum() / (said | true)[..., 3].sum()
        assert overlap.iou_per_part(threshold)[3] == pytest.approx(part.item())


def test_counting_in_batches_is_counting_at_once():
    guess, target = maps(0), maps(1)
    parts = Overlap()
    for i in range(3):
        parts.add(guess[i], target[i])
    whole = counted(guess, target)
    np.testing.assert_array_equal(parts.f1_per_part(), whole.f1_per_part())
    assert parts.mae == pytest.approx((guess - target).abs().mean().item())
    assert parts.mae == pytest.approx(whole.mae)


def test_the_truth_scores_one_and_its_opposite_nothing():
    target = (maps(1) > 0.7).float()
    assert counted(target, target).f1() == 1.0
    assert counted(1 - target, target).f1() == 0.0


def test_a_part_without_touch_or_guess_has_no_score():
    target = torch.zeros(1, 10, 16)
    target[..., 0] = 1.0
    scores = counted(target, target).f1_per_part()
    assert scores[0] == 1.0
    assert np.isnan(scores[1:]).all()


def test_the_best_threshold_is_found():
    target = (maps(1) > 0.9).float()
    threshold, f1 = counted(target * 0.3 + 0.1, target).best()
    assert f1 == 1.0
    assert 0.1 < threshold <= 0.4


def test_the_mean_map_of_an_objects_only_grasp_is_that_grasp():
    alone = Sketches()
    alone.object_of = np.arange(4)
    assert mean_map(alone).f1() == 1.0
    assert mean_map(alone, without_own=True).f1() == 0.0


def test_the_mean_map_of_different_grasps_is_blurred():
    floor = mean_map(Sketches())  # thing 0's three grasps keep a third of themselves, and two thirds of the others
    assert floor.f1() < floor.best()[1] < 1.0
    assert floor.best()[0] <= 0.33
    assert mean_map(Sketches(), without_own=True).best()[1] < floor.best()[1]


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
    terms = {"loss", "contact", "dice", "part", "direction", "kl"}
    assert set(figures) == terms | {"degrees", "f1", "iou", "mae", "f1_prior", "active"}
    assert all(np.isfinite(value) for value in figures.values())
