from collections.abc import Iterator
from typing import cast

import numpy as np
import pytest
import torch
from torch import Tensor

import unbroken
from perpart import forms
from perpart.choice import chosen, grasps, noises, said
from perpart.data import kinds
from perpart.data.dataset import Contacts
from perpart.drawing import Drawing, Maps
from perpart.metrics import collate
from perpart.model import ContactCVAE
from perpart.ship import MODEL

THERE = torch.zeros(1, 5, 3)


class Told:
    """Draws a grasp where noise is above 0, and a map that nothing touches elsewhere; part and direction tell which.
    The doubt of it is the noise's size."""

    def draws(self, noise: Tensor, points: Tensor, normals: Tensor) -> Iterator[Maps]:
        del normals
        count = points.shape[1]
        for value in noise:
            contact = torch.zeros(1, count, 16)
            contact[:, 0, :7] = (value > 0).float()  # palm, thumb and index
            part, direction = value.abs().long().expand(1, count), value.expand(1, count, 3)
            yield Maps(contact, part, direction, contact / 2, contact / 4, value.abs())


def drawn(rows: list[list[float]]):
    return chosen(cast(Drawing, Told()), torch.tensor(rows)[:, :, None], THERE, THERE)


def test_of_each_sample_the_grasp_of_least_doubt_is_kept_and_told():
    found = drawn([[1.0, -1.0, -2.0, 8.0], [5.0, 6.0, -7.0, 3.0], [9.0, 4.0, 11.0, 12.0]])
    assert found.maps.direction[:, 0, 0].tolist() == [1.0, 4.0, 11.0, 3.0]
    assert found.maps.part[:, 0].tolist() == [1, 4, 11, 3]
    assert found.maps.doubt.tolist() == [1.0, 4.0, 11.0, 3.0]
    assert found.tries.tolist() == [1, 3, 3, 2]
    assert found.grasps.all()
    for values in (found.maps.contact, 2 * found.maps.expected, 4 * found.maps.touch):
        assert values[:, 0, 0].tolist() == [1.0] * 4


def test_where_no_draw_is_a_grasp_the_one_of_least_doubt_is_kept_and_told():
    found = drawn([[-1.0, 2.0, -3.0], [-3.0, 4.0, -1.0]])
    assert found.maps.direction[:, 0, 0].tolist() == [-1.0, 2.0, -1.0]
    assert found.tries.tolist() == [1, 1, 2]
    assert found.grasps.tolist() == [False, True, False]


def test_with_one_try_all_are_kept():
    found = drawn([[-1.0, 2.0]])
    assert found.maps.direction[:, 0, 0].tolist() == [-1.0, 2.0]
    assert found.tries.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("parts", "grasp"),
    [
        ((0, 3, 6), True), ((3, 5, 6), True), ((0, 6, 9), True),
        ((3, 6), False), ((1, 2, 3), False), ((6, 9, 12), False), ((0, 5, 6), False), ((), False),
    ],
)  # fmt: skip
def test_a_grasp_has_three_touching_parts_of_two_digits_and_the_thumb_or_the_palm(parts, grasp):
    contact = np.zeros((1, 8, 16), np.float32)
    for point, part in enumerate(parts):
        contact[0, point, part] = 0.5
    assert grasps(contact).tolist() == [grasp]
    assert not grasps(0.99 * contact).any(), "contact below 0.5 is no touch"


def test_the_noise_of_a_sample_does_not_depend_on_the_number_of_samples_or_tries():
    many, few = noises(4, 3, 50, 48), noises(4, 2, 7, 48)
    assert torch.equal(many[:2, :7], few)
    assert len(torch.unique(many[:, :, 0])) == 150
    assert not torch.equal(noises(5, 1, 7, 48), few[:1])
    assert not torch.equal(noises(5, 1, 7, 48), few[1:]), "the next seed is not this one's second try"


def test_a_sample_is_the_same_bits_whatever_is_drawn_beside_it():
    torch.default_generator.manual_seed(0)
    model = ContactCVAE(8, 64, 6).eval()
    torch.nn.init.normal_(model.prior.leave[1].weight)  # a fresh flow carries nothing anywhere
    points, normals = torch.randn(2, 1, 64, 3, generator=torch.Generator().manual_seed(1))
    noise = noises(0, 3, 5, 6)
    whole, some = (chosen(model, rows, 0.05 * points, normals) for rows in (noise, noise[:, 3:]))
    assert torch.equal(whole.maps.contact[3:], some.maps.contact)


def test_a_line_says_how_samples_were_chosen_and_what_is_no_grasp():
    assert said(drawn([[1.0, 2.0]])) == ""
    assert said(drawn([[1.0, 2.0], [3.0, -4.0]])) == "2 samples, each the best of 2 draws\n"
    told = said(drawn([[-1.0, 2.0], [-3.0, 4.0]]))
    assert told.startswith("2 samples, each the best of 2 draws; 1 still no grasp, which has at least three touching")
    assert said(drawn([[-1.0, 2.0]])).startswith("2 samples, 1 no grasp, which has at least three touching parts")


def test_the_model_that_ships_doubts_its_draws_more_than_maps_of_real_grasps():
    model = forms.restored(unbroken.load(MODEL), MODEL)
    grasps = Contacts(kinds.load(None), "test", 512, augment=False, most=12, radii=model.shape.radii)
    real, drawn = [], []
    for item, noise in zip(grasps, noises(0, 1, 12, model.latents)[0], strict=True):
        batch = collate([item], torch.device("cpu"))
        with torch.no_grad():
            (mu,), _ = model.read(batch, model.encoded(batch).whole)
        real.append(model.decode(mu, batch["points"], batch["normals"]).doubt.item())
        drawn.append(model.draw(noise[None], batch["points"], batch["normals"]).doubt.item())
    assert 2 * np.median(real) < np.median(drawn)
