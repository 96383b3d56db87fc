"""The fit finds again what made the maps"""

import numpy as np
import pytest
import torch

from perpart.anatomy import LIMITS, MEAN_BONES, limited
from perpart.fits import aims, solve
from perpart.fits.solve import Fits, Round, fitted
from perpart.hands import Hands

SHORT = (Round(2, 64, 3, 1.0, aims.Weights()), Round(1, 64, 3, 0.5, aims.Weights()))


@pytest.fixture(scope="module")
def found(toothpaste) -> Fits:
    return fitted(toothpaste.maps, toothpaste.place.ground, seed=0)


def hands(fits: Fits) -> Hands:
    return Hands.of(fits.angles, fits.root, fits.bones)


def joints(one: Hands, other: Hands) -> np.ndarray:
    """Metres between joints [n, 16]."""
    return (one.posed.frames - other.posed.frames)[:, :, :3, 3].norm(dim=-1).numpy()


def test_a_known_grasp_is_found_again(toothpaste, found):
    worth = toothpaste.place.worth(hands(found), toothpaste.maps)
    assert (worth.f1 > 0.75).all()
    assert (worth.depth < 0.002).all()
    assert worth.touches.all()
    touched = (toothpaste.maps.contact >= 0.5).any(1)
    assert np.median(joints(hands(found), toothpaste.hands)[touched]) < 0.008


def test_limits_hold(found):
    assert (found.angles >= LIMITS[:, 0]).all()
    assert (found.angles <= LIMITS[:, 1]).all()
    np.testing.assert_array_equal(limited(found.angles.copy()), found.angles)
    turn = found.root[:, :3, :3]
    np.testing.assert_allclose(turn @ turn.swapaxes(1, 2), np.tile(np.eye(3), (2, 1, 1)), atol=1e-5)
    np.testing.assert_array_equal(found.bones, [MEAN_BONES] * 2)


def test_the_same_seed_gives_the_same_bits_on_any_number_of_threads_and_another_others(toothpaste, monkeypatch):
    monkeypatch.setattr(solve, "ROUNDS", SHORT)
    monkeypatch.setattr(solve, "LAID", 3)
    before, runs = torch.get_num_threads(), []
    for seed, threads in ((1, 1), (1, 2), (2, 1)):
        torch.set_num_threads(threads)
        try:
            runs.append(fitted(toothpaste.maps, toothpaste.place.ground, seed))
        finally:
            torch.set_num_threads(before)
    assert runs[0].angles.tobytes() == runs[1].angles.tobytes()
    assert runs[0].root.tobytes() == runs[1].root.tobytes()
    assert runs[0].angles.tobytes() != runs[2].angles.tobytes()


def test_a_map_without_any_contact_gives_a_hand_all_the_same(toothpaste, monkeypatch):
    monkeypatch.setattr(solve, "ROUNDS", SHORT)
    monkeypatch.setattr(solve, "LAID", 3)
    nothing = solve.Maps(toothpaste.maps.cloud, np.zeros_like(toothpaste.maps.contact))
    fits = fitted(nothing, None, 0)
    assert np.isfinite(fits.root).all()
    assert np.isfinite(fits.angles).all()


def test_a_small_turn_is_a_turn():
    turn = solve._turn(torch.tensor([[0.0, 0.0, 0.0], [0.02, -0.01, 0.03]], dtype=torch.float64))
    torch.testing.assert_close(turn @ turn.mT, torch.eye(3, dtype=torch.float64).expand(2, 3, 3))
    torch.testing.assert_close(turn[0], torch.eye(3, dtype=torch.float64))
    assert turn[1, 1, 0] == pytest.approx(0.03, rel=0.02)


def test_joints_are_brought_back_as_the_hand_s_anatomy_says():
    wild = np.random.default_rng(0).normal(0, 2, (200, 21))
    angles = torch.from_numpy(wild.astype(np.float32))
    solve._limit(angles)
    np.testing.assert_allclose(angles, limited(wild.copy()), atol=1e-6)
